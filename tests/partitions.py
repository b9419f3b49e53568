"""A PostgreSQL database whose entries are divided, and what a test does with it."""

from typing import Any

from sqlalchemy import Engine, event

from anchoring.store.integrity import check_database
from anchoring.store.partitions import add_partition, list_partitions
from anchoring.store.unit_of_work import SqlStore
from anchoring.usecases.check_store import check_store as check_records
from tests.fakes import anchor_from_fake
from tests.filled import hash_of
from tests.installation import no_progress


def add(engine: Engine, patience_s: float = 10) -> str:
    name, is_new = add_partition(engine, patience_s=patience_s)
    assert is_new
    return name


def partitions(engine: Engine) -> dict[str, tuple[int | None, int | None]]:
    return {one.name: (one.first_id, one.last_id) for one in list_partitions(engine)}


def faults(engine: Engine) -> list[str]:
    """What `store check` finds."""
    found = check_database(engine)
    found += check_records(SqlStore(engine), hash_of=hash_of, prove=anchor_from_fake, progress=no_progress)
    return [fault for finding in found for fault in finding.faults]


class Killed(BaseException):
    """Nothing catches it."""


def kill_at(engine: Engine, statement: int) -> Any:
    """The connection is lost before it runs this statement of a command, counted from 0."""
    seen = iter(range(statement + 1))

    def before(connection: Any, *_: object) -> None:
        if next(seen, statement) == statement:
            connection.connection.dbapi_connection.close()
            raise Killed

    event.listen(engine, "before_cursor_execute", before)
    return before
