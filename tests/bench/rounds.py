"""What it costs to write every step of a round down: the same round over Anvil, with its commits and without."""

import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from sqlalchemy import Connection, Engine

from anchoring.jobs import Round
from anchoring.ports.store import Reader, Store, Writer
from anchoring.store.engine import transaction
from anchoring.store.schema import migrate
from anchoring.store.unit_of_work import SqlStore, SqlUnitOfWork
from anchoring.types import to_hex
from tests.factories import add_issuer, post
from tests.fakes import MiningClock
from tests.installation import RULES, no_progress
from tests.networks import AnvilNetwork

DIGESTS = 10_000
REPEATS = 7
AT_ONCE = 100_000


class Uncommitted:
    """Implements ports.Store on one transaction that is never committed."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @contextmanager
    def reading(self) -> Iterator[SqlUnitOfWork]:
        yield _Uncommitting(self._connection)

    def reader(self) -> Reader:
        raise NotImplementedError

    def writer(self) -> Writer:
        raise NotImplementedError

    @contextmanager
    def writing(self, *, is_durable: bool = True) -> Iterator[SqlUnitOfWork]:
        yield _Uncommitting(self._connection)


class _Uncommitting(SqlUnitOfWork):
    def commit(self) -> None:
        """Nothing."""


def time_rounds(engine: Engine, network: AnvilNetwork) -> tuple[float, float]:
    """Seconds of a round that takes 10,000 digests to final: with its commits and without them; medians of pairs in turn."""
    migrate(engine)
    store = SqlStore(engine)
    issuer = add_issuer(store)
    durable, bare = [], []
    for repeat in range(REPEATS):
        post(store, issuer, *range(repeat * DIGESTS, (repeat + 1) * DIGESTS))
        with network.rewound(), transaction(engine, writes=True) as connection:
            bare.append(_seconds(Uncommitted(connection), network))
        durable.append(_seconds(store, network))
    return statistics.median(durable), statistics.median(bare)


def gas_of_rounds(engine: Engine, network: AnvilNetwork, sizes: Sequence[int]) -> list[tuple[int, int]]:
    """Transactions that a round of so many digests sends, and their gas, for each size in turn."""
    migrate(engine)
    store = SqlStore(engine)
    issuer = add_issuer(store)
    found, posted = [], 0
    for size in sizes:
        for start in range(posted, posted + size, AT_ONCE):
            post(store, issuer, *range(start, min(start + AT_ONCE, posted + size)))
        posted += size
        nonce = network.transaction_count(network.signer.address)
        _seconds(store, network, max_leaves=1 << 20)
        receipt = network.anvil.rpc.send("eth_getTransactionReceipt", to_hex(network.events()[-1].transaction))
        found.append((network.transaction_count(network.signer.address) - nonce, int(receipt["gasUsed"], 16)))
    return found


def _seconds(store: Store, network: AnvilNetwork, *, max_leaves: int = DIGESTS) -> float:
    rules = replace(RULES, max_leaves=max_leaves)
    one = Round(store, network.ledger, MiningClock(network), rules, holder="bench", progress=no_progress)
    started = time.perf_counter()
    report = one.run()
    seconds = time.perf_counter() - started
    assert report.followed.is_settled
    assert report.sealed == 1
    return seconds
