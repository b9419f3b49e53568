"""Whatever befalls an installation, in whatever order.

After each step the store is sound (W1 to W3), nothing is said to be anchored that the ledger never showed so, and nothing was sent
that was not written down. In the end the faults stop, rounds go on, and everything must be right (W1 to W10).

`make soak EXAMPLES=1000` runs it for long, with other seeds each time.
"""

import logging
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import pytest
import structlog
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from anchoring.core.batch import ANCHORED, BatchState
from anchoring.core.status_version import PUBLISHED, VersionState
from anchoring.errors import AnchoringError, LedgerUnavailable, StateCorrupt
from anchoring.ports.entries import Entry
from anchoring.store import tables
from anchoring.store.unit_of_work import SqlStore
from anchoring.types import Digest, Root
from anchoring.usecases.erase_entry import erase_entry
from tests.anvil_installation import ETHER, quick_sqlite
from tests.benches import MARKET, AnvilBench, Backup, Bench, FakeBench, RememberedNetwork
from tests.conftest import empty, run_anvil
from tests.factories import make_salts, submit
from tests.fakes import FINALIZED_BEHIND
from tests.faults import Fault
from tests.installation import LEASE_S
from tests.world import check_store, check_world, rows

LONG: Final = int(os.environ.get("SOAK_EXAMPLES", "0"))
"""Examples of a long run; 0 for the short one, which is the same each time."""

ROUNDS_TO_REST: Final = 60
EFFECTS: Final = st.integers(0, 60)
WAITS: Final = st.sampled_from([0, 2, 10])
CALM_GWEI: Final = 1


class RoundMachine(RuleBasedStateMachine):
    """`open_bench` gives an installation of its own to each example."""

    def __init__(self, open_bench: Callable[[], AbstractContextManager[tuple[Bench, Path | None]]]) -> None:
        super().__init__()
        self._stack = ExitStack()
        self.bench, self.database = self._stack.enter_context(open_bench())
        self.here = self.bench.here
        self.backup: Backup | None = None
        self.written_down: set[bytes] = set()
        self.needs_a_person = False

    # --- what users do ----------------------------------------------------------------------------------------------

    @initialize()
    def begin(self) -> None:
        self.here.post(1)
        self.here.rest()  # a database without submissions takes up a key wherever that is

    @rule(digests=st.integers(1, 5))
    def post(self, digests: int) -> None:
        self.here.post(digests)

    @rule(number=st.integers(0, 2), indexes=st.sampled_from([1, 1, 50]))
    def change_a_list(self, number: int, indexes: int) -> None:
        self.here.revoke(number, indexes=indexes)

    @rule(which=st.integers(0, 100))
    def post_again(self, which: int) -> None:
        for entry in self._one(which):
            with self.here.store.writing() as uow:
                posted = [entry.digest]
                again = submit(uow, self.here._issuer, posted, now=self.here.clock.now(), random_bytes=make_salts)
                uow.commit()
            assert again == [entry]

    @rule(which=st.integers(0, 100))
    def erase(self, which: int) -> None:
        for entry in self._one(which):
            with self.here.store.writing() as uow:
                erase_entry(uow, self.here._issuer, entry.digest, now=self.here.clock.now())
                uow.commit()
            self.here.acknowledged.remove(entry)

    def _one(self, which: int) -> list[Entry]:
        acknowledged = self.here.acknowledged
        return [acknowledged[which % len(acknowledged)]] if acknowledged else []

    # --- rounds -----------------------------------------------------------------------------------------------------

    @rule(follow_s=WAITS, passes=st.booleans())
    def round(self, follow_s: float, passes: bool) -> None:
        """`passes`: the lease of an earlier one has run out."""
        if passes:
            self.here.clock.advance(LEASE_S + 1)
        self.here.faults.restart()
        self._run(follow_s)

    @rule(effect=EFFECTS, fault=st.sampled_from(list(Fault)), follow_s=WAITS)
    def round_fails(self, effect: int, fault: Fault, follow_s: float) -> None:
        self.here.clock.advance(LEASE_S + 1)
        self.here.faults.arm(effect, fault)
        self.here.fails_to(lambda: self._run(follow_s))
        self.here.faults.restart()

    @rule(effect=EFFECTS, follow_s=WAITS, reorg=st.integers(0, 4), blocks=st.integers(0, 3))
    def round_is_frozen(self, effect: int, follow_s: float, reorg: int, blocks: int) -> None:
        def meanwhile() -> None:
            self._run(follow_s)
            self.reorg(reorg, to_pool=True)
            self.bench.mine(blocks)
            self.here.clock.advance(LEASE_S + 1)
            self._run(follow_s)

        self.here.clock.advance(LEASE_S + 1)
        self.here.freeze(effect, meanwhile)
        self._run(follow_s)
        self.here.faults.restart()

    def _run(self, follow_s: float) -> None:
        try:
            self.here.make_round(rules=replace(self.here.rules, follow_s=follow_s)).run()
        except StateCorrupt:
            assert self.needs_a_person, "nobody used the key, and no backup was restored"
        except AnchoringError:
            pass  # the next round goes on

    # --- what the ledger does ---------------------------------------------------------------------------------------

    @rule(blocks=st.integers(1, 5))
    def mine(self, blocks: int) -> None:
        self.bench.mine(blocks)

    @rule(depth=st.integers(1, 7), to_pool=st.booleans())
    def reorg(self, depth: int, to_pool: bool) -> None:
        if depth:
            self.bench.reorg(depth, to_pool=to_pool)

    @rule()
    def forget_pool(self) -> None:
        self.bench.forget_pool()

    @rule(gwei=st.sampled_from([0, 1, 30, 90, 300]))
    def base_fee(self, gwei: int) -> None:
        self.bench.set_base_fee(gwei)

    @rule(has_room=st.booleans())
    def room(self, has_room: bool) -> None:
        self.bench.set_room(has_room)

    @rule(blocks=st.integers(0, 4))
    def lag(self, blocks: int) -> None:
        self.bench.set_lag(blocks)

    # --- what others do ---------------------------------------------------------------------------------------------

    @rule(mined=st.booleans())
    def stranger_uses_the_key(self, mined: bool) -> None:
        self.needs_a_person = True
        self.bench.stranger_takes(self.here.chain.transaction_count(self.here.ledger.signer))
        if mined:
            self.bench.mine(1)

    @rule(which=st.integers(0, 10))
    def other_key_anchors_our_root(self, which: int) -> None:
        for root, leaf_count in self._not_anchored(which):
            self.bench.other_anchors(root, leaf_count)

    def _not_anchored(self, which: int) -> list[tuple[Root, int]]:
        with self.here.store.reading() as uow:
            batches = [batch for batch in uow.batches.in_state("sealed", "submitted", limit=100) if batch.tree]
        return [(one.tree.root, one.leaf_count) for one in batches[which : which + 1] if one.tree]

    @rule(which=st.integers(0, 3))
    def other_key_publishes_our_version(self, which: int) -> None:
        with self.here.store.reading() as uow:
            versions = uow.status_versions.in_state(VersionState.SUBMITTED, limit=10)
        for version in versions[which : which + 1]:
            self.bench.other_publishes(version.list_id, version.version, version.digest)

    # --- what the operator does -------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([-7200, -600, 30, 600, 7200]))
    def clock_jumps(self, seconds: int) -> None:
        self.here.clock.advance(seconds)

    @precondition(lambda self: self.database)
    @rule()
    def takes_a_backup(self) -> None:
        assert self.database is not None
        self.backup = Backup(self.database, self.here.acknowledged)

    @precondition(lambda self: self.backup)
    @rule()
    def restores_the_backup(self) -> None:
        assert self.backup is not None
        self.needs_a_person = True
        self.here.store = self.backup.restore(self.here.store)
        self.here.acknowledged[:] = self.backup.acknowledged

    @precondition(lambda self: self.needs_a_person)
    @rule(accept_loss=st.booleans())
    def looks_into_it(self, accept_loss: bool) -> None:
        self.here.clock.advance(LEASE_S + 1)
        with suppress(LedgerUnavailable):
            self.here.make_round().reconcile(accept_loss=accept_loss)

    # --- what must hold ---------------------------------------------------------------------------------------------

    @invariant()
    def store_is_sound(self) -> None:
        check_store(self.here.store, self.here.acknowledged)

    @invariant()
    def nothing_is_said_that_the_ledger_never_showed(self) -> None:
        for row in rows(self.here.store, tables.batch):
            if row.state in ANCHORED:
                place = Root(row.root), row.block_hash
                assert place in self.bench.history.depths, f"batch {row.id} is {row.state} in a block that never held it"
                depth = self.bench.history.depths[place]
                assert row.state == BatchState.CONFIRMED or depth >= FINALIZED_BEHIND, f"batch {row.id} was {depth} deep"
        for row in rows(self.here.store, tables.status_version):
            if row.state in PUBLISHED:
                published = Digest(row.digest), row.block_hash
                assert published in self.bench.history.depths, f"version {row.id} is {row.state} in a block that never held it"
                depth = self.bench.history.depths[published]
                assert row.state == VersionState.CONFIRMED or depth >= FINALIZED_BEHIND, f"version {row.id} was {depth} deep"

    @invariant()
    def no_list_is_overtaken_by_itself(self) -> None:
        with self.here.store.reading() as uow:
            assert self.needs_a_person or not uow.status_versions.overtaken(), "nobody used the key, and no backup was restored"

    @invariant()
    def nothing_is_sent_that_is_not_written_down(self) -> None:
        self.written_down |= {row.tx_hash for row in rows(self.here.store, tables.attempt)}
        assert set(self.bench.sent_with_our_key()) <= self.written_down | self.bench.strangers

    def teardown(self) -> None:
        try:
            self._comes_to_rest()
        finally:
            self.here.store.close()
            self._stack.close()

    def _comes_to_rest(self) -> None:
        """The faults stop; cron and the ledger go on, and a person looks where one is needed."""
        self.here.faults.restart()
        self.bench.set_lag(0)
        self.bench.set_room(True)
        self.here.post(1)  # whoever used the key is noticed when it is used again
        for _ in range(ROUNDS_TO_REST):
            self.bench.set_base_fee(CALM_GWEI)
            self.bench.mine(1)
            self.here.clock.advance(LEASE_S + 1)
            try:
                self.here.round()
            except StateCorrupt:
                assert self.needs_a_person
                self.here.clock.advance(LEASE_S + 1)
                self.here.make_round().reconcile(accept_loss=True)
            except AnchoringError:
                continue
            if self.here.is_at_rest() and self._has_signed_since_anybody_else() and not self._gives_up_lists():
                check_world(self.here.store, self.here.chain, self.here.acknowledged)
                return
        raise AssertionError(f"still open: {self.here.states()}")

    def _gives_up_lists(self) -> bool:
        """A person publishes what a restored database holds over what the ledger does. Whether there was any such list."""
        with self.here.store.writing() as uow:
            overtaken = uow.status_versions.overtaken()
            for one in overtaken:
                uow.status_versions.accept(one.list_id, one.version)
            uow.commit()
        return bool(overtaken)

    def _has_signed_since_anybody_else(self) -> bool:
        """Whoever uses the key is noticed when it is used again."""
        if self.here.chain.transaction_count(self.here.ledger.signer) == len(rows(self.here.store, tables.submission)):
            return True
        self.here.post(1)
        return False


# --- on each database and each ledger ---------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def silence() -> Iterator[None]:
    """Thousands of rounds have too much to say."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


def run(open_bench: Callable[[], AbstractContextManager[tuple[Bench, Path | None]]], examples: int) -> None:
    run_state_machine_as_test(
        partial(RoundMachine, open_bench),  # type: ignore[arg-type] # whatever makes a machine will do
        settings=settings(
            max_examples=LONG or examples,
            stateful_step_count=50 if LONG else 25,
            derandomize=not LONG,
            database=None,
            deadline=None,
            report_multiple_bugs=False,
            phases=[Phase.generate] if LONG else [Phase.generate, Phase.shrink],
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.fixture
def fresh_sqlite(tmp_path: Path) -> Callable[[], AbstractContextManager[tuple[SqlStore, Path]]]:
    """Databases of their own, each a copy of one that was migrated once."""
    (tmp_path / "template").mkdir()
    with quick_sqlite(tmp_path / "template") as made:
        made.close()
    number = iter(range(1_000_000))

    @contextmanager
    def fresh() -> Iterator[tuple[SqlStore, Path]]:
        folder = tmp_path / str(next(number))
        shutil.copytree(tmp_path / "template", folder)
        with quick_sqlite(folder) as store:
            yield store, folder / "store.db"
        shutil.rmtree(folder)

    return fresh


def test_on_sqlite(fresh_sqlite):
    @contextmanager
    def open_bench() -> Iterator[tuple[Bench, Path | None]]:
        with fresh_sqlite() as (store, path):
            yield FakeBench(store), path

    run(open_bench, examples=30)


def test_on_postgresql(migrated_postgres):
    @contextmanager
    def open_bench() -> Iterator[tuple[Bench, Path | None]]:
        empty(migrated_postgres)
        yield FakeBench(SqlStore(migrated_postgres)), None

    run(open_bench, examples=10)


def test_on_anvil(fresh_sqlite):
    with run_anvil() as anvil:
        network = RememberedNetwork(anvil, fees=MARKET, funds_wei=1000 * ETHER)

        @contextmanager
        def open_bench() -> Iterator[tuple[Bench, Path | None]]:
            with network.rewound(), fresh_sqlite() as (store, path):
                yield AnvilBench(store, network), path

        run(open_bench, examples=6)
