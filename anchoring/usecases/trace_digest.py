"""How far a digest has come."""

from collections.abc import Sequence
from dataclasses import dataclass

from anchoring.core.batch import Batch, BatchState
from anchoring.errors import NotFound
from anchoring.ports.entries import Entry
from anchoring.ports.store import UnitOfWork
from anchoring.types import Did, Digest, to_hex


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One issuer's entry and the batch it is in. `batch`: None while the entry waits."""

    entry: Entry
    batch: Batch | None

    @property
    def state(self) -> BatchState:
        return self.batch.state if self.batch else BatchState.WAITING


def trace_digest(uow: UnitOfWork, digest: Digest, did: Did | None) -> list[Standing]:
    """Where the digest stands for each issuer that posted it, or for one of them; oldest entry first.

    Raises: NotFound.
    """
    [standings] = trace_digests(uow, [(digest, did)])
    if not standings:
        raise unknown_digest(digest, did)
    return standings


def trace_digests(uow: UnitOfWork, asked: Sequence[tuple[Digest, Did | None]]) -> list[list[Standing]]:
    """As `trace_digest` of each, in the order of the input; nothing for a digest that was not posted."""
    posted = uow.entries.of_digests([digest for digest, _ in asked])
    found = [[one for one in of if did in (None, one.issuer)] for (_, did), of in zip(asked, posted, strict=True)]
    entries = [entry for of in found for entry in of]
    batches = iter(uow.batches.of_entries([entry.id for entry in entries]))
    return [[Standing(entry=entry, batch=_sealed(next(batches))) for entry in of] for of in found]


def unknown_digest(digest: Digest, did: Did | None) -> NotFound:
    """What is said of a digest that nobody posted, or not this issuer."""
    by = f" by {did}" if did else ""
    return NotFound(f"digest {to_hex(digest)} was not posted here{by}")


def _sealed(batch: Batch | None) -> Batch | None:
    return batch if batch and batch.tree else None
