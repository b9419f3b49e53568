"""Effects that fail when they are told to: once before they took hold, and once after, with the answer lost."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from typing import NoReturn

from anchoring.errors import AnchoringError, StoreUnavailable
from anchoring.ports.audit_log import AuditLog
from anchoring.ports.batches import Batches
from anchoring.ports.bundles import Bundles
from anchoring.ports.entries import Canaries, Entries
from anchoring.ports.figures import Figures
from anchoring.ports.issuers import Issuers
from anchoring.ports.rounds import Rounds
from anchoring.ports.status_keys import StatusKeys
from anchoring.ports.status_lists import StatusChanges, StatusLists
from anchoring.ports.status_versions import StatusVersions
from anchoring.ports.store import Reader, Store, UnitOfWork, Writer
from anchoring.ports.submissions import Orphans, Submissions
from tests.injections import injected


class Killed(BaseException):
    """The process ended here. No `except Exception` survives it."""


class Fault(Enum):
    """What happens at an effect. The code sees the same exception whether or not it took hold."""

    FAILS_BEFORE = "fails before"
    FAILS_AFTER = "fails after"
    KILLED_BEFORE = "killed before"
    KILLED_AFTER = "killed after"

    @property
    def takes_hold(self) -> bool:
        return self in {Fault.FAILS_AFTER, Fault.KILLED_AFTER}

    @property
    def kills(self) -> bool:
        return self in {Fault.KILLED_BEFORE, Fault.KILLED_AFTER}


class Faults:
    """What every effect outside the process passes through.

    `trace`: the names of the effects seen since the last `arm`, `freeze` or `restart`. `fired`: whether the fault happened.
    """

    def __init__(self) -> None:
        self.trace: list[str] = []
        self.fired = False
        self.open_units = 0
        self._at: int | str | None = None
        self._fault: Fault | None = None
        self._meanwhile: Callable[[], None] | None = None
        self._only_after: str | None = None
        self._is_dead = False

    def arm(self, at: int | str, fault: Fault) -> None:
        """Let one effect fail: the one of this number, counted from here, or the first of this name."""
        self.restart()
        self._at, self._fault = at, fault

    def arm_after(self, first: str, then: str, fault: Fault) -> None:
        """Let the first effect named `then` fail that comes after one named `first`."""
        self.arm(then, fault)
        self._only_after = first

    def freeze(self, at: int | str, meanwhile: Callable[[], None]) -> None:
        """Stop before one effect, and go on after `meanwhile`. Never before a commit: there the database is held fast."""
        self.restart()
        self._at, self._meanwhile = at, meanwhile

    def restart(self) -> None:
        """A process of its own begins: nothing is armed, and it lives."""
        self.trace, self.fired = [], False
        self._at, self._fault, self._meanwhile, self._only_after = None, None, None, None
        self._is_dead = False

    @contextmanager
    def effect(self, name: str, unavailable: type[AnchoringError]) -> Iterator[None]:
        """`unavailable`: what the code sees when the effect fails or its answer is lost."""
        if self._is_dead:
            raise Killed(name)
        if self._meanwhile and name == "commit" and self._at == len(self.trace):
            self._at += 1
        is_near = self._only_after is None or self._only_after in self.trace
        strikes = not self.fired and is_near and self._at in {len(self.trace), name}
        self.trace.append(name)
        self.fired = self.fired or strikes
        if strikes and self._meanwhile:
            self._wait_for(self._meanwhile)
        fault = self._fault if strikes else None
        if fault and not fault.takes_hold:
            self._strike(fault, name, unavailable)
        yield
        if fault and fault.takes_hold:
            self._strike(fault, name, unavailable)

    def _wait_for(self, meanwhile: Callable[[], None]) -> None:
        injected()
        self.restart()
        meanwhile()
        self.restart()
        self.fired = True

    def die(self, where: str) -> NoReturn:
        """The process ends here and now, without an effect of its own `finally`."""
        injected()
        self._is_dead = self.fired = True
        raise Killed(where)

    def _strike(self, fault: Fault, name: str, unavailable: type[AnchoringError]) -> None:
        if fault.kills:
            self.die(name)
        injected()
        raise unavailable(f"no answer to {name}")


class FaultyStore:
    """Implements ports.Store over a real one: to read, to begin to write and to commit are effects."""

    def __init__(self, store: Store, faults: Faults) -> None:
        self._store = store
        self._faults = faults

    @contextmanager
    def reading(self) -> Iterator[UnitOfWork]:
        with self._faults.effect("read", StoreUnavailable):
            pass
        with self._store.reading() as uow, self._counted():
            yield uow

    @contextmanager
    def writing(self, *, is_durable: bool = True) -> Iterator[UnitOfWork]:
        with self._faults.effect("begin", StoreUnavailable):
            pass
        with self._store.writing(is_durable=is_durable) as uow, self._counted():
            yield _FaultyUnitOfWork(uow, self._faults)

    def reader(self) -> Reader:
        return self

    def writer(self) -> Writer:
        return self

    def close(self) -> None:
        """Nothing is kept."""

    @contextmanager
    def _counted(self) -> Iterator[None]:
        self._faults.open_units += 1
        try:
            yield
        finally:
            self._faults.open_units -= 1


class _FaultyUnitOfWork:
    """Implements ports.UnitOfWork."""

    def __init__(self, uow: UnitOfWork, faults: Faults) -> None:
        self._uow = uow
        self._faults = faults

    @property
    def entries(self) -> Entries:
        return self._uow.entries

    @property
    def batches(self) -> Batches:
        return self._uow.batches

    @property
    def bundles(self) -> Bundles:
        return self._uow.bundles

    @property
    def canaries(self) -> Canaries:
        return self._uow.canaries

    @property
    def status_keys(self) -> StatusKeys:
        return self._uow.status_keys

    @property
    def status_versions(self) -> StatusVersions:
        return self._uow.status_versions

    @property
    def submissions(self) -> Submissions:
        return self._uow.submissions

    @property
    def orphans(self) -> Orphans:
        return self._uow.orphans

    @property
    def issuers(self) -> Issuers:
        return self._uow.issuers

    @property
    def rounds(self) -> Rounds:
        return self._uow.rounds

    @property
    def figures(self) -> Figures:
        return self._uow.figures

    @property
    def status_lists(self) -> StatusLists:
        return self._uow.status_lists

    @property
    def audit_log(self) -> AuditLog:
        return self._uow.audit_log

    @property
    def status_changes(self) -> StatusChanges:
        return self._uow.status_changes

    def commit(self) -> None:
        with self._faults.effect("commit", StoreUnavailable):
            self._uow.commit()
