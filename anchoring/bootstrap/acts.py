"""What people do on the command line, for the audit log."""

import getpass
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from anchoring.bootstrap.store import open_store
from anchoring.bootstrap.system import SystemClock
from anchoring.core.audit_log import Act, ActResult, Detail
from anchoring.errors import Misconfigured, StoreUnavailable
from anchoring.settings import StoreSettings
from anchoring.types import Did


def command_act(action: str, detail: Detail, *, issuer: Did | None = None, result: ActResult = ActResult.DONE) -> Act:
    """An act of whoever runs this command, now."""
    return Act(
        at=SystemClock().now(),
        actor="command line",
        source=f"{_user()}@{socket.gethostname()}",
        action=action,
        issuer=issuer,
        result=result,
        detail=detail,
    )


def record(settings: StoreSettings, action: str, detail: Detail, *, result: ActResult = ActResult.DONE) -> None:
    """Record what happened outside of the database. Raises: Misconfigured, StoreUnavailable."""
    with open_store(settings).writing() as uow:
        uow.audit_log.note(command_act(action, detail, result=result))
        uow.commit()


def record_if_reachable(
    settings: StoreSettings,
    action: str,
    detail: Detail,
    tell: Callable[[str], None],
    *,
    result: ActResult = ActResult.DONE,
) -> None:
    """As `record`; where the database cannot be written `tell` is told so, and the command goes on."""
    try:
        record(settings, action, detail, result=result)
    except (Misconfigured, StoreUnavailable) as unreachable:
        tell(f"not in the audit log: {action}, {result}: {unreachable.message}")


@contextmanager
def recording(settings: StoreSettings, action: str, begun: Detail, tell: Callable[[str], None]) -> Iterator[dict[str, str | int]]:
    """Record before what cannot be undone, and after it how it ended. What is put into the mapping goes with the end.

    Who administers the contract may be kept away from the database: where it cannot be reached `tell` is told so, and the act
    goes on.
    """
    found: dict[str, str | int] = {}
    result = ActResult.FAILED
    record_if_reachable(settings, action, begun, tell, result=ActResult.BEGUN)
    try:
        yield found
        result = ActResult.DONE
    finally:
        record_if_reachable(settings, action, {**begun, **found}, tell, result=result)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run as a user without a name
        return "unknown"
