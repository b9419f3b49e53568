"""Allowances in a table that the workers of a host share."""

import subprocess
import sys
from pathlib import Path

from anchoring.core.allowance import Allowance
from service.allowances import Allowances, create_file

THREE = Allowance(quota=3, window_s=60.0)


def spent(table: Allowances, who: str, times: int) -> list[bool]:
    """Whether each of so many was let through."""
    return [table.spend(THREE, who).wait_s == 0.0 for _ in range(times)]


def test_each_who_asks_has_an_allowance_of_its_own() -> None:
    table = Allowances()

    for i in range(200):
        assert spent(table, f"address 10.0.{i}.1", 4) == [True, True, True, False]


def test_allowance_comes_back() -> None:
    now = 1000.0
    table = Allowances(now=lambda: now)
    assert spent(table, "key 1a2b3c4d", 4) == [True, True, True, False]

    now += 20.0

    assert spent(table, "key 1a2b3c4d", 2) == [True, False]


def test_table_that_is_full_forgets_who_spent_least() -> None:
    table = Allowances(slots=64, now=lambda: 1000.0)
    assert spent(table, "address greedy", 4) == [True, True, True, False]

    for i in range(1000):
        table.spend(THREE, f"address {i}")

    assert spent(table, "address greedy", 1) == [False]


def test_workers_share_one_table(tmp_path: Path) -> None:
    """Which is a file of this user alone, and another process sees what this one spent."""
    path = tmp_path / "allowances"
    create_file(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert spent(Allowances(path), "key 1a2b3c4d", 2) == [True, True]
    script = (
        "import sys; from pathlib import Path; from anchoring.core.allowance import Allowance; from service.allowances import Allowances; "
        "table = Allowances(Path(sys.argv[1])); "
        "print([table.spend(Allowance(3, 60.0), 'key 1a2b3c4d').wait_s == 0.0 for _ in range(2)])"
    )

    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout.strip() == "[True, False]"
    assert spent(Allowances(path), "key 1a2b3c4d", 1) == [False]
    create_file(path)  # by a worker that was slower
    assert spent(Allowances(path), "key 1a2b3c4d", 1) == [False]
    assert list(tmp_path.iterdir()) == [path]
