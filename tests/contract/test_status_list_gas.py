"""What a round costs that publishes status lists. Gas is the same each time, so these are bounds (docs/status.md)."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from anchoring.core.status_version import VersionState
from anchoring.settings import LedgerSettings, RoundSettings
from anchoring.store import tables
from tests.anvil_installation import AnvilInstallation, quick_sqlite
from tests.installation import RULES
from tests.networks import anvil_network
from tests.world import rows

PLAIN: Final = 54_700
"""A round that anchors one root and nothing else, but the first of a registry."""

FIRST_VERSION, LATER_VERSION, EACH_OF_MANY, EACH_LATER_OF_MANY = 55_000, 20_000, 51_000, 16_700
EIP_7825: Final = 16_777_216

ALL_AT_ONCE = replace(RULES, max_leaves=1000, submission=replace(RULES.submission, max_heads=400))


@pytest.fixture
def here(tmp_path: Path) -> Iterator[AnvilInstallation]:
    """A registry with an anchor."""
    with anvil_network() as network, quick_sqlite(tmp_path) as store:
        here = AnvilInstallation(store, network, ALL_AT_ONCE)
        here.post()
        here.rest()
        yield here


def gas_of_round(here: AnvilInstallation) -> int:
    """Of the one transaction that it makes."""
    before = len(rows(here.store, tables.submission))
    here.rest()
    *_, last = made = rows(here.store, tables.submission)
    assert len(made) == before + 1
    gas: int = last.gas_used
    return gas


def test_gas_of_a_round_does_not_depend_on_the_number_of_changes(here):
    here.post()
    plain = gas_of_round(here)
    first, later = [], []
    for number, changes in enumerate((1, 256, 100_000)):
        here.revoke(number, indexes=changes)
        first.append(gas_of_round(here))
        here.revoke(number)
        later.append(gas_of_round(here))
    here.revoke(0, indexes=100_000)
    later.append(gas_of_round(here))
    assert plain <= PLAIN
    assert max(first) <= min(1.02 * min(first), plain + FIRST_VERSION), first
    assert max(later) <= min(1.02 * min(later), plain + LATER_VERSION), later
    here.check()


def test_gas_of_a_round_that_touches_400_lists(here):
    gas = []
    for _ in range(2):
        for number in range(400):
            here.revoke(number)
        gas.append(gas_of_round(here))
    first, later = gas
    assert first <= 400 * EACH_OF_MANY
    assert later <= 400 * EACH_LATER_OF_MANY < EIP_7825
    assert {version.state for version in here.versions()} == {VersionState.FINAL}
    here.check()


def test_gas_limit_of_the_largest_transaction_by_default_is_one_that_every_ledger_takes():
    ledger, rounds = LedgerSettings(), RoundSettings()
    largest = ledger.gas_base + rounds.max_roots * ledger.gas_per_root + rounds.max_heads * ledger.gas_per_head
    assert largest == 16_280_000 < EIP_7825
