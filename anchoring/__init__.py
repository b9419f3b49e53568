"""CredAnchor: digests of microcredentials anchored on a ledger, and proofs that anyone can check.

A verifier's program needs this module alone: `anchoring.verify(credential, proof, …)`. It is imported when it is asked for, so
that whoever imports another part does not wait for it.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anchoring.bootstrap.inside import embedded_proof
    from anchoring.core.outcome import Outcome
    from anchoring.core.proof import Registry
    from anchoring.core.report import Check, CheckName, Report
    from anchoring.core.validity import Validity, ValidityState
    from anchoring.verifier import verify, verify_offline

__all__ = [
    "Check",
    "CheckName",
    "Outcome",
    "Registry",
    "Report",
    "Validity",
    "ValidityState",
    "embedded_proof",
    "verify",
    "verify_offline",
]

_WHERE = {
    "Check": "anchoring.core.report",
    "CheckName": "anchoring.core.report",
    "Outcome": "anchoring.core.outcome",
    "Registry": "anchoring.core.proof",
    "Report": "anchoring.core.report",
    "Validity": "anchoring.core.validity",
    "ValidityState": "anchoring.core.validity",
    "embedded_proof": "anchoring.bootstrap.inside",
    "verify": "anchoring.verifier",
    "verify_offline": "anchoring.verifier",
}

if not TYPE_CHECKING:  # to a type checker it would make everything Any

    def __getattr__(name: str) -> object:
        from importlib import import_module

        if name not in _WHERE:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
