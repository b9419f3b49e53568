"""Requests that ask the same at the same moment are answered together: one transaction, and one statement, for many."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeVar

from anchoring.errors import StoreUnavailable
from anchoring.ports.store import UnitOfWork

A = TypeVar("A")
T = TypeVar("T")

Together: TypeAlias = Callable[[UnitOfWork, list[A]], Sequence[T | Exception]]
"""A use case for many at once: what each asks, and what each is told in that order; an exception is raised for that one."""

Told: TypeAlias = tuple[asyncio.Future[Any], Any]

MOST_TRIES: Final = 4
"""How often a unit of work is begun when the database breaks it off: a deadlock, or a server that was restarted."""


@dataclass(frozen=True, slots=True)
class Question:
    """What one request asks, and where it waits. `rows`: how many it touches."""

    together: Together[Any, Any]
    asked: Any
    answer: asyncio.Future[Any]
    rows: int = 1


def answer_alike(uow: UnitOfWork, questions: Sequence[Question]) -> list[Told]:
    """Each use case is called once, with all who ask it. Raises: what a use case raises; that spoils it for all."""
    alike: dict[Together[Any, Any], list[Question]] = defaultdict(list)
    for question in questions:
        alike[question.together].append(question)
    told: list[Told] = []
    for together, some in alike.items():
        outcomes = together(uow, [one.asked for one in some])
        told += zip([one.answer for one in some], outcomes, strict=True)
    return told


def hand_out(told: Sequence[Told]) -> None:
    """To be called in the loop of those who wait."""
    for answer, outcome in told:
        if answer.done():
            continue  # the client has gone; what was written stays written
        if isinstance(outcome, Exception):
            answer.set_exception(outcome)
        else:
            answer.set_result(outcome)


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
