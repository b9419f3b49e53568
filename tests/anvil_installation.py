"""An installation whose ledger is a real contract on Anvil, reached over JSON-RPC."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import event

from anchoring.core.fees import FeePolicy, FeeRules
from anchoring.jobs import RoundRules
from anchoring.ledger.evm import EvmLedger
from anchoring.store.engine import make_engine
from anchoring.store.schema import migrate
from anchoring.store.unit_of_work import SqlStore
from tests.faults import Faults
from tests.installation import RULES, InstallationOn
from tests.networks import AnvilNetwork

GWEI = 10**9
ETHER = 10**18
MARKET = FeeRules(policy=FeePolicy.MARKET, tip_wei=GWEI, cap_wei=1000 * GWEI)


class AnvilInstallation(InstallationOn[AnvilNetwork, EvmLedger]):
    """Blocks come by `chain.mine` alone, and while a round sleeps."""

    def __init__(
        self, store: SqlStore, network: AnvilNetwork, rules: RoundRules = RULES, ledger: EvmLedger | None = None
    ) -> None:
        super().__init__(store, network, ledger or network.ledger, Faults(), rules)


@contextmanager
def quick_sqlite(folder: Path) -> Iterator[SqlStore]:
    """A store on a file that no power cut threatens: deaths in this process need no flushed disk."""
    store = open_quickly(folder / "store.db")
    migrate(store._engine)
    yield store
    store.close()


def open_quickly(path: Path) -> SqlStore:
    """… on such a file that is there."""
    engine = make_engine(f"sqlite:///{path}", pool_size=5, busy_timeout_s=0.05)

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: object) -> None:
        connection.execute("PRAGMA synchronous = OFF")

    return SqlStore(engine)
