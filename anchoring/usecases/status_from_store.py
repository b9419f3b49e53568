"""Status as this service knows it: its own lists as they are now, and their heads as its rounds saw them on the ledger."""

from datetime import datetime, timedelta
from typing import Final

from anchoring.core.proof import InclusionProof
from anchoring.core.proof_json import format_time
from anchoring.core.status_documents import ListForm, ReadList
from anchoring.core.status_judgement import HeadNotShown, HeadShown, Served, StatusPlace, Unserved
from anchoring.ports.store import UnitOfWork
from anchoring.types import Did, ListId

VALID: Final = timedelta(days=1)


class StoreStatus:
    """Implements ports.StatusSource over one unit of work. The ledger is not asked, nor any other host."""

    def __init__(self, uow: UnitOfWork, now: datetime) -> None:
        self._uow = uow
        self._now = now

    @property
    def at_hand(self) -> bool:
        return True

    def head(self, list_id: ListId) -> HeadShown | HeadNotShown:  # noqa: ARG002 - versions are not kept yet
        rounds = self._uow.rounds.newest(1)
        if not rounds:
            return HeadNotShown("this service has not seen the ledger yet")
        seen = rounds[0].finished_at or rounds[0].started_at
        return HeadShown(head=None, source=f"this service as of its round at {format_time(seen)}")

    def served(self, place: StatusPlace, issuer: Did | None, *, fresh: bool) -> Served | Unserved:  # noqa: ARG002 - it is always
        found = self._uow.status_lists.find(place.list_id) if place.list_id is not None else None
        if found is None:
            return Unserved(code=None, why="this service looks at its own lists only, and it is none of them")
        read = ReadList(
            form=ListForm.BITSTRING_JSON,
            url=place.url,
            signer=found.issuer,
            purposes=frozenset({found.purpose.value}),
            bits=self._uow.status_lists.bits(found.id),
            signed_at=self._now,
            valid_from=self._now,
            valid_until=self._now + VALID,
            ttl_s=None,
        )
        return Served(read=read, source="this service's list", word="as this service has it", not_shown=None)


def bound_places(uow: UnitOfWork, proof: InclusionProof) -> tuple[StatusPlace, ...] | None:
    """The places that this service recorded for the proof's entry; None when the entry is not here."""
    entries = uow.entries.of_digest(proof.digest, proof.issuer)
    if not entries:
        return None
    bindings = uow.status_lists.bindings_of([entry.id for entry in entries]).values()
    lists = uow.status_lists.with_keys([binding.place.list_key for binding in bindings])
    return tuple(
        StatusPlace(
            named_at="the service",
            list_id=lists[binding.place.list_key].list_id,
            url=None,
            purpose=binding.purpose,
            index=binding.place.index,
        )
        for binding in bindings
    )
