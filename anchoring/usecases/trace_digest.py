"""How far a digest has come."""

from dataclasses import dataclass

from anchoring.core.batch import Batch, BatchState
from anchoring.core.detached import not_posted
from anchoring.errors import NotFound
from anchoring.ports.entries import Entry
from anchoring.ports.store import UnitOfWork
from anchoring.types import Did, Digest


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
    entries = uow.entries.of_digest(digest, did)
    if not entries:
        raise NotFound(not_posted(digest, did, uow.issuers.detached(did)))
    batches = uow.batches.of_entries([entry.id for entry in entries])
    return [Standing(entry=entry, batch=_sealed(batch)) for entry, batch in zip(entries, batches, strict=True)]


def _sealed(batch: Batch | None) -> Batch | None:
    return batch if batch and batch.tree else None
