"""Every operation that OpenAPI describes, so that a new route is tried without anybody thinking of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI

from tests.factories import UNIVERSITY

HEX = "ab" * 32
FILLED = {"digest": HEX, "root": HEX, "list_id": HEX, "did": UNIVERSITY, "prefix": "00000000", "level": "0", "n": "0"}


@dataclass(frozen=True, kw_only=True)
class Operation:
    """`path`: with something in its parameters that nobody posted. `scopes`: one of them is needed; none where all may.

    `media_types`: of the bodies that it takes; none where it takes none.
    """

    method: str
    template: str
    scopes: frozenset[str]
    media_types: tuple[str, ...]

    @property
    def path(self) -> str:
        return self.template.format(**FILLED)

    def __str__(self) -> str:
        return f"{self.method} {self.template}"


def operations(app: FastAPI) -> list[Operation]:
    """In the order of the document."""
    return [_operation(method, path, told) for path, item in app.openapi()["paths"].items() for method, told in item.items()]


def _operation(method: str, path: str, told: dict[str, Any]) -> Operation:
    return Operation(
        method=method.upper(),
        template=path,
        scopes=frozenset(_scopes(told)),
        media_types=tuple(told.get("requestBody", {}).get("content", {})),
    )


def _scopes(told: dict[str, Any]) -> Iterator[str]:
    for requirement in told.get("security", []):
        for scopes in requirement.values():
            yield from scopes
