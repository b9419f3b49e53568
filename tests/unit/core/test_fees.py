"""Fees by policy, at the cap, and on chains that do not fit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anchoring.core.fees import Fee, FeePolicy, FeeRules, choose_fee, replace_fee
from anchoring.errors import LedgerUnavailable, Misconfigured


def rules(policy: FeePolicy, *, tip_wei: int = 3, cap_wei: int = 1_000) -> FeeRules:
    return FeeRules(policy=policy, tip_wei=tip_wei, cap_wei=cap_wei)


@pytest.mark.parametrize("base_fee_wei", [0, None])
def test_zero_policy_offers_nothing_whatever_the_node_suggests(base_fee_wei: int | None) -> None:
    fee = choose_fee(rules(FeePolicy.ZERO), base_fee_wei=base_fee_wei, gas_price_wei=10**9)

    assert fee == Fee(max_fee_wei=0, tip_wei=None)


def test_zero_policy_is_refused_where_there_is_a_base_fee() -> None:
    with pytest.raises(Misconfigured, match=r"base fee of 7 wei.*set CREDANCHOR_LEDGER__FEE_POLICY to market"):
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
    with pytest.raises(Misconfigured, match=r"no base fee.*set CREDANCHOR_LEDGER__FEE_POLICY to legacy"):
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


# Replacements.


def replaced(policy: FeePolicy, before: Fee, base_fee_wei: int | None = None, gas_price_wei: int | None = None) -> Fee | None:
    return replace_fee(rules(policy), before, base_fee_wei=base_fee_wei, gas_price_wei=gas_price_wei)


@pytest.mark.parametrize(
    ("before", "base_fee_wei", "expected"),
    [
        (Fee(80, 8), 10, Fee(90, 9)),  # an eighth more
        (Fee(81, 9), 10, Fee(92, 11)),  # rounded up
        (Fee(80, 8), 100, Fee(209, 9)),  # the market rose by more
        (Fee(80, 0), 10, Fee(90, 3)),  # the tip is the configured one at least
        (Fee(880, 8), 10, Fee(990, 9)),
        (Fee(888, 8), 10, Fee(999, 9)),
        (Fee(889, 8), 600, None),  # an eighth more would be 1,001
        (Fee(880, 8), 600, Fee(1_000, 9)),  # twice the base fee would be above the cap
        (Fee(880, 8), 991, Fee(1_000, 9)),
        (Fee(880, 8), 992, None),  # the market is above the cap
        (Fee(80, None), 10, Fee(110, 90)),  # a gas price stands for both
        (Fee(0, 0), 0, Fee(3, 3)),
    ],
)
def test_market_policy_raises_both_fees_by_an_eighth_at_least(before: Fee, base_fee_wei: int, expected: Fee | None) -> None:
    assert replaced(FeePolicy.MARKET, before, base_fee_wei=base_fee_wei) == expected


@pytest.mark.parametrize(
    ("before_wei", "gas_price_wei", "expected_wei"),
    [(80, 10, 90), (80, 500, 500), (900, 10, None), (80, 1_001, None), (0, 0, None), (0, 5, 5), (80, None, 90)],
)
def test_legacy_policy_raises_the_gas_price(before_wei: int, gas_price_wei: int | None, expected_wei: int | None) -> None:
    expected = None if expected_wei is None else Fee(expected_wei, None)

    assert replaced(FeePolicy.LEGACY, Fee(before_wei, None), gas_price_wei=gas_price_wei) == expected


def test_zero_policy_replaces_nothing() -> None:
    assert replaced(FeePolicy.ZERO, Fee(0, None), base_fee_wei=7, gas_price_wei=7) is None


def test_market_policy_replaces_nothing_on_a_chain_without_a_base_fee() -> None:
    assert replaced(FeePolicy.MARKET, Fee(80, 8)) is None


@given(
    policy=st.sampled_from([FeePolicy.MARKET, FeePolicy.LEGACY]),
    before_wei=st.integers(0, 10**30),
    tip_share=st.floats(0, 1),
    market_wei=st.integers(0, 10**30),
    cap_wei=st.integers(0, 10**31),
)
def test_replacement_outbids_both_fees_and_stays_below_the_cap(
    policy: FeePolicy, before_wei: int, tip_share: float, market_wei: int, cap_wei: int
) -> None:
    tip_wei = None if policy is FeePolicy.LEGACY else int(before_wei * tip_share)
    limits = FeeRules(policy=policy, tip_wei=5, cap_wei=cap_wei)
    fee = replace_fee(limits, Fee(before_wei, tip_wei), base_fee_wei=market_wei, gas_price_wei=market_wei)

    if fee is not None:
        assert max(before_wei * 9 / 8, before_wei + 1) <= fee.max_fee_wei * (1 + 1e-9)
        assert fee.max_fee_wei <= cap_wei
        assert fee.max_fee_wei >= market_wei
        assert tip_wei is None or (fee.tip_wei is not None and 8 * fee.tip_wei >= 9 * tip_wei and fee.tip_wei <= fee.max_fee_wei)
