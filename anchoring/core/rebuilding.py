"""What rebuilding a database brought, and what is missing still."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from anchoring.core.batch import Anchor
from anchoring.core.proof import InclusionProof
from anchoring.core.proof_json import format_time
from anchoring.types import Did, to_hex


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """What was of no use, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestSource:
    """A manifest somebody has. `pieces`: its content from the beginning, as often as asked for."""

    name: str
    pieces: Callable[[], Iterator[bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofSource:
    """A proof somebody has."""

    name: str
    proof: InclusionProof


@dataclass(frozen=True, slots=True)
class Sources:
    """What a database can be rebuilt from."""

    manifests: list[ManifestSource] = field(default_factory=list)
    proofs: list[ProofSource] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """An anchor of the ledger whose batch is not in the database. `proven`: how many of its leaves proofs show."""

    anchor: Anchor
    proven: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """What one manifest brought."""

    restored: int = 0
    known: int = 0
    entries: int = 0
    reposted: int = 0
    erased_again: int = 0
    issuers: Sequence[Did] = ()


@dataclass(slots=True, kw_only=True)
class RebuildReport:
    """What became of everything.

    `anchors`: on the ledger. `restored`, `known`: batches; `entries`: those of the restored. `reposted`: entries that were posted
    again meanwhile, and are served as posted last. `erased_again`: erasures that the database or a manifest had forgotten.
    `proofs`: leaves of any batch that proofs show.
    """

    anchors: int = 0
    restored: int = 0
    known: int = 0
    entries: int = 0
    reposted: int = 0
    erased_again: int = 0
    issuers: list[Did] = field(default_factory=list)
    proofs: int = 0
    refused: list[Refused] = field(default_factory=list)
    missing: list[Missing] = field(default_factory=list)

    def add(self, done: Rebuilt) -> None:
        """What one manifest brought."""
        self.restored += done.restored
        self.known += done.known
        self.entries += done.entries
        self.reposted += done.reposted
        self.erased_again += done.erased_again
        self.issuers += done.issuers


def rebuild_to_json(report: RebuildReport) -> dict[str, Any]:
    """The report as `credanchor store rebuild --json` prints it."""
    return {
        "anchors": report.anchors,
        "restored": report.restored,
        "known": report.known,
        "entries": report.entries,
        "reposted": report.reposted,
        "erasedAgain": report.erased_again,
        "issuers": list(report.issuers),
        "proofs": report.proofs,
        "refused": [{"name": one.name, "reason": one.reason} for one in report.refused],
        "missing": [
            {
                "root": to_hex(one.anchor.root),
                "sequence": one.anchor.sequence,
                "anchoredAt": format_time(one.anchor.anchored_at),
                "leafCount": one.anchor.leaf_count,
                "proven": one.proven,
            }
            for one in report.missing
        ],
    }
