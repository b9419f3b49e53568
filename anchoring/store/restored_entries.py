"""Entries put back from manifests, under the ids that they had."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Select, insert, select

from anchoring.core.manifest import ManifestEntry, emptied
from anchoring.errors import InvalidInput
from anchoring.ports.entries import Recalled
from anchoring.store import packed
from anchoring.store.columns import code_of
from anchoring.store.detaching import take_from_detached
from anchoring.store.engine import driver_errors
from anchoring.store.erasures import NO_CONTENT
from anchoring.store.packed import Packed, pack
from anchoring.store.partitions import make_room
from anchoring.store.tables import entry, issuer
from anchoring.types import HASH_BYTES


def restore_entries(connection: Connection, here: Sequence[ManifestEntry], entries: Sequence[ManifestEntry]) -> int:
    """As ports.Entries says. `here`: the entries of the same ids in the database. Raises: InvalidInput when they differ."""
    known = {one.id: one for one in here}
    new = [given for given in entries if not _is_here(given, known.pop(given.id, None))]
    if known:
        raise InvalidInput(f"entry {min(known)} is in the database and not in it")
    issuers = _issuers(connection)
    elsewhere = _posted_elsewhere(connection, new, issuers)
    _insert(connection, [emptied(given) if given.id in elsewhere else given for given in new], issuers)
    return len(elsewhere)


def recall_entries(connection: Connection, here: Sequence[ManifestEntry], entries: Sequence[ManifestEntry]) -> Recalled:
    """As ports.Entries says. `here`: the entries of the same ids in the database. Raises: InvalidInput when they differ."""
    known = {one.id: one for one in here}
    new = [given for given in entries if not _is_here(given, known.get(given.id))]
    issuers = _issuers(connection)
    elsewhere = _posted_elsewhere(connection, new, issuers)
    added = [given for given in new if given.id not in elsewhere]
    _insert(connection, added, issuers)
    take_from_detached(connection, [given.id for given in added])
    return Recalled(added=len(added), reposted=tuple(given for given in new if given.id in elsewhere))


def _insert(connection: Connection, entries: Sequence[ManifestEntry], issuers: Mapping[str, int]) -> None:
    if not entries:
        return
    make_room(connection, entries[-1].id)
    if connection.dialect.name == "postgresql":
        with driver_errors(connection) as driver, driver.cursor() as cursor, cursor.copy(_COPY) as copy:
            for one in entries:
                code = code_of(one.canonicalization) or None
                copy.write_row((one.id, issuers[one.issuer], one.received_at, one.digest, one.salt, code))
        return
    rows = [{"id": one.id, "issuer_id": issuers[one.issuer], "received_at": one.received_at, **_content(one)} for one in entries]
    connection.execute(insert(entry), rows)


def _issuers(connection: Connection) -> Mapping[str, int]:
    return {row.did: row.id for row in connection.execute(select(issuer.c.id, issuer.c.did))}


def _posted_elsewhere(connection: Connection, entries: Sequence[ManifestEntry], issuers: Mapping[str, int]) -> set[int]:
    """Ids of those whose issuer and digest are recorded under another id."""
    asked = [one for one in entries if one.digest]
    digests = b"".join(one.digest or b"" for one in asked)
    given = pack(connection, [issuers[one.issuer] for one in asked], digests=digests)
    places: Sequence[int] = connection.execute(_POSTED[connection.dialect.name], given).scalars().all()
    return {asked[place].id for place in places}


def _posted(asked: Packed) -> Select[Any]:
    is_it = (entry.c.digest == asked.slice("digests", HASH_BYTES)) & (entry.c.issuer_id == asked.number)
    return select(asked.place.label("place")).select_from(asked.rows.join(entry, is_it))


_POSTED: Final = {"sqlite": _posted(packed.SQLITE), "postgresql": _posted(packed.POSTGRESQL)}
_COPY: Final = "COPY entry (id, issuer_id, received_at, digest, salt, canonicalization) FROM STDIN"


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
