"""Named places in the use cases at which a test makes something happen: the process dies there, or freezes.

Nothing but code in the same process arms them: there is no setting and no environment variable that does.
"""

from collections.abc import Callable
from typing import Final

watchers: Final[list[Callable[[str], None]]] = []
"""Called with the name of every failpoint that is reached. Empty but in tests."""


def failpoint(name: str) -> None:
    """Tell the watchers that this place is reached. One of them may raise, or end the process."""
    for reached in watchers:
        reached(name)
