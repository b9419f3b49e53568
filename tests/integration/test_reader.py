"""A kept connection for short reads: it sees what is committed, writes nothing, and is opened anew when it is lost."""

from contextlib import closing, suppress

import pytest
from sqlalchemy import Engine, text

from anchoring.core.issuer import Issuer
from anchoring.errors import NotFound, StoreUnavailable
from anchoring.ports.store import Reader
from anchoring.store.engine import KeptConnection
from anchoring.store.unit_of_work import SqlStore
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
        with kept.reading() as first:
            pass
        with suppress(NotFound), kept.reading():
            raise NotFound("not here")
        with kept.reading() as second:
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
        with pytest.raises(Exception, match="nowhere"), kept.reading() as first:
            first.execute(text("SELECT * FROM nowhere"))
        with kept.reading() as second:
            assert second is not first
            assert second.execute(text("SELECT 1")).scalar() == 1


@on_postgresql
def test_read_whose_server_went_away_may_be_repeated(engine: Engine):
    kept = KeptConnection(engine)
    with closing(kept):
        with kept.reading() as connection:
            process = connection.execute(text("SELECT pg_backend_pid()")).scalar()
        with engine.connect() as other:
            other.execute(text("SELECT pg_terminate_backend(:process)"), {"process": process})
        with pytest.raises(StoreUnavailable) as lost, kept.reading() as connection:
            connection.execute(text("SELECT 1"))
        assert lost.value.may_repeat
        with kept.reading() as connection:
            assert connection.execute(text("SELECT 1")).scalar() == 1


def test_reader_gives_way_to_writers(store: SqlStore):
    """Nothing that it read keeps it from seeing, nor a writer from writing."""
    issuer = add_issuer(store)
    with closing(store.reader()) as reader, reader.reading() as uow:
        assert uow.entries.of_digest(make_digest(1)) == []
        post(store, issuer, 1)
    assert count(reader) == 1
    reader.close()
