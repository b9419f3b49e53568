"""Values that tests need many of, made from a number so that a failure can be told apart."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from anchoring.core.canonical import Canonicalization
from anchoring.core.issuer import Issuer
from anchoring.ports.entries import Entry
from anchoring.ports.runtime import RandomBytes
from anchoring.ports.store import Store, UnitOfWork
from anchoring.types import Did, Digest, as_digest
from anchoring.usecases.submit_digests import PostedDigests, StatusIndex, submit_digests

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
UNIVERSITY = Did("did:ebsi:zYcXJpGw4oxsrGXc5WdR3UA")
ACADEMY = Did("did:ebsi:zYcVfxkQb6JRzqk5kF2tNLw")


def make_digest(i: int) -> Digest:
    return as_digest(hashlib.sha256(f"credential {i}".encode()).digest())


def make_salts(size: int) -> bytes:
    """Not random, and distinct within one call: tests that compare answers need to know them."""
    return b"".join(hashlib.sha256(f"salt {i}".encode()).digest()[:16] for i in range(size // 16))


def add_issuer(store: Store, did: Did = UNIVERSITY, name: str = "University") -> Issuer:
    with store.writing() as uow:
        uow.issuers.add(did, name, NOON)
        issuer = uow.issuers.with_did(did)
        uow.commit()
    assert issuer is not None
    return issuer


def post(
    store: Store, issuer: Issuer, *numbers: int, now: datetime = NOON, canonicalization: Canonicalization | None = None
) -> list[Entry]:
    """Post the digests of these numbers, durably."""
    with store.writing() as uow:
        entries = submit(uow, issuer, [make_digest(i) for i in numbers], now=now, canonicalization=canonicalization)
        uow.commit()
    return entries


def submit(
    uow: UnitOfWork,
    issuer: Issuer,
    digests: Sequence[Digest],
    *,
    canonicalization: Canonicalization | None = None,
    status: Sequence[tuple[int, StatusIndex]] = (),
    now: datetime = NOON,
    random_bytes: RandomBytes | None = None,
) -> list[Entry]:
    """Post these digests; the entries in the order of the input, with the salts that were answered."""
    posted = PostedDigests(digests=b"".join(digests), canonicalizations=[canonicalization] * len(digests), status=status)
    [accepted] = submit_digests(uow, [(issuer, posted)], now=now, random_bytes=random_bytes or make_salts)
    found = uow.entries.of_issuer(issuer, digests)
    entries = [found[digest] for digest in digests]
    assert accepted.salts == b"".join(entry.salt for entry in entries)
    assert accepted.received_at == [entry.received_at for entry in entries]
    assert accepted.canonicalizations == [entry.canonicalization for entry in entries]
    return entries


class FrozenClock:
    """Implements ports.Clock: time moves when it is told to, or when somebody sleeps."""

    def __init__(self, now: datetime = NOON) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def sleep(self, seconds: float) -> None:
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
