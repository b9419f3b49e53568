"""A store, a ledger in memory and the rounds between them, with every effect in reach of a fault."""

from collections.abc import Callable
from contextlib import suppress
from copy import copy
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from anchoring.core.batch import BatchState, SubmissionState
from anchoring.core.canonical import Canonicalization
from anchoring.core.fees import FeePolicy, FeeRules
from anchoring.core.finality import BlockTag, FinalityRule
from anchoring.core.status_version import StatusVersion, VersionState
from anchoring.errors import AnchoringError, LedgerUnavailable
from anchoring.jobs import Round, RoundReport, RoundRules
from anchoring.manifests.sealed_box import ManifestKey
from anchoring.ports.entries import Entry
from anchoring.ports.ledger import Ledger
from anchoring.store.unit_of_work import SqlStore
from anchoring.types import ListId, Root
from anchoring.usecases.follow_ledger.look import FollowRules
from anchoring.usecases.open_submission import SubmissionRules
from tests.factories import add_issuer, post
from tests.fake_chain import FakeChain
from tests.fakes import FakeLedger, MiningClock
from tests.faults import Fault, Faults, FaultyStore, Killed
from tests.manifests import FaultyFolder, check_manifests
from tests.status import revoke_next
from tests.world import Witness, check_world

LEASE_S = 60.0
KEY = ManifestKey(bytes(range(32)))
ROUNDS_TO_REST = 12

NO_FEES = FeeRules(policy=FeePolicy.ZERO, tip_wei=0, cap_wei=0)
RULES = RoundRules(
    submission=SubmissionRules(fees=NO_FEES, max_roots=10, max_heads=10),
    follow=FollowRules(finality=FinalityRule(BlockTag.FINALIZED), fees=NO_FEES, patience_s=300),
    max_leaves=3,
    lease_s=LEASE_S,
    follow_s=10,
    poll_s=1,
    first_block=0,
)


def with_finality(rules: RoundRules, by: BlockTag | int) -> RoundRules:
    """The same under another finality rule."""
    return replace(rules, follow=replace(rules.follow, finality=FinalityRule(by)))


def with_fees(rules: RoundRules, fees: FeeRules) -> RoundRules:
    """The same on a ledger that asks fees."""
    return replace(rules, submission=replace(rules.submission, fees=fees), follow=replace(rules.follow, fees=fees))


def no_progress(what: str, done: int, total: int) -> None:
    """Nobody looks."""


class Chain(Witness, Protocol):
    """A chain that mines when it is told to; also an honest witness."""

    def mine(self, blocks: int = 1) -> None: ...


C = TypeVar("C", bound=Chain)
L = TypeVar("L", bound=Ledger)


class InstallationOn(Generic[C, L]):
    """`store`: the real one, for arranging and checking; rounds use it, and `ledger`, through `faults`.

    `manifests`: a folder for them. `acknowledged`: our own list of what was answered to issuers, outside the database under test.
    """

    def __init__(
        self, store: SqlStore, chain: C, ledger: L, faults: Faults, rules: RoundRules, *, manifests: Path | None = None
    ) -> None:
        self.store = store
        self.rules = rules
        self.chain = chain
        self.clock = MiningClock(chain)
        self.faults = faults
        self.ledger = ledger
        self.manifests = FaultyFolder(manifests, KEY, faults) if manifests else None
        self.acknowledged: list[Entry] = []
        self.first_nonce = 0
        self._issuer = add_issuer(store)
        self._digests = count()
        self._holders = count()

    def post(self, digests: int = 1, *, canonicalization: Canonicalization | None = None) -> list[Entry]:
        """So many new digests, acknowledged."""
        numbers = [next(self._digests) for _ in range(digests)]
        entries = post(self.store, self._issuer, *numbers, canonicalization=canonicalization)
        self.acknowledged += entries
        return entries

    def revoke(self, number: int = 0, *, indexes: int = 1) -> ListId:
        """So many changes in the list of this number."""
        return revoke_next(self.store, self._issuer, number, indexes=indexes, now=self.clock.now())

    def make_round(self, *, rules: RoundRules | None = None, ledger: Ledger | None = None) -> Round:
        """A round of a process of its own."""
        store = FaultyStore(self.store, self.faults)
        holder = f"machine-{next(self._holders)}"
        return Round(
            store,
            ledger or self.ledger,
            self.clock,
            rules or self.rules,
            holder=holder,
            progress=no_progress,
            manifests=self.manifests,
        )

    def round(self) -> RoundReport:
        return self.make_round().run()

    def seal_only(self) -> list[tuple[Root, int]]:
        """A round while no node answers: it seals, and no more. Returns roots and leaf counts of what is sealed."""
        self.faults.arm("identity", Fault.FAILS_BEFORE)
        with suppress(LedgerUnavailable):
            self.round()
        assert self.has_failed
        self.faults.restart()
        with self.store.reading() as uow:
            sealed = uow.batches.in_state(BatchState.SEALED, limit=100)
        return [(batch.tree.root, batch.leaf_count) for batch in sealed if batch.tree]

    def fails(self) -> None:
        """A round that ends with an error or is killed; its lease may stay behind."""
        self.fails_to(self.round)

    def fails_to(self, work: Callable[[], object]) -> None:
        """Work that ends with an error or is killed."""
        with suppress(AnchoringError, Killed):
            work()

    def rest(self) -> None:
        """Cron and the ledger go on until nothing is open."""
        self.faults.restart()
        for _ in range(ROUNDS_TO_REST):
            self.clock.advance(LEASE_S + 1)
            self.chain.mine()
            self.round()
            if self.is_at_rest():
                return
        raise AssertionError(f"still open after {ROUNDS_TO_REST} rounds: {self.states()}")

    def is_at_rest(self) -> bool:
        with self.store.reading() as uow:
            waiting = uow.entries.count_after(uow.batches.last_sealed_entry_id())
            in_flight = uow.submissions.in_state(SubmissionState.SUBMITTED)
            overtaken = {one.list_id for one in uow.status_versions.overtaken()}
            due = set(uow.status_versions.due(1_000)) - overtaken
        settled = {VersionState.FINAL, VersionState.SUPERSEDED}
        versions = {version.state for version in self.versions() if version.list_id not in overtaken}
        return not waiting and not in_flight and not due and set(self.states()) <= {BatchState.FINAL} and versions <= settled

    def versions(self, list_id: ListId | None = None) -> list[StatusVersion]:
        """Of all lists, or of one, oldest first."""
        with self.store.reading() as uow:
            return [version for version, _ in uow.status_versions.all() if list_id in {None, version.list_id}]

    def states(self) -> list[BatchState]:
        """Of all batches, oldest first."""
        with self.store.reading() as uow:
            return [batch.state for batch in uow.batches.in_state(*BatchState, limit=1_000_000)]

    def submissions(self, state: SubmissionState) -> list[int]:
        """Nonces of the submissions in this state."""
        with self.store.reading() as uow:
            return [submission.nonce for submission in uow.submissions.in_state(state)]

    @property
    def has_failed(self) -> bool:
        """Whether the fault that was armed happened."""
        return self.faults.fired

    def freeze(self, at: int | str, meanwhile: Callable[[], None]) -> None:
        """Stop the next round before one effect; its lease passes on, `meanwhile` happens, and it wakes up."""

        def pass_on() -> None:
            self.clock.advance(LEASE_S + 1)
            meanwhile()

        self.faults.freeze(at, pass_on)

    def check(self, newest: int | None = None) -> None:
        """`newest`: look at the proofs of so many entries only."""
        acknowledged = self.acknowledged if newest is None else self.acknowledged[-newest:]
        check_world(self.store, self.chain, acknowledged, first_nonce=self.first_nonce)
        if self.manifests:
            check_manifests(self.store, self.manifests)


class Installation(InstallationOn[FakeChain, FakeLedger]):
    """On a ledger in memory."""

    def __init__(self, store: SqlStore, rules: RoundRules = RULES, *, manifests: Path | None = None) -> None:
        chain, faults = FakeChain(), Faults()
        super().__init__(store, chain, FakeLedger(chain, faults), faults, rules, manifests=manifests)

    def twin(self, store: SqlStore) -> "Installation":
        """Another database at the same ledger with the same key, which has an issuer already."""
        twin = copy(self)
        twin.store, twin.faults, twin.acknowledged = store, Faults(), []
        twin.ledger = FakeLedger(self.chain, twin.faults, self.ledger.signer)
        return twin
