"""Requests that ask the same at the same moment are answered together: one transaction, and one statement, for many."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar

from anchoring.errors import StoreUnavailable
from anchoring.ports.store import UnitOfWork

A = TypeVar("A")
T = TypeVar("T")

Together: TypeAlias = Callable[[UnitOfWork, list[A]], Sequence[T | Exception]]
"""A use case for many at once: what each asks, and what each is told in that order; an exception is raised for that one."""

Tell: TypeAlias = Callable[[Any], None]
"""Called in the event loop with what one is told, or with the exception to be raised for it. It raises none itself."""

Told: TypeAlias = tuple[Tell, Any]

MOST_TRIES: Final = 4
"""How often a unit of work is begun when the database breaks it off: a deadlock, or a server that was restarted."""


class Question(NamedTuple):
    """What one request asks, and who is told. `rows`: how many it touches."""

    together: Together[Any, Any]
    asked: Any
    tell: Tell
    rows: int = 1


def answer_alike(uow: UnitOfWork, questions: Sequence[Question]) -> list[Told]:
    """Each use case is called once, with all who ask it. Raises: what a use case raises; that spoils it for all."""
    alike: dict[Together[Any, Any], list[Question]] = defaultdict(list)
    for question in questions:
        alike[question.together].append(question)
    told: list[Told] = []
    for together, some in alike.items():
        outcomes = together(uow, [one.asked for one in some])
        told += zip([one.tell for one in some], outcomes, strict=True)
    return told


def hand_out(told: Sequence[Told]) -> None:
    """To be called in the loop of those who wait."""
    for tell, outcome in told:
        tell(outcome)


def waiter(loop: asyncio.AbstractEventLoop) -> tuple[asyncio.Future[Any], Tell]:
    """For a coroutine that waits to be told."""
    future: asyncio.Future[Any] = loop.create_future()
    return future, partial(_settle, future)


def _settle(future: asyncio.Future[Any], outcome: Any) -> None:
    if future.done():
        return  # the client has gone; what was written stays written
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)


def repeated(work: Callable[[], T]) -> T:
    """Do a unit of work again from its start when it is known that nothing of it took hold.

    Raises: what `work` raises.
    """
    for _ in range(MOST_TRIES - 1):
        try:
            return work()
        except StoreUnavailable as broken_off:
            if not broken_off.may_repeat:
                raise
    return work()
