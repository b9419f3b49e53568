"""A round over the real adapters is killed or frozen at every failpoint, and meanwhile the ledger misbehaves.

One installation lives through all cases, as a real one would: whatever a case leaves behind, the next one meets. A disturbance
that cannot strike in a case is shown not to, instead of being left out.
"""

import io
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
import structlog

from anchoring.core.batch import Anchor, BatchState
from anchoring.errors import StateCorrupt, StoreUnavailable
from anchoring.ledger.evm import EvmLedger
from anchoring.ledger.rpc import JsonRpc
from anchoring.logs import configure_logs
from anchoring.types import to_hex
from tests import failpoints
from tests.anvil_installation import ETHER, GWEI, MARKET, AnvilInstallation, quick_sqlite
from tests.conftest import Anvil, run_anvil
from tests.failpoints import MINED, REPLACED, SENT, UNSIGNED, Armed, watched
from tests.installation import LEASE_S, RULES, with_fees
from tests.networks import GAS, AnvilNetwork
from tests.rpc_proxy import SECRETS
from tests.world import check_logs, signed_bytes

PATIENCE_S: Final = 30.0
ROOM, NO_ROOM = 30_000_000, 60_000
CALM_WEI, SPIKE_WEI = GWEI, 300 * GWEI
NEWEST: Final = 2
"""Entries of a case: their proofs are looked at in the end."""

_MARKET_RULES = with_fees(RULES, MARKET)
HERE = replace(_MARKET_RULES, follow=replace(_MARKET_RULES.follow, patience_s=PATIENCE_S))


class Matrix:
    """The installation that the cases share; a case that fails leaves it to nobody."""

    def __init__(self, anvil: Anvil, folder: Callable[[], Path], stack: ExitStack) -> None:
        self._anvil = anvil
        self._folder = folder
        self._stack = stack
        self._installation: AnvilInstallation | None = None

    def installation(self) -> AnvilInstallation:
        if self._installation is None:
            self._anvil.rpc.send("evm_setBlockGasLimit", hex(ROOM))
            self._anvil.rpc.send("evm_setAutomine", True)
            network = AnvilNetwork(self._anvil, fees=MARKET, funds_wei=1000 * ETHER)
            store = self._stack.enter_context(quick_sqlite(self._folder()))
            secret_url = self._anvil.url.replace("//", f"//user:{SECRETS[0]}@") + f"/?key={SECRETS[2]}"
            ledger = EvmLedger(JsonRpc(secret_url, timeout_s=10), network.registry, network.signer, GAS)
            self._installation = AnvilInstallation(store, network, HERE, ledger)
            self._installation.post()
            self._installation.rest()  # a database without submissions takes up a key wherever that is
        return self._installation

    def keep(self, here: AnvilInstallation | None) -> None:
        """For the next case."""
        self._installation = here


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    with ExitStack() as stack, run_anvil() as anvil:
        yield Matrix(anvil, lambda: tmp_path_factory.mktemp("store"), stack)


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """What rounds log, as the service logs it."""
    stream = io.StringIO()
    configure_logs(stream)
    yield stream
    structlog.reset_defaults()


class Case:
    """Two new digests and a change of a list, and a round that is stopped at one failpoint on their way.

    `nonce`: the one they are to have.
    """

    def __init__(self, here: AnvilInstallation, at: str) -> None:
        self.here, self.at = here, at
        self.chain, self.rpc = here.chain, here.chain.anvil.rpc
        self.known = {event.root for event in self.chain.events()}
        self.heads = len(self.chain.head_events())
        self.nonce = self.chain.transaction_count(here.ledger.signer)
        self.rpc.send("anvil_setNextBlockBaseFeePerGas", hex(CALM_WEI))
        self.chain.mine()
        here.post(NEWEST)
        here.revoke()
        if at in REPLACED:
            self._gets_stuck()

    def _gets_stuck(self) -> None:
        self.here.clock.advance(LEASE_S + 1)
        self.here.make_round(rules=replace(HERE, follow_s=0)).run()
        self.rpc.send("evm_setBlockGasLimit", hex(NO_ROOM))
        self.here.clock.advance(PATIENCE_S)
        self.chain.mine(3)
        assert self.chain.pooled() == 1

    def is_killed(self) -> None:
        self._stops(lambda: self.here.faults.die(self.at))

    def is_frozen(self, meanwhile: Callable[[], None]) -> None:
        def pass_on() -> None:
            self.here.clock.advance(LEASE_S + 1)
            meanwhile()

        self._stops(pass_on)

    def _stops(self, happens: Callable[[], None]) -> None:
        self.here.clock.advance(LEASE_S + 1)
        self.here.faults.restart()
        armed = Armed(self.at, happens)
        with watched(armed):
            self.here.fails()
        assert armed.fired, f"{self.at} was not reached: {armed.seen}"

    def makes_room(self) -> None:
        self.rpc.send("evm_setBlockGasLimit", hex(ROOM))

    def events(self) -> list[Anchor]:
        """Of the roots of this case."""
        return [event for event in self.chain.events() if event.root not in self.known]

    def depth(self) -> int:
        """How deep a reorg takes the anchor of this case away; 1 where there is none."""
        head = int(self.rpc.send("eth_blockNumber"), 16)
        return max((head - event.block.number + 1 for event in self.events()), default=1)

    def comes_to_rest(self, *, nonces: int) -> None:
        """`nonces`: how many of the key are spent by then."""
        self.makes_room()
        self.here.rest()
        self.here.check(newest=NEWEST)
        assert len(self.events()) == 1
        assert len(self.chain.head_events()) == self.heads + 1
        assert self.here.states()[-1] is BatchState.FINAL
        assert self.chain.transaction_count(self.here.ledger.signer) == self.nonce + nonces


def nothing_else(case: Case) -> None:
    case.comes_to_rest(nonces=1)


def pool_is_lost(case: Case) -> None:
    assert case.chain.pooled() == (1 if case.at in SENT + REPLACED else 0), "before it is sent and once it is mined, none waits"
    case.chain.forget_pool()
    case.comes_to_rest(nonces=1)


def reorg_drops_it(case: Case) -> None:
    case.makes_room()
    if case.at in SENT + REPLACED:
        case.chain.mine()  # where nobody saw it
    assert len(case.events()) == (1 if case.at in SENT + REPLACED + MINED else 0), "what was not sent, no reorg drops"
    case.chain.reorg(case.depth())
    assert case.events() == []
    case.comes_to_rest(nonces=1)


def base_fee_rises(case: Case) -> None:
    case.makes_room()
    case.rpc.send("anvil_setNextBlockBaseFeePerGas", hex(SPIKE_WEI))
    case.chain.mine()
    assert len(case.events()) == (1 if case.at in MINED else 0), "a transaction in the pool offers too little now"
    case.comes_to_rest(nonces=1)


def stranger_takes_the_nonce(case: Case) -> None:
    case.makes_room()
    if case.at in MINED:
        case.chain.reorg(case.depth(), instead=[case.chain.payment(case.nonce)])
    else:
        case.chain.forget_pool()
        case.chain.take_nonce(case.nonce)
        case.chain.mine()
    assert case.events() == []
    assert case.chain.transaction_count(case.here.ledger.signer) == case.nonce + 1
    if case.at in UNSIGNED:  # nobody tells a stranger from a database that is too old
        signed = len(signed_bytes(case.here.store))
        with pytest.raises(StateCorrupt, match="another program uses the key"):
            case.here.rest()
        assert len(signed_bytes(case.here.store)) == signed
        assert case.here.make_round().reconcile(accept_loss=False).may_sign
    case.comes_to_rest(nonces=2)


@pytest.fixture
def here(matrix: Matrix, logged: io.StringIO) -> Iterator[AnvilInstallation]:
    here = matrix.installation()
    matrix.keep(None)
    yield here
    check_logs(logged.getvalue(), [*SECRETS, to_hex(here.chain.signer._account.key), *signed_bytes(here.store)])
    assert '"round.finished"' in logged.getvalue()


@pytest.mark.parametrize("at", failpoints.ALL)
@pytest.mark.parametrize(
    "meanwhile",
    [nothing_else, pool_is_lost, reorg_drops_it, base_fee_rises, stranger_takes_the_nonce],
    ids=lambda one: one.__name__,
)
def test_killed_round_is_made_good_by_the_next(here, matrix, at, meanwhile):
    case = Case(here, at)
    case.is_killed()
    meanwhile(case)
    matrix.keep(here)


@pytest.mark.parametrize("at", failpoints.ALL)
def test_frozen_round_wakes_up_when_another_has_finished(here, matrix, at):
    case = Case(here, at)

    def another_round() -> None:
        case.makes_room()
        if at in failpoints.HOLDS_THE_DATABASE:  # nobody else writes until it wakes up: no other round gets that far
            with pytest.raises(StoreUnavailable, match="locked"):
                here.round()
        else:
            here.rest()
        here.faults.restart()

    case.is_frozen(another_round)
    case.comes_to_rest(nonces=1)
    matrix.keep(here)


def test_failpoints_of_the_matrix_are_those_of_the_code():
    assert failpoints.in_the_code() == set(failpoints.ALL)
