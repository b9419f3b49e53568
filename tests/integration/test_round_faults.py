"""Every effect of a round fails once before it took hold and once after; the rounds that follow put everything right.

One installation lives through all cases of a test, as a real one would: whatever a case leaves behind, the next one meets.
"""

import logging
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
import structlog

from anchoring.errors import AnchoringError
from anchoring.store import tables
from anchoring.store.engine import make_engine
from anchoring.store.schema import migrate
from anchoring.store.unit_of_work import SqlStore
from tests.fake_chain import OURS
from tests.faults import Fault
from tests.installation import LEASE_S, RULES, Installation, with_finality
from tests.world import rows

# By these a round touches the world. Were one missing in its trace, the matrix would test less than it says.
LOCAL = {"read", "begin"}
EFFECTS = LOCAL | {
    "commit",
    "identity",
    "head",
    "anchor_count",
    "block_hash",
    "status_head",
    "find_anchor",
    "recorded_anchor",
    "transaction_count",
    "check_call",
    "sign",
    "broadcast",
    "receipt",
    "bundle",
    "transactions_of",
    "manifest_claim",
    "manifest_write",
    "manifest_sync",
    "manifest_replace",
    "manifest_folder_sync",
}
QUICK = with_finality(RULES, 1)

Scene = Callable[[Installation], None]


@pytest.fixture(autouse=True)
def silence() -> Iterator[None]:
    """Thousands of rounds have too much to say."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


@pytest.fixture
def second_place(tmp_path: Path) -> Path:
    """For manifests: the most that a round does."""
    folder = tmp_path / "manifests"
    folder.mkdir()
    return folder


@pytest.fixture
def here(store: SqlStore, second_place: Path) -> Installation:
    return Installation(store, QUICK, manifests=second_place)


@pytest.fixture
def on_sqlite(tmp_path: Path, second_place: Path) -> Iterator[Installation]:
    """For what the kind of database makes no difference to."""
    engine = make_engine(f"sqlite:///{tmp_path / 'store.db'}", pool_size=5, busy_timeout_s=1)
    migrate(engine)
    yield Installation(SqlStore(engine), QUICK, manifests=second_place)
    engine.dispose()


def something_waits(here: Installation) -> None:
    """A digest, and a change of a list that was published before; its version is another digest."""
    here.post()
    here.revoke()


def reorg_took_it_back(here: Installation) -> None:
    """Two batches of one transaction were confirmed; the transaction is back in the pool, and more waits."""
    here.post(4)
    here.revoke()
    here.rules = replace(QUICK, follow_s=1)
    here.round()
    here.rules = QUICK
    here.chain.reorg(1, to_pool=True)
    here.post()
    here.revoke()


def final_block_is_gone(here: Installation) -> None:
    """Two batches of one transaction were final, and the ledger forgot the transaction."""
    here.post(4)
    here.revoke()
    here.rest()
    here.chain.reorg(here.chain.blocks[-1].place.number - here.chain.events()[-1].block.number + 1)
    here.chain.mine()
    here.clock.advance(LEASE_S)


def cases(here: Installation, scene: Scene) -> list[tuple[int, str]]:
    """The effects of a round in this scene that nothing disturbs."""
    here.post()
    here.rest()
    scene(here)
    here.faults.restart()
    here.round()
    trace = here.faults.trace
    here.rest()
    return list(enumerate(trace))


def fails_at(here: Installation, number: int, fault: Fault) -> None:
    here.faults.arm(number, fault)
    here.fails()
    assert here.has_failed, f"effect {number} was not reached"


@pytest.mark.parametrize(
    ("engine", "fault"),
    [
        ("sqlite", Fault.FAILS_BEFORE),
        ("sqlite", Fault.FAILS_AFTER),
        ("sqlite", Fault.KILLED_BEFORE),
        ("sqlite", Fault.KILLED_AFTER),
        ("postgresql", Fault.FAILS_AFTER),
        ("postgresql", Fault.KILLED_BEFORE),
    ],
    indirect=["engine"],
)
def test_each_effect_fails_once_and_the_next_rounds_end_right(here, fault):
    effects = cases(here, something_waits)
    assert {name for _, name in effects} == EFFECTS
    tried = [number for number, name in effects if name not in LOCAL]  # to die there is to die after the effect before
    for number in tried:
        something_waits(here)
        fails_at(here, number, fault)
        here.rest()
    here.check()
    # Nothing was displaced or reverted on the way: one transaction a case was enough.
    assert here.chain.transaction_count(OURS) == len(tried) + 2 == len(rows(here.store, tables.submission))


@pytest.mark.parametrize("scene", [reorg_took_it_back, final_block_is_gone])
def test_round_that_meets_a_reorg_is_killed_anywhere(on_sqlite, scene):
    here = on_sqlite
    for number, name in cases(here, scene):
        if name in LOCAL:
            continue
        scene(here)
        fails_at(here, number, Fault.KILLED_AFTER)
        here.rest()
    here.check()


def test_ledger_forgets_while_the_round_is_dead(on_sqlite):
    here = on_sqlite
    for number, name in cases(here, something_waits):
        if name in LOCAL:
            continue
        something_waits(here)
        fails_at(here, number, Fault.KILLED_AFTER)
        here.chain.forget_pool()
        here.chain.reorg(1)
        here.rest()
    here.check()


@pytest.mark.parametrize("scene", [something_waits, reorg_took_it_back, final_block_is_gone])
def test_frozen_round_that_wakes_up_later_spoils_nothing(on_sqlite, scene):
    _freeze_everywhere(on_sqlite, scene, on_sqlite.rest)


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_frozen_round_that_wakes_up_later_spoils_nothing_on_postgresql(here):
    _freeze_everywhere(here, something_waits, here.rest, before={"begin", "broadcast"})


def test_frozen_round_wakes_up_after_the_ledger_took_back_what_it_saw(on_sqlite):
    def fork_and_rest() -> None:
        on_sqlite.chain.reorg(2)
        on_sqlite.rest()

    _freeze_everywhere(on_sqlite, reorg_took_it_back, fork_and_rest)


def _freeze_everywhere(
    here: Installation, scene: Scene, meanwhile: Callable[[], None], before: Collection[str] = EFFECTS - {"read", "commit"}
) -> None:
    for number, name in cases(here, scene):
        if name not in before:
            continue
        scene(here)
        here.freeze(number, meanwhile)
        with suppress(AnchoringError):  # it may say that its lease is gone
            here.round()
        assert here.has_failed, f"effect {number}, {name}, was not reached"
        here.rest()
    here.check()
