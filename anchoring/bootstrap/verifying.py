"""What a verifier gives becomes evidence: the pinned contract at a node, and ways to status lists. No settings are read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from anchoring.core.finality import parse_finality
from anchoring.core.proof import InclusionProof, Registry
from anchoring.core.status_judgement import StatusFindings, StatusPlace
from anchoring.core.verification import Evidence, NoEvidence
from anchoring.types import Did
from anchoring.usecases.gather_evidence import evidence_from_node

if TYPE_CHECKING:
    from anchoring.ports.ledger import RegistryReader

NODE_TIMEOUT_S: Final = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """The contract that the verifier pinned, at a node. `reader`: why there is none, in words."""

    pinned: Registry | None
    reader: "RegistryReader | str"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where lists may come from."""

    service: str | None
    copies: Sequence[Path]
    signers: Sequence[Did]
    allow_private: bool


def open_reader_at(pinned: Registry | None, rpc_url: str | None, *, pin: str, node: str) -> "RegistryReader | str":
    """Reads the pinned contract at a node, which is not asked yet; or why there is none. `pin`, `node`: how to name each.

    Raises: Misconfigured.
    """
    # The ledger's library takes a while to import, so it is imported by whoever needs a ledger.
    from anchoring.ledger.registry_reader import EvmRegistryReader
    from anchoring.ledger.rpc import JsonRpc

    if pinned is None:
        return f"no contract is pinned: give {pin}"
    if rpc_url is None:
        return f"no node was asked: give {node}"
    return EvmRegistryReader(JsonRpc(rpc_url, timeout_s=NODE_TIMEOUT_S), pinned)


def find_evidence(ledger: Ledger, proof: InclusionProof, finality: str, *, at: str) -> Evidence | NoEvidence:
    """What the ledger shows of the proof's root. `at`: the name of `finality`. Raises: InvalidInput."""
    rule = parse_finality(finality, at=at)
    if isinstance(ledger.reader, str):
        return NoEvidence(ledger.reader)
    return evidence_from_node(ledger.reader, proof.root, rule)


def find_status(
    ledger: Ledger,
    sources: Sources,
    *,
    credential: bytes | None,
    proof: InclusionProof | None,
    evidence: Evidence | NoEvidence,
    now: datetime,
    bound: tuple[StatusPlace, ...] | None = None,
) -> StatusFindings:
    """What every list says that speaks of the credential. Raises: InvalidInput naming the file."""
    from anchoring.bootstrap.status import open_verifier_lists
    from anchoring.usecases.check_status import StatusQuestion, check_status

    lists = open_verifier_lists(
        ledger.reader,
        service=sources.service,
        copies=sources.copies,
        signers=sources.signers,
        allow_private=sources.allow_private,
    )
    question = StatusQuestion(credential=credential, proof=proof, evidence=evidence, bound=bound)
    return check_status(lists, question, now=now)
