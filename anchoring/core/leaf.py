"""What one entry contributes to a tree.

The issuer and the salt are hashed with the digest: the same credential posted by two issuers gives two leaves, and a leaf
on the ledger or in somebody else's proof says nothing about a person. Leaf inputs are 81 bytes and node inputs 64, so neither
can pass for the other (docs/proof-format.md, section 2).
"""

import hashlib
from functools import lru_cache
from struct import iter_unpack
from typing import Final, NamedTuple

from anchoring.types import HASH_BYTES, SALT_BYTES, Did, Digest, IssuerId, LeafHash, Salt

LEAF_PREFIX: Final = b"\x00"
STEP_BYTES: Final = len(LEAF_PREFIX) + 32 + 16
SALTED_BYTES: Final = SALT_BYTES + HASH_BYTES
_SALTED: Final = f"{SALTED_BYTES}s"


class SaltedDigests(NamedTuple):
    """Entries of one issuer, packed. `issuer_id`: 32 bytes. `salted`: n × 48 bytes, salt and digest of each, in any order."""

    issuer_id: IssuerId
    salted: bytes


@lru_cache(maxsize=1024)
def issuer_id_of(did: Did) -> IssuerId:
    """SHA-256 of the DID in UTF-8: 32 bytes, the same for every entry of the issuer."""
    return IssuerId(hashlib.sha256(did.encode()).digest())


def leaf_step(issuer_id: IssuerId, salt: Salt) -> bytes:
    """The 49 bytes that stand left of the digest: `0x00 ‖ issuer_id ‖ salt`.

    Left/right proof formats begin their path with this step, so that their verifiers start from the digest.
    """
    return LEAF_PREFIX + issuer_id + salt


def leaf_hash(issuer_id: IssuerId, salt: Salt, digest: Digest) -> LeafHash:
    """SHA-256(`0x00 ‖ issuer_id ‖ salt ‖ digest`), 81 bytes hashed."""
    return LeafHash(hashlib.sha256(leaf_step(issuer_id, salt) + digest).digest())


def leaf_hashes(of: SaltedDigests) -> list[LeafHash]:
    """The leaf of each, in their order."""
    sha256, prefix = hashlib.sha256, LEAF_PREFIX + of.issuer_id
    hashes: list[LeafHash] = [
        sha256(prefix + salted).digest()  # type: ignore[misc]  # a million of them: no call each
        for (salted,) in iter_unpack(_SALTED, of.salted)
    ]
    return hashes


def packed_leaves(of: SaltedDigests) -> bytes:
    """As `leaf_hashes`, n × 32 bytes."""
    return b"".join(leaf_hashes(of))
