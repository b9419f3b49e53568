"""A kept connection for short transactions, to read or to write: it is opened anew when it is lost, and one that reads cannot write."""

from contextlib import closing, suppress

import pytest
from sqlalchemy import Engine, text

from anchoring.core.audit_log import round_act
from anchoring.core.issuer import Issuer
from anchoring.errors import NotFound, StoreUnavailable
from anchoring.ports.store import Reader
from anchoring.store.engine import KeptConnection
from anchoring.store.unit_of_work import SqlStore
from anchoring.types import SALT_BYTES, Salt
from tests.factories import ACADEMY, NOON, add_issuer, make_digest, post

on_postgresql = pytest.mark.parametrize("engine", ["postgresql"], indirect=True)


def count(reader: Reader) -> int:
    with reader.reading() as uow:
        return uow.entries.count_after(0)


def test_reader_sees_what_is_committed_between_two_reads(store):
    issuer = add_issuer(store)
    with closing(store.reader()) as reader:
        seen = [count(reader)]
        for number in (1, 2):
            post(store, issuer, number)
            seen.append(count(reader))
    assert seen == [0, 1, 2]


def test_reader_keeps_its_connection_also_after_a_refusal(engine: Engine):
    kept = KeptConnection(engine)
    with closing(kept):
        with kept.transaction() as first:
            pass
        with suppress(NotFound), kept.transaction():
            raise NotFound("not here")
        with kept.transaction() as second:
            assert second is first
            assert second.execute(text("SELECT 1")).scalar() == 1


def test_reader_cannot_write(store: SqlStore):
    issuer: Issuer = add_issuer(store)
    with closing(store.reader()) as reader:
        with pytest.raises(StoreUnavailable), reader.reading() as uow:
            uow.issuers.add(ACADEMY, "another", NOON)
        with reader.reading() as uow:
            assert [one.did for one in uow.issuers.all()] == [issuer.did]


def test_reader_goes_on_with_another_connection_after_an_error_of_the_database(engine: Engine):
    kept = KeptConnection(engine)
    with closing(kept):
        with pytest.raises(Exception, match="nowhere"), kept.transaction() as first:
            first.execute(text("SELECT * FROM nowhere"))
        with kept.transaction() as second:
            assert second is not first
            assert second.execute(text("SELECT 1")).scalar() == 1


@on_postgresql
def test_read_whose_server_went_away_may_be_repeated(engine: Engine):
    kept = KeptConnection(engine)
    with closing(kept):
        with kept.transaction() as connection:
            process = connection.execute(text("SELECT pg_backend_pid()")).scalar()
        with engine.connect() as other:
            other.execute(text("SELECT pg_terminate_backend(:process)"), {"process": process})
        with pytest.raises(StoreUnavailable) as lost, kept.transaction() as connection:
            connection.execute(text("SELECT 1"))
        assert lost.value.may_repeat
        with kept.transaction() as connection:
            assert connection.execute(text("SELECT 1")).scalar() == 1


def test_reader_gives_way_to_writers(store: SqlStore):
    """Nothing that it read keeps it from seeing, nor a writer from writing."""
    issuer = add_issuer(store)
    with closing(store.reader()) as reader, reader.reading() as uow:
        assert uow.entries.of_digest(make_digest(1)) == []
        post(store, issuer, 1)
    assert count(reader) == 1
    reader.close()


def test_writer_keeps_its_connection_and_nothing_of_what_was_refused(engine: Engine):
    """What one unit of work noted and did not commit is in none that follows."""
    store = SqlStore(engine)
    issuer = add_issuer(store)
    with closing(store.writer()) as writer:
        with suppress(NotFound), writer.writing() as uow:
            first = uow.connection
            uow.entries.add_one(issuer, make_digest(1), Salt(bytes(SALT_BYTES)), NOON)
            uow.audit_log.note(round_act("round.refused", {}, at=NOON, host="here"))
            raise NotFound("not here")
        with writer.writing() as uow:
            assert uow.connection is first
            uow.entries.add_one(issuer, make_digest(2), Salt(bytes(SALT_BYTES)), NOON)
            uow.commit()
    with store.reading() as uow:
        assert [bool(uow.entries.of_digest(make_digest(number))) for number in (1, 2)] == [False, True]
        assert uow.audit_log.head().number == 0


@on_postgresql
def test_write_whose_server_went_away_may_be_repeated(engine: Engine):
    store = SqlStore(engine)
    issuer = add_issuer(store)
    with closing(store.writer()) as writer:
        with writer.writing() as uow:
            process = uow.connection.execute(text("SELECT pg_backend_pid()")).scalar()
        with engine.connect() as other:
            other.execute(text("SELECT pg_terminate_backend(:process)"), {"process": process})
        with pytest.raises(StoreUnavailable) as lost, writer.writing() as uow:
            uow.entries.add_one(issuer, make_digest(1), Salt(bytes(SALT_BYTES)), NOON)
        assert lost.value.may_repeat
        with writer.writing() as uow:
            uow.entries.add_one(issuer, make_digest(1), Salt(bytes(SALT_BYTES)), NOON)
            uow.commit()
    with store.reading() as uow:
        assert uow.entries.count_after(0) == 1
