"""An issuer posts digests; each waits until the next round seals it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from anchoring.core.canonical import Canonicalization
from anchoring.core.issuer import Issuer
from anchoring.errors import StateCorrupt
from anchoring.ports.runtime import RandomBytes
from anchoring.ports.store import Entry, NewEntry, UnitOfWork
from anchoring.types import SALT_BYTES, Digest, Salt


@dataclass(frozen=True, slots=True, kw_only=True)
class PostedDigest:
    """What an issuer posts. `canonicalization`: None when it was not said."""

    digest: Digest
    canonicalization: Canonicalization | None = None


def submit_digests(
    uow: UnitOfWork, issuer: Issuer, posted: Sequence[PostedDigest], *, now: datetime, random_bytes: RandomBytes
) -> list[Entry]:
    """Record what is new and answer with the entry of every posted digest, in the order of the input.

    A digest the issuer posted before, or twice in one request, gets its first answer again. The caller commits.
    """
    salts = random_bytes(SALT_BYTES * len(posted))
    first_of = {one.digest: (i, one) for i, one in reversed(list(enumerate(posted)))}
    new = [
        NewEntry(
            digest=digest,
            salt=Salt(salts[i * SALT_BYTES : (i + 1) * SALT_BYTES]),
            canonicalization=one.canonicalization,
        )
        for digest, (i, one) in first_of.items()
    ]
    uow.entries.add_missing(issuer, new, now)
    recorded = uow.entries.of_issuer(issuer, first_of.keys())
    try:
        return [recorded[one.digest] for one in posted]
    except KeyError as lost:
        raise StateCorrupt("a digest that was just recorded is not there") from lost
