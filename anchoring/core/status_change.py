"""Which changes of a credential's status may be made. A replayed request changes nothing twice.

Each index of a list counts its changes. A revocation cannot be undone, so it may be repeated at will. A suspension can be lifted,
so an old request to suspend or to lift must not take effect again: it carries the number of changes that its sender knows of.
"""

from dataclasses import dataclass
from enum import StrEnum

from anchoring.core.status import StatusPurpose
from anchoring.errors import Conflict, InvalidInput


class StatusAction(StrEnum):
    """What an issuer asks for."""

    REVOKE = "revoke"
    SUSPEND = "suspend"
    REINSTATE = "reinstate"

    @property
    def purpose(self) -> StatusPurpose:
        """Whose bit it changes. Reinstating lifts a suspension; nothing lifts a revocation."""
        return StatusPurpose.REVOCATION if self is StatusAction.REVOKE else StatusPurpose.SUSPENSION

    @property
    def is_set(self) -> bool:
        """What the bit is afterwards."""
        return self is not StatusAction.REINSTATE


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexState:
    """What is recorded of one index: its bit, and how many changes it has had."""

    is_set: bool
    changes: int


UNCHANGED = IndexState(is_set=False, changes=0)


def is_new(action: StatusAction, expected: int | None, state: IndexState, *, at: str | None = None) -> bool:
    """Whether the change is to be made; False when it is the last one again, which then is the answer.

    `expected`: changes the sender knows of. Reinstating always needs it, suspending once there was a change.

    Raises: InvalidInput naming `at` when it is needed and not given; Conflict when it is not the number of changes.
    """
    if action is StatusAction.REVOKE and state.is_set:
        return False
    if action is StatusAction.REINSTATE and expected is None:
        raise InvalidInput("reinstating needs `expected`, the number of changes there were", at=at)
    if state.is_set == action.is_set and state.changes:
        if expected in {None, state.changes - 1}:
            return False  # suspended by the same request, or reinstated by it
    elif expected == state.changes or (expected is None and (state.changes == 0 or action is StatusAction.REVOKE)):
        if action is StatusAction.REINSTATE and not state.is_set:
            raise Conflict(_named(at, "it is not suspended"))
        return True
    raise Conflict(_named(at, f"it has had {state.changes} changes and is {_word(state)}; say `expected` as of that"))


def _word(state: IndexState) -> str:
    return "suspended" if state.is_set else "not suspended"


def _named(at: str | None, message: str) -> str:
    return f"{at}: {message}" if at else message
