"""Status as this service knows it: its own lists as they are now, and their heads as its rounds saw them on the ledger."""

from datetime import datetime

from anchoring.core.proof import InclusionProof
from anchoring.core.proof_json import format_time
from anchoring.core.status_documents import ListForm, ReadList
from anchoring.core.status_freshness import now_after
from anchoring.core.status_judgement import Head, HeadNotShown, HeadShown, Served, StatusPlace, Unserved
from anchoring.ports.store import UnitOfWork
from anchoring.types import Did, ListId


class StoreStatus:
    """Implements ports.StatusSource over one unit of work. The ledger is not asked, nor any other host."""

    def __init__(self, uow: UnitOfWork, now: datetime, *, is_lost: bool) -> None:
        """`is_lost`: see `status_is_lost`."""
        self._uow = uow
        self._now = now
        self._is_lost = is_lost

    @property
    def at_hand(self) -> bool:
        return True

    def head(self, list_id: ListId) -> HeadShown | HeadNotShown:
        rounds = self._uow.rounds.newest(1)
        if not rounds:
            return HeadNotShown("this service has not seen the ledger yet")
        found = self._uow.status_versions.newest_published(list_id)
        if self._is_lost and found is None:
            return HeadNotShown(
                "this service's database was rebuilt from manifests, which say nothing of status: it does not know what the "
                "ledger holds of this list"
            )
        head = None
        if found is not None and found.head is not None:
            head = Head(version=found.version, published_at=found.head.published_at, digest=found.digest)
        seen = rounds[0].finished_at or rounds[0].started_at
        return HeadShown(head=head, source=f"this service as of its round at {format_time(seen)}", as_of=seen)

    def served(self, place: StatusPlace, issuer: Did | None, *, fresh: bool) -> Served | Unserved:  # noqa: ARG002 - it always is
        found = self._uow.status_lists.find(place.list_id) if place.list_id is not None else None
        if place.list_id is None or found is None:
            return Unserved(code=None, why="this service looks at its own lists only, and it is none of them")
        published = self._uow.status_versions.newest_published(place.list_id)
        read = ReadList(
            form=ListForm.BITSTRING_JSON,
            url=place.url,
            signer=found.issuer,
            purposes=frozenset({found.purpose.value}),
            bits=self._uow.status_lists.bits(found.id),
            signed_at=now_after(published.published_at if published else None, self._now),
            valid_from=None,
            valid_until=None,
            ttl_s=None,
        )
        return Served(read=read, source="this service's list", word="as this service has it", not_shown=None)


def status_is_lost(uow: UnitOfWork, proof: InclusionProof) -> bool:
    """Whether the proof's entry may have been changed, or bound to an index, before the database was rebuilt."""
    rebuilt_at = uow.rounds.rebuilt_at()
    if rebuilt_at is None:
        return False
    entries = uow.entries.of_digest(proof.digest, proof.issuer)
    return not entries or any(entry.received_at < rebuilt_at for entry in entries)


def bound_places(uow: UnitOfWork, proof: InclusionProof, *, is_lost: bool) -> tuple[StatusPlace, ...] | None:
    """The places that this service recorded for the proof's entry; None when the entry, or what was recorded, is not here."""
    entries = uow.entries.of_digest(proof.digest, proof.issuer)
    if not entries or is_lost:
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
