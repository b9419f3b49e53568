"""What a transaction offers for its gas.

Three policies. `zero`: permissioned ledgers such as EBSI's; the node is asked nothing, because nodes and libraries suggest a
price where none is due. `market`: EIP-1559 chains. `legacy`: chains with a gas price and no base fee.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from anchoring.errors import LedgerUnavailable, Misconfigured

BASE_FEE_HEADROOM: Final = 2
"""The base fee grows by at most 1/8 a block: twice today's lasts for six full blocks."""

LEAST_RAISE: Final = (9, 8)
"""By how much both fees of a replacement must exceed those before: clients ask for 10 %, some for 12.5 %."""


class FeePolicy(StrEnum):
    """How fees are chosen."""

    ZERO = "zero"
    MARKET = "market"
    LEGACY = "legacy"


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeRules:
    """The operator's settings: wei per gas. `cap_wei` is never exceeded, whatever the market asks."""

    policy: FeePolicy
    tip_wei: int
    cap_wei: int


@dataclass(frozen=True, slots=True)
class Fee:
    """Wei per gas. A `tip_wei` of None means a transaction of type 0, whose gas price is `max_fee_wei`."""

    max_fee_wei: int
    tip_wei: int | None


def choose_fee(rules: FeeRules, *, base_fee_wei: int | None, gas_price_wei: int | None) -> Fee:
    """The fee of a first attempt.

    `base_fee_wei`: of the head, None on a chain without EIP-1559. `gas_price_wei`: what the node suggests, for `legacy` only.

    Raises: LedgerUnavailable while the market is above the cap; Misconfigured when the chain does not fit the policy.
    """
    match rules.policy:
        case FeePolicy.ZERO:
            if base_fee_wei:
                raise Misconfigured(
                    f"the ledger has a base fee of {base_fee_wei} wei, the fee policy is zero: "
                    "set CREDANCHOR_LEDGER__FEE_POLICY to market"
                )
            return Fee(max_fee_wei=0, tip_wei=None)
        case FeePolicy.MARKET:
            if base_fee_wei is None:
                raise Misconfigured(
                    "the ledger has no base fee, the fee policy is market: set CREDANCHOR_LEDGER__FEE_POLICY to legacy"
                )
            needed = base_fee_wei + rules.tip_wei
            _require_below_cap(needed, rules.cap_wei)
            wanted = BASE_FEE_HEADROOM * base_fee_wei + rules.tip_wei
            return Fee(max_fee_wei=min(wanted, rules.cap_wei), tip_wei=rules.tip_wei)
        case FeePolicy.LEGACY:  # pragma: no branch - mypy sees that there is no other
            if gas_price_wei is None:
                raise Misconfigured("the ledger suggests no gas price, the fee policy is legacy")
            _require_below_cap(gas_price_wei, rules.cap_wei)
            return Fee(max_fee_wei=gas_price_wei, tip_wei=None)


def replace_fee(rules: FeeRules, before: Fee, *, base_fee_wei: int | None, gas_price_wei: int | None) -> Fee | None:
    """The fee of an attempt that takes the place of one that is stuck; None when there is nothing to be gained.

    That is: on a ledger without fees, where nothing outbids anything; at the cap; and while the market is above the cap.
    `before`: the highest fee offered for this nonce so far.
    """
    if rules.policy is FeePolicy.MARKET and base_fee_wei is not None:
        tip_wei = max(rules.tip_wei, _raised(before.max_fee_wei if before.tip_wei is None else before.tip_wei))
        return _outbid(rules, before, base_fee_wei + tip_wei, BASE_FEE_HEADROOM * base_fee_wei + tip_wei, tip_wei)
    if rules.policy is FeePolicy.LEGACY:
        return _outbid(rules, before, gas_price_wei or 0, gas_price_wei or 0, None)
    return None


def _outbid(rules: FeeRules, before: Fee, needed_wei: int, wanted_wei: int, tip_wei: int | None) -> Fee | None:
    least_wei = _raised(before.max_fee_wei)
    max_fee_wei = min(max(least_wei, wanted_wei), rules.cap_wei)
    if max_fee_wei < max(least_wei, needed_wei) or max_fee_wei == before.max_fee_wei:
        return None
    return Fee(max_fee_wei=max_fee_wei, tip_wei=tip_wei)


def _raised(wei: int) -> int:
    numerator, denominator = LEAST_RAISE
    return -(-wei * numerator // denominator)


def _require_below_cap(needed_wei: int, cap_wei: int) -> None:
    if needed_wei > cap_wei:
        raise LedgerUnavailable(f"the ledger asks {needed_wei} wei per gas, above the cap of {cap_wei}; waiting for a lower fee")
