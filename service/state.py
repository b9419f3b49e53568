"""What a running service holds, and how its hot routes read: never through the thread pool that slow routes share."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from anchoring.core.finality import FinalityRule
from anchoring.ports.runtime import Clock, RandomBytes
from anchoring.ports.signing import CredentialProofs, ListChecker
from anchoring.ports.store import Store, UnitOfWork
from anchoring.settings import ApiSettings, StatusSettings
from service.backlog import Backlog
from service.figures import FigureReader
from service.group_commit import GroupCommit, repeated
from service.metrics import Metrics
from service.promises import Promises
from service.served_lists import ServedLists

T = TypeVar("T")

READ_THREADS: Final = 8


class ReadLane:
    """Reads of the hot routes.

    An embedded database answers from memory in less time than a change of thread takes, so it is read on the event loop; a
    database server is read by a few threads of this lane.
    """

    def __init__(self, store: Store, *, is_embedded: bool) -> None:
        self._store = store
        self._executor = None if is_embedded else ThreadPoolExecutor(READ_THREADS, thread_name_prefix="read-lane")

    async def read(self, read: Callable[[UnitOfWork], T]) -> T:
        """Run `read` in a reading unit of work. Raises: what `read` raises; StoreUnavailable."""
        if self._executor is None:
            return self._run(read)
        return await asyncio.get_running_loop().run_in_executor(self._executor, repeated, lambda: self._run(read))

    def stop(self) -> None:
        """Let reads under way finish."""
        if self._executor:
            self._executor.shutdown()

    def _run(self, read: Callable[[UnitOfWork], T]) -> T:
        with self._store.reading() as uow:
            return read(uow)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One process of the service.

    `did_document`: as of now; None where no key signs status lists. `credential_proofs`: None where the VC-API is off.
    `round_period_s`: as configured. `nodes`: how many must show an anchor before it is final.
    """

    store: Store
    writes: GroupCommit
    reads: ReadLane
    backlog: Backlog
    metrics: Metrics
    figures: FigureReader
    promises: Promises
    clock: Clock
    random_bytes: RandomBytes
    api: ApiSettings
    did_document: Callable[[], dict[str, Any]] | None
    status: StatusSettings
    lists: ServedLists
    list_checker: ListChecker
    credential_proofs: CredentialProofs | None
    finality: FinalityRule
    round_period_s: float
    nodes: int
