"""How often the tests made something fail, and what the world check then counted: by test, for the table of docs/faults.md."""

import json
from collections import Counter, defaultdict
from pathlib import Path

FAULTY_CALLS = {
    "anvil_dropAllTransactions",
    "anvil_reorg",
    "anvil_rollback",
    "anvil_setChainId",
    "anvil_setCode",
}
"""What an Anvil is told only to do harm."""

_tally: Counter[str] = Counter()
_by_test: dict[str, Counter[str]] = defaultdict(Counter)


def injected() -> None:
    """Something was made to fail."""
    _tally["injected"] += 1


def looked_at(acknowledged: int) -> None:
    """The world check found so many acknowledged digests, none of them lost, no root and no leaf twice."""
    _tally["checked"] += acknowledged


def begin() -> None:
    """A test begins."""
    _tally.clear()


def end(test: str) -> None:
    """A test has passed. What it is about happened once at least."""
    _by_test[test] += Counter(cases=1, injected=max(1, _tally["injected"]), checked=_tally["checked"])


def write(path: Path) -> None:
    path.write_text(json.dumps(_by_test, indent=1, sort_keys=True), encoding="utf-8")
