"""Whether what is recorded of status lists hangs together: changes, bits, versions, bindings. The ledger is not asked."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

from anchoring.core.findings import RESTORE, Finding
from anchoring.core.portions import pages
from anchoring.core.status import StatusBits, batch_list_id, head_digest, numbered_list_id
from anchoring.ports.runtime import Progress
from anchoring.ports.status_lists import StatusList
from anchoring.ports.store import Store, UnitOfWork
from anchoring.types import to_hex

LISTS_AT_ONCE: Final = 100
_Marks: TypeAlias = dict[int, list[tuple[int, bytes]]]
"""By number of changes, the versions that show so many: their numbers, and a hash of the bits of each."""


def check_status_lists(store: Store, *, progress: Progress) -> list[Finding]:
    """Fold every change of every list again; programs may go on meanwhile. One list is held in memory at a time.

    Raises: StoreUnavailable.
    """
    lists: list[str] = []
    changes: list[str] = []
    versions: list[str] = []
    bindings: list[str] = []
    checked = 0
    with store.reading() as uow:
        total = uow.status_lists.count()
    for of in _lists(store):
        with store.reading() as uow:
            name = f"status list {to_hex(of.list_id)}"
            marks: _Marks = {}
            present, bits = uow.status_lists.with_bits(of.list_id) or (of, StatusBits.clear(of.entries))
            lists += [f"{name} {fault}" for fault in _identity_faults(uow, of)]
            versions += [f"{name}: {fault}" for fault in _version_faults(uow, of, marks)]
            changes += [f"{name}: {fault}" for fault in _change_faults(uow, present, bits, marks)]
            bindings += [f"{name}: {fault}" for fault in _binding_faults(uow, of)]
        checked += 1
        progress("checking status lists", checked, total)
    return [
        Finding.of("status-lists", lists, advice=RESTORE, good=f"{checked} lists"),
        Finding.of("status-changes", changes, advice=RESTORE),
        Finding.of("status-versions", versions, advice=RESTORE),
        Finding.of("status-indexes", bindings, advice=RESTORE),
    ]


def _lists(store: Store) -> Iterator[StatusList]:
    def later(after_id: int) -> Sequence[StatusList]:
        with store.reading() as uow:
            return uow.status_lists.after(after_id, LISTS_AT_ONCE)

    return pages(later, lambda of: of.id, 0)


def _identity_faults(uow: UnitOfWork, of: StatusList) -> Iterator[str]:
    """Its id follows from what it is."""
    if of.number is not None:
        if of.list_id != numbered_list_id(of.issuer, of.purpose, of.number):
            yield f"is not number {of.number} of {of.issuer} for {of.purpose}"
        return
    batch = uow.batches.with_id(of.batch_id) if of.batch_id is not None else None
    if batch is None or batch.tree is None or of.list_id != batch_list_id(batch.tree.root, of.issuer, of.purpose):
        yield f"does not follow from batch {of.batch_id} for {of.issuer} and {of.purpose}"


def _version_faults(uow: UnitOfWork, of: StatusList, marks: _Marks) -> Iterator[str]:
    """A version's digest is that of its bits. What each shows is noted, to be held against the changes."""
    for version, bits in uow.status_versions.of_list(of.id):
        marks.setdefault(version.change_count, []).append((version.version, _hash(bits)))
        if head_digest(of.list_id, version.version, bits) != version.digest:
            yield f"version {version.version} has another digest than its bits"


def _change_faults(uow: UnitOfWork, of: StatusList, expected: StatusBits, marks: _Marks) -> Iterator[str]:
    """Changes are numbered without gaps, and give the bits of the versions and of the list."""
    bits, folded = StatusBits.clear(of.entries), 0
    yield from _not_shown(bits, marks.get(0, []))
    for position, place, action in uow.status_changes.applied(of.id, of.change_count):
        folded += 1
        if position != folded:
            break
        bits.change(place.index, is_set=action.is_set)
        yield from _not_shown(bits, marks.get(position, []))
    else:
        if folded == of.change_count and bits != expected:
            yield f"its bits are not those after its {of.change_count} changes"
        folded += 1
    if folded <= of.change_count:
        yield f"of its {of.change_count} changes number {folded} is not there"


def _not_shown(bits: StatusBits, versions: list[tuple[int, bytes]]) -> Iterator[str]:
    for version, shown in versions:
        if shown != _hash(bits):
            yield f"version {version} does not show the changes that it counts"


def _hash(bits: StatusBits) -> bytes:
    return hashlib.sha256(bytes(bits)).digest()


def _binding_faults(uow: UnitOfWork, of: StatusList) -> Iterator[str]:
    """Only an index that was given out is bound to a digest."""
    bound = uow.status_lists.bound_indexes(of.id)
    reserved = uow.status_lists.reserved(of.id) if of.number is not None else StatusBits.clear(of.entries)
    stray = [index for index in bound if index >= len(reserved) or not reserved[index]]
    if stray:
        yield f"{len(stray)} indexes are bound and were never reserved, the first is {min(stray)}"
