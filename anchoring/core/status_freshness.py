"""When a served list says it was signed, and for how long it may be relied on and cached.

The time is a function of what the store holds and of the clock in whole periods, so that every worker signs the same bytes, and
caches hold them. What goes beyond the ledger is signed by the second, since a verifier relies on the time alone: it must be later
than the head's.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from anchoring.core.status_documents import ReadList

PENDING_TTL_S: Final = 15
"""A list that the ledger does not show yet changes its standing within one round."""

SECOND: Final = timedelta(seconds=1)
MOST_TTL_S: Final = 31_536_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NEVER: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class FreshnessRules:
    """The operator's settings, in seconds.

    `refresh_s`: how often a list that does not change is signed anew. `valid_s`: how long it holds. `ttl_s`: how long it may be
    kept without asking again.
    """

    refresh_s: int
    valid_s: int
    ttl_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """What a signed form says of its time; whole seconds, UTC. `ttl_s`: how long it may be kept without asking again."""

    signed_at: datetime
    valid_until: datetime
    ttl_s: int


def now_after(head_time: datetime | None, now: datetime) -> datetime:
    """Now, or a second after the head: the ledger's clock may be ahead of ours, and a newer list must say that it is."""
    return now if head_time is None else max(now, head_time + SECOND)


def freshness(
    rules: FreshnessRules, *, now: datetime, changed_at: datetime, head_time: datetime | None, is_pending: bool
) -> Freshness:
    """Of the list as it is now. `head_time`: of the block that shows its newest version; `is_pending`: its bits are others."""
    if is_pending:
        at = now_after(_floor(head_time, 1) if head_time else None, _floor(now, 1))
        return Freshness(
            signed_at=at,
            valid_until=at + timedelta(seconds=rules.valid_s),
            ttl_s=min(PENDING_TTL_S, rules.ttl_s),
        )
    times = [_floor(now, rules.refresh_s), _floor(changed_at, 1)] + ([_floor(head_time, 1)] if head_time else [])
    return Freshness(signed_at=max(times), valid_until=max(times) + timedelta(seconds=rules.valid_s), ttl_s=rules.ttl_s)


def freshness_then(rules: FreshnessRules, at: datetime) -> Freshness:
    """Of a list as it was: it says so, and is out of date when a list signed then would be."""
    signed_at = _floor(at, 1)
    return Freshness(
        signed_at=signed_at,
        valid_until=signed_at + timedelta(seconds=rules.valid_s),
        ttl_s=rules.ttl_s,
    )


def freshness_of(rules: FreshnessRules, read: ReadList) -> Freshness:
    """Of a list that somebody else signed, as it says itself; where it names no time to live it has ours."""
    return Freshness(
        signed_at=read.signed_at or _EPOCH,
        valid_until=read.valid_until or _NEVER,
        ttl_s=rules.ttl_s if read.ttl_s is None else int(min(read.ttl_s, MOST_TTL_S)),
    )


def max_age_s(fresh: Freshness, now: datetime) -> int:
    """How long caches may keep it: no longer than its ttl, nor than it is valid."""
    return max(0, min(fresh.ttl_s, (fresh.valid_until - now) // SECOND))


def _floor(moment: datetime, period_s: int) -> datetime:
    """The last whole period before; periods count from 1970."""
    seconds = (moment - _EPOCH) // SECOND
    return _EPOCH + timedelta(seconds=seconds - seconds % period_s)
