"""What requests do, for the audit log: recorded in the transaction of what was done."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from starlette.types import Scope

from anchoring.core.audit_log import Act, Detail
from anchoring.core.issuer import Caller
from anchoring.ports.runtime import Clock
from anchoring.ports.store import UnitOfWork
from anchoring.types import Did
from service.addresses import address_of

T = TypeVar("T")

ANYBODY: Final = "anybody"
"""Who uses what is open to all."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Who asks, in whose name, and from where."""

    actor: str
    issuer: Did | None
    source: str


def origin_of(scope: Scope, caller: Caller) -> Origin:
    """Of a request with a key."""
    return Origin(caller.name, caller.issuer.did, address_of(scope))


def recorded(
    clock: Clock, origin: Origin, action: str, write: Callable[[UnitOfWork], T], detail: Callable[[T], Detail]
) -> Callable[[UnitOfWork], T]:
    """A write that leaves a record. `detail`: of what the write gives."""

    def write_and_note(uow: UnitOfWork) -> T:
        done = write(uow)
        note(uow, clock, origin, action, detail(done))
        return done

    return write_and_note


def note(uow: UnitOfWork, clock: Clock, origin: Origin, action: str, detail: Detail | str) -> None:
    """Have it recorded when this unit of work commits."""
    act = Act(at=clock.now(), actor=origin.actor, source=origin.source, action=action, issuer=origin.issuer, detail=detail)
    uow.audit_log.note(act)
