"""Entries put back from manifests, under the ids that they had."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, insert, select

from anchoring.core.manifest import ManifestEntry
from anchoring.core.portions import portions
from anchoring.errors import InvalidInput
from anchoring.store.erasures import NO_CONTENT
from anchoring.store.packed import ROWS_A_STATEMENT
from anchoring.store.partitions import make_room
from anchoring.store.tables import entry, issuer
from anchoring.types import Did, Digest


def restore_entries(connection: Connection, here: Sequence[ManifestEntry], entries: Sequence[ManifestEntry]) -> int:
    """As ports.Entries says. `here`: the entries of the same ids in the database. Raises: InvalidInput when they differ."""
    known = {one.id: one for one in here}
    issuers = {row.did: row.id for row in connection.execute(select(issuer.c.id, issuer.c.did))}
    new = [given for given in entries if not _is_here(given, known.pop(given.id, None))]
    if known:
        raise InvalidInput(f"entry {min(known)} is in the database and not in it")
    elsewhere = _posted_by(connection, new, issuers)
    rows = [
        {
            "id": given.id,
            "issuer_id": issuers[given.issuer],
            "received_at": given.received_at,
            **(NO_CONTENT if (given.issuer, given.digest) in elsewhere else _content(given)),
        }
        for given in new
    ]
    if rows:
        make_room(connection, entries[-1].id)
        connection.execute(insert(entry), rows)
    return sum((given.issuer, given.digest) in elsewhere for given in new)


def _posted_by(
    connection: Connection, entries: Sequence[ManifestEntry], issuers: Mapping[str, int]
) -> set[tuple[Did, Digest | None]]:
    """Issuer and digest of those that are recorded under another id."""
    found: set[tuple[Did, Digest | None]] = set()
    for did in {given.issuer for given in entries}:
        digests = [given.digest for given in entries if given.issuer == did and given.digest]
        for some in portions(digests, ROWS_A_STATEMENT):
            posted = select(entry.c.digest).where(entry.c.issuer_id == issuers[did], entry.c.digest.in_(some))
            found |= {(did, Digest(digest)) for digest in connection.execute(posted).scalars()}
    return found


def _is_here(given: ManifestEntry, known: ManifestEntry | None) -> bool:
    """Raises: InvalidInput when the id is taken by another entry."""
    if known is None:
        return False
    is_same = known.digest is None or given.digest is None or known == given
    if not is_same or (known.issuer, known.received_at) != (given.issuer, given.received_at):
        raise InvalidInput(f"entry {given.id} is another one in the database")
    return True


def _content(given: ManifestEntry) -> dict[str, Any]:
    return {name: getattr(given, name) for name in NO_CONTENT}
