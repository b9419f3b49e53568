"""When API keys were used last: written lazily, for all keys at once, and never in the way of a request."""

import asyncio
from datetime import datetime, timedelta

import pytest
from structlog.testing import capture_logs

from anchoring.store import tables
from anchoring.store.unit_of_work import SqlStore
from service.group_commit import GroupCommit
from service.key_uses import KeyUses
from service.metrics import Metrics
from tests.api import make_key, running
from tests.factories import ACADEMY, NOON, FrozenClock, add_issuer
from tests.faults import Fault, Faults, FaultyStore
from tests.world import rows

LATER = NOON + timedelta(minutes=5)


def uses(store: SqlStore) -> dict[str, datetime | None]:
    return {row.prefix: row.last_used_at for row in rows(store, tables.api_key)}


def test_use_is_written_when_the_service_stops_at_the_latest(store: SqlStore) -> None:
    with running(store) as api:
        assert api.post_numbers(1).status_code == 202
        assert uses(store) == {api.key[3:11]: None, api.other[3:11]: None}, "no request waits for it"
        api.clock.advance(300)
        assert api.post_numbers(2).status_code == 202
        assert api.post_numbers(3, key=api.key[:-1]).status_code == 401
    assert uses(store) == {api.key[3:11]: LATER, api.other[3:11]: None}


def test_uses_of_a_minute_are_written_together(store: SqlStore) -> None:
    keys = [make_key(store, add_issuer(store)), make_key(store, add_issuer(store, ACADEMY, "Academy"))]
    writes = GroupCommit(store, FrozenClock(), Metrics())

    async def scenario() -> dict[str, datetime | None]:
        noted = KeyUses(writes, every_s=0.02)
        for moment in (NOON, LATER):
            for key in keys:
                noted.note(key[3:11], moment)
        await asyncio.sleep(0.01)
        assert set(uses(store).values()) == {None}
        async with asyncio.timeout(20):
            while None in uses(store).values():  # noqa: ASYNC110 - another thread writes into the database
                await asyncio.sleep(0.01)
        await noted.stop()
        return uses(store)

    writes.start()
    try:
        assert asyncio.run(scenario()) == {key[3:11]: LATER for key in keys}
    finally:
        writes.stop()
    assert writes._metrics.exposition([]).count(b"credanchor_commit_seconds_count 1.0") == 1


@pytest.mark.parametrize("fault", [Fault.FAILS_BEFORE, Fault.FAILS_AFTER])
def test_use_that_cannot_be_written_is_lost_and_harms_nobody(store: SqlStore, fault: Fault) -> None:
    faults = Faults()
    with capture_logs() as logs, running(store, faulty=FaultyStore(store, faults)) as api:
        assert api.post_numbers(1).status_code == 202
        faults.arm("commit", fault)
    lost = [line for line in logs if line["event"] == "key_uses.lost"]
    assert [(line["log_level"], line["count"]) for line in lost] == [("warning", 1)]
    assert api.key not in repr(logs)
