"""An issuer posts digests; each waits until the next round seals it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from anchoring.core.canonical import Canonicalization
from anchoring.core.issuer import Issuer
from anchoring.errors import StoreUnavailable
from anchoring.ports.entries import Entry, NewEntry
from anchoring.ports.runtime import RandomBytes
from anchoring.ports.store import UnitOfWork
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

    A digest the issuer posted before, or twice in one request, gets its first answer again; an erasure that still waits is taken
    back, or what is acknowledged here would vanish. The caller commits.

    Raises: StoreUnavailable when a digest is being erased at this moment.
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
    recorded = dict(uow.entries.of_issuer(issuer, first_of.keys()))
    if known := {one.digest: recorded.pop(one.digest).id for one in new if _was_known(one, recorded)}:
        uow.entries.cancel_erasure(known.values())
        recorded |= uow.entries.of_issuer(issuer, known.keys())
    try:
        return [recorded[one.digest] for one in posted]
    except KeyError as gone:
        raise StoreUnavailable("a digest is being erased at this moment; repeating records it anew") from gone


def _was_known(one: NewEntry, recorded: Mapping[Digest, Entry]) -> bool:
    """An entry with another salt than the one just made for it is an earlier one."""
    return one.digest in recorded and recorded[one.digest].salt != one.salt
