"""Erasure: of an entry that an issuer has asked for, digest and salt go, and why its status was changed; the leaf stays."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects import postgresql, sqlite

from anchoring.core.manifest import ManifestEntry
from anchoring.core.portions import portions
from anchoring.store.packed import ROWS_A_STATEMENT
from anchoring.store.tables import entry, erasure, status_binding, status_change

UNWRITTEN: Final = erasure.c.done_at.is_not(None) & erasure.c.manifest_rewritten_at.is_(None)
"""Done here, and not yet in the manifest."""

NO_CONTENT: Final[dict[str, Any]] = {"digest": None, "salt": None, "canonicalization": None}
"""The columns that erasure empties."""


def erase_requested(connection: Connection, up_to_id: int, at: datetime) -> int:
    """As ports.Entries says."""
    # A status change that waits finds its place by the digest: it comes first.
    waits = select(status_change.c.entry_id).where(status_change.c.status_list_id.is_(None))
    pending = erasure.c.done_at.is_(None) & (erasure.c.entry_id <= up_to_id) & erasure.c.entry_id.not_in(waits)
    claimed = update(erasure).where(pending).values(done_at=at).returning(erasure.c.entry_id)
    ids = list(connection.execute(claimed).scalars())
    for some in portions(ids, ROWS_A_STATEMENT):
        erased = update(entry).where(entry.c.id.in_(some)).values(NO_CONTENT)
        connection.execute(erased)
        _forget_reasons(connection, some)
    return len(ids)


def erase_again(connection: Connection, here: Sequence[ManifestEntry], entries: Sequence[ManifestEntry], at: datetime) -> int:
    """As ports.Entries says. `here`: the entries of the same ids in the database."""
    is_erased = {given.id: given.digest is None for given in entries}
    forgotten = [known.id for known in here if (known.digest is None) != is_erased.get(known.id, known.digest is None)]
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    noted = dialect.insert(erasure).on_conflict_do_update(
        index_elements=["entry_id"], set_={"done_at": at, "manifest_rewritten_at": None}
    )
    for some in portions(forgotten, ROWS_A_STATEMENT):
        connection.execute(update(entry).where(entry.c.id.in_(some)).values(NO_CONTENT))
        connection.execute(noted, [{"entry_id": entry_id, "requested_at": at, "done_at": at} for entry_id in some])
    return sum(known.digest is not None and is_erased.get(known.id, False) for known in here)


def _forget_reasons(connection: Connection, entry_ids: Sequence[int]) -> None:
    """Why an erased entry's status was changed says something about its holder; that it was stays on record."""
    bound = (
        select(status_binding.c.entry_id)
        .where(
            status_binding.c.status_list_id == status_change.c.status_list_id,
            status_binding.c.list_index == status_change.c.list_index,
            status_binding.c.entry_id.in_(entry_ids),
        )
        .exists()
    )
    nothing = {"reason": None, "explanation": None}
    connection.execute(update(status_change).where(status_change.c.entry_id.in_(entry_ids)).values(nothing))
    unnamed = status_change.c.entry_id.is_(None) & bound
    connection.execute(update(status_change).where(unnamed).values(nothing))
