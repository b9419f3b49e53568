"""Writes that were refused, for the audit log: counted in memory, recorded once a minute.

One record stands for all that were refused alike, and a minute has few of them, so that whoever tries all day fills no database.
"""

from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Final

import structlog
from starlette.types import Scope

from anchoring.core.audit_log import Act, ActResult, Detail, exact
from anchoring.core.issuer import Caller
from anchoring.errors import AnchoringError
from anchoring.ports.runtime import Clock
from anchoring.ports.store import UnitOfWork
from anchoring.types import Did
from service.acts import ANYBODY
from service.addresses import address_of
from service.group_commit import GroupCommit
from service.later import EVERY_S, Later

CALLER: Final = "credanchor.caller"
"""In the scope of a request: who asks, once that is known."""

MOST_KINDS: Final = 100
"""Told apart in one minute; the others are counted together."""

_WRITING: Final = frozenset({"POST", "PUT", "DELETE"})
_ONLY_READING: Final = frozenset({"/v1/verify", "/v1/vc-api/credentials/verify"})
_OF_ANYBODY: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS})

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Kind:
    actor: str
    issuer: Did | None
    source: str
    request: str
    status: int


_OTHERS: Final = _Kind("others", None, "others", "others", 0)


@dataclass(slots=True)
class _Count:
    since: datetime
    count: int = 0


class Refusals:
    """Of one process. `every_s`: how long one may stay unwritten."""

    def __init__(self, writes: GroupCommit, clock: Clock, *, every_s: float = EVERY_S) -> None:
        self._writes = writes
        self._clock = clock
        self._counts: dict[_Kind, _Count] = {}
        self._later = Later(self._write, every_s=every_s)
        self.stop = self._later.stop

    def look(self, scope: Scope, path: str | None, status: int) -> None:
        """A request was answered. `path`: the template of its route; None where there is none."""
        if scope["method"] not in _WRITING or not HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return
        caller: Caller | None = scope.get(CALLER)
        if path in _ONLY_READING or (caller is None and status not in _OF_ANYBODY):
            return
        actor, issuer = (ANYBODY, None) if caller is None else (caller.name, caller.issuer.did)
        kind = _Kind(actor, issuer, address_of(scope), f"{scope['method']} {path or 'any'}", status)
        if kind not in self._counts and len(self._counts) >= MOST_KINDS:
            kind = _OTHERS
        self._counts.setdefault(kind, _Count(self._clock.now())).count += 1
        self._later.noted()

    async def _write(self) -> None:
        counts, self._counts = self._counts, {}
        if not counts:
            return
        now = self._clock.now()

        def write(uow: UnitOfWork) -> None:
            for kind, counted in counts.items():
                uow.audit_log.note(_act(kind, counted, now))

        try:
            await self._writes.write(write, rows=len(counts))
        except AnchoringError as failed:
            log.warning("refusals.lost", count=sum(one.count for one in counts.values()), detail=failed.message)


def _act(kind: _Kind, counted: _Count, now: datetime) -> Act:
    detail: Detail = {"request": kind.request, "status": kind.status, "count": counted.count, "since": exact(counted.since)}
    return Act(
        at=now,
        actor=kind.actor,
        source=kind.source,
        action="write.refused",
        issuer=kind.issuer,
        result=ActResult.REFUSED,
        detail=detail,
    )
