"""Fees by policy, at the cap, and on chains that do not fit."""

import pytest

from anchoring.core.fees import Fee, FeePolicy, FeeRules, choose_fee
from anchoring.errors import LedgerUnavailable, Misconfigured


def rules(policy: FeePolicy, *, tip_wei: int = 3, cap_wei: int = 1_000) -> FeeRules:
    return FeeRules(policy=policy, tip_wei=tip_wei, cap_wei=cap_wei)


@pytest.mark.parametrize("base_fee_wei", [0, None])
def test_zero_policy_offers_nothing_whatever_the_node_suggests(base_fee_wei: int | None) -> None:
    fee = choose_fee(rules(FeePolicy.ZERO), base_fee_wei=base_fee_wei, gas_price_wei=10**9)

    assert fee == Fee(max_fee_wei=0, tip_wei=None)


def test_zero_policy_is_refused_where_there_is_a_base_fee() -> None:
    with pytest.raises(Misconfigured, match=r"base fee of 7 wei.*set ledger\.fee_policy to market"):
        choose_fee(rules(FeePolicy.ZERO), base_fee_wei=7, gas_price_wei=None)


@pytest.mark.parametrize(
    ("base_fee_wei", "max_fee_wei"),
    [
        (0, 3),
        (100, 203),
        (498, 999),
        (499, 1_000),  # twice the base fee would be above the cap
        (997, 1_000),  # base fee and tip are the cap
    ],
)
def test_market_policy_offers_twice_the_base_fee_up_to_the_cap(base_fee_wei: int, max_fee_wei: int) -> None:
    fee = choose_fee(rules(FeePolicy.MARKET), base_fee_wei=base_fee_wei, gas_price_wei=None)

    assert fee == Fee(max_fee_wei=max_fee_wei, tip_wei=3)


def test_market_policy_waits_when_the_market_is_above_the_cap() -> None:
    with pytest.raises(LedgerUnavailable, match="asks 1001 wei per gas, above the cap of 1000"):
        choose_fee(rules(FeePolicy.MARKET), base_fee_wei=998, gas_price_wei=None)


def test_market_policy_is_refused_without_a_base_fee() -> None:
    with pytest.raises(Misconfigured, match=r"no base fee.*set ledger\.fee_policy to legacy"):
        choose_fee(rules(FeePolicy.MARKET), base_fee_wei=None, gas_price_wei=5)


@pytest.mark.parametrize("gas_price_wei", [0, 5, 1_000])
def test_legacy_policy_offers_what_the_node_suggests(gas_price_wei: int) -> None:
    fee = choose_fee(rules(FeePolicy.LEGACY), base_fee_wei=None, gas_price_wei=gas_price_wei)

    assert fee == Fee(max_fee_wei=gas_price_wei, tip_wei=None)


def test_legacy_policy_waits_when_the_suggestion_is_above_the_cap() -> None:
    with pytest.raises(LedgerUnavailable, match="asks 1001 wei"):
        choose_fee(rules(FeePolicy.LEGACY), base_fee_wei=None, gas_price_wei=1_001)


def test_legacy_policy_is_refused_without_a_suggestion() -> None:
    with pytest.raises(Misconfigured, match="suggests no gas price"):
        choose_fee(rules(FeePolicy.LEGACY), base_fee_wei=0, gas_price_wei=None)
