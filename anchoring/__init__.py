"""CredAnchor: digests of microcredentials anchored on a ledger, and proofs that anyone can check.

A verifier's program needs this module alone: `anchoring.verify(credential, proof, …)`. It is imported when it is asked for, so
that whoever imports another part does not wait for it.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anchoring.core.outcome import Outcome
    from anchoring.core.verification import CheckName, Report
    from anchoring.verifier import verify, verify_offline

__all__ = ["CheckName", "Outcome", "Report", "verify", "verify_offline"]

_WHERE = {
    "CheckName": "anchoring.core.verification",
    "Outcome": "anchoring.core.outcome",
    "Report": "anchoring.core.verification",
    "verify": "anchoring.verifier",
    "verify_offline": "anchoring.verifier",
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_WHERE[name]), name)
