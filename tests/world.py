"""What must hold after anything whatsoever: nothing lost, nothing twice, no lie. Letters as in the fault catalogue (W1 to W10)."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import httpx2
from sqlalchemy import Row, Table, select, text

from anchoring.core.batch import ANCHORED, Anchor, Batch, PublishedHead, SubmissionState
from anchoring.core.canonical import Canonicalization
from anchoring.core.leaf import issuer_id_of, leaf_hash
from anchoring.core.proof_json import proof_from_json
from anchoring.core.status import head_digest
from anchoring.core.status_version import VersionState
from anchoring.core.tiles import Tile, TileCoordinate
from anchoring.ports.entries import Entry
from anchoring.store import tables
from anchoring.store.unit_of_work import SqlStore
from anchoring.types import Address, BlockHash, Did, TxHash, to_hex
from tests.api import make_app, run_async
from tests.injections import looked_at

MINED = {SubmissionState.CONFIRMED, SubmissionState.FINAL, SubmissionState.REVERTED}
DEAD_ENDS = {SubmissionState.REVERTED, SubmissionState.DISPLACED}
ALL = 1_000_000


class Witness(Protocol):
    """An honest connection to the ledger, which the code under test does not use."""

    def events(self) -> Sequence[Anchor]:
        """Every `RootAnchored` of our contract on the canonical chain."""

    def head_events(self) -> Sequence[PublishedHead]:
        """Every `StatusListPublished`, likewise."""

    def block_hash(self, number: int) -> BlockHash | None: ...

    def transaction_count(self, account: Address) -> int: ...

    def read_raw(self, raw: bytes) -> tuple[TxHash, Address]:
        """Hash and sender of a signed transaction."""


def check_store(store: SqlStore, acknowledged: Iterable[Entry]) -> None:
    """What the ledger is not needed for: W1 to W3, W10."""
    _check_acknowledged(store, acknowledged)
    _check_ranges(store)
    for batch in _batches(store):
        if batch.tree is not None:
            _check_tree(store, batch)
    _check_versions(store)
    _check_sessions(store)


def check_world(store: SqlStore, witness: Witness, acknowledged: Iterable[Entry], *, first_nonce: int = 0) -> None:
    """Everything, on a store whose rounds have come to rest. `first_nonce`: above 0 after a rebuild, which knows no submissions."""
    acknowledged = list(acknowledged)
    check_store(store, acknowledged)
    _check_anchors(store, witness)
    _check_heads(store, witness)
    _check_nonces(store, witness, first_nonce)
    _check_proofs(store, witness, acknowledged)
    _check_sessions(store)
    looked_at(len(acknowledged))


def rows(store: SqlStore, table: Table) -> Sequence[Row[Any]]:
    """Every row of a table, past every abstraction."""
    with store._engine.connect() as connection:
        return connection.execute(select(table).order_by(*table.primary_key)).all()


def _batches(store: SqlStore) -> Sequence[Batch]:
    with store.reading() as uow:
        return uow.batches.in_state("waiting", "sealed", "submitted", "confirmed", "final", limit=ALL)


def _check_acknowledged(store: SqlStore, acknowledged: Iterable[Entry]) -> None:
    stored = {row.id: row for row in rows(store, tables.entry)}
    dids = {row.id: row.did for row in rows(store, tables.issuer)}
    for entry in acknowledged:
        row = stored.get(entry.id)
        assert row is not None, f"W1: entry {entry.id} is lost"
        assert (dids[row.issuer_id], row.digest, row.salt) == (entry.issuer, entry.digest, entry.salt), f"W1: entry {entry.id}"


def _check_ranges(store: SqlStore) -> None:
    ids = [row.id for row in rows(store, tables.entry)]
    batches = sorted(_batches(store), key=lambda batch: batch.first_id)  # after a rebuild ids may have another order
    sealed_up_to, detached = 0, _detached(store)
    for batch in batches:
        assert sealed_up_to < batch.first_id <= batch.last_id, f"W2: the range of batch {batch.id} overlaps"
        assert not [i for i in ids if sealed_up_to < i < batch.first_id], f"W2: entries before batch {batch.id} are in none"
        covered = [i for i in ids if batch.first_id <= i <= batch.last_id]
        is_whole = (len(covered), *covered[:1], *covered[-1:]) == (batch.leaf_count, batch.first_id, batch.last_id)
        assert is_whole or (batch.id in detached and len(covered) < batch.leaf_count), f"W2: {batch.id}"
        sealed_up_to = batch.last_id


def _detached(store: SqlStore) -> set[int]:
    return {row.id for row in rows(store, tables.batch) if row.detached_at is not None}


def _check_tree(store: SqlStore, batch: Batch) -> None:
    dids = {row.id: Did(row.did) for row in rows(store, tables.issuer)}
    in_range = tables.entry.c.id.between(batch.first_id, batch.last_id)
    with store._engine.connect() as connection:
        entries = connection.execute(select(tables.entry).where(in_range)).all()
        tile_rows = connection.execute(select(tables.tile).where(tables.tile.c.batch_id == batch.id)).all()
    tiles = [Tile(at=TileCoordinate(row.level, row.n), width=row.width, subtree=row.subtree) for row in tile_rows]
    served = b"".join(tile.served for tile in sorted(tiles, key=lambda tile: tile.at) if tile.at.level == 0)
    leaves = [served[start : start + 32] for start in range(0, len(served), 32)]
    known = {leaf_hash(issuer_id_of(dids[row.issuer_id]), row.salt, row.digest) for row in entries if row.digest}
    erased = sum(row.digest is None for row in entries)
    assert leaves == sorted(leaves), f"W3: the leaves of batch {batch.id} are out of order"
    assert known <= set(leaves), f"W3: batch {batch.id} lacks a leaf"
    here = len(known) + erased
    assert len(leaves) == batch.leaf_count, f"W3: the leaf count of batch {batch.id}"
    assert here == batch.leaf_count or (here < batch.leaf_count and batch.id in _detached(store)), f"W3: entries of {batch.id}"
    assert batch.tree is not None
    assert merkle_root(leaves) == batch.tree.root, f"W3: the root of batch {batch.id}"


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """RFC 9162 section 2.1.1 over hashed leaves, nodes without prefix: written once more, from the definition."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    return hashlib.sha256(merkle_root(leaves[:split]) + merkle_root(leaves[split:])).digest()


def _check_anchors(store: SqlStore, witness: Witness) -> None:
    events, batches = witness.events(), {batch.tree.root: batch for batch in _batches(store) if batch.tree}
    assert max(Counter(event.root for event in events).values(), default=1) == 1, "W4: a root is anchored twice"
    by_root = {event.root: event for event in events}
    for root, batch in batches.items():
        if batch.state not in ANCHORED:
            assert batch.anchor is None, f"W4: batch {batch.id} is {batch.state} and names an anchor"
            continue
        event, anchor = by_root.get(root), batch.anchor
        assert event is not None, f"W4: batch {batch.id} is {batch.state} and not on the ledger"
        assert anchor == event, f"W4: batch {batch.id} names another anchor than the ledger"
        unstated = {0} if _has_blockcerts(store, batch) else set()
        assert event.leaf_count in {batch.leaf_count} | unstated, f"W4: leaf count of batch {batch.id}"
        assert witness.block_hash(event.block.number) == event.block.hash, f"W4: the block of batch {batch.id} is not canonical"
    signers = {row.signer for row in rows(store, tables.submission)}
    given_up = {row.root for row in rows(store, tables.orphan_anchor) if row.accepted_at}
    strays = [event for event in events if event.anchored_by in signers and event.root not in {*batches, *given_up}]
    assert not strays, "W5: our key anchored a root of no batch"


def _check_versions(store: SqlStore) -> None:
    """A version is what it says, a leaf of its issuer, and what is counted as versioned is shown by one."""
    entries = {(row.issuer_id, row.digest) for row in rows(store, tables.entry)}
    lists = {row.list_id: row for row in rows(store, tables.status_list)}
    with store.reading() as uow:
        versions = list(uow.status_versions.all())
    for version, bits in versions:
        assert head_digest(version.list_id, version.version, bits) == version.digest, f"the digest of version {version.id}"
        leaf = lists[version.list_id].issuer_id, version.digest
        assert leaf in entries, f"the digest of version {version.id} was never posted"
    for list_id, row in lists.items():
        standing = [version for version, _ in versions if version.list_id == list_id and version.state != "superseded"]
        shown = max((version.change_count for version in standing), default=0)
        assert row.versioned_count <= shown, f"changes of list {row.id} are in no version and count as versioned"


def _has_blockcerts(store: SqlStore, batch: Batch) -> bool:
    rule = Canonicalization.BLOCKCERTS_RDFC
    return any(row.canonicalization is rule for row in rows(store, tables.entry) if batch.first_id <= row.id <= batch.last_id)


def _check_heads(store: SqlStore, witness: Witness) -> None:
    """Lists at which a person must look are left out."""
    events = {(event.list_id, event.version): event for event in witness.head_events()}
    assert len(events) == len(witness.head_events()), "W4: a version of a list is published twice"
    with store.reading() as uow:
        versions = list(uow.status_versions.all())
    for version, _ in versions:
        event = events.get((version.list_id, version.version))
        if version.state.is_published:
            assert version.head == event, f"W4: version {version.id} is {version.state} and another, or none, is on the ledger"
        else:
            assert version.head is None, f"W4: version {version.id} is {version.state} and names a block"
    known = {version.digest: (version, bits) for version, bits in versions}
    for row in rows(store, tables.status_list):
        newest = max((event for event in events.values() if event.list_id == row.list_id), key=_version_of, default=None)
        if row.overtaken_by is not None:
            continue
        assert row.versioned_count == row.change_count, f"changes of list {row.id} are not on the ledger"
        if newest is None:
            assert row.change_count == 0, f"changes of list {row.id} are not on the ledger"
        elif newest.version > (row.accepted_version or 0):
            assert newest.digest in known, f"W5: the ledger's head of list {row.id} is none of ours"
            version, bits = known[newest.digest]
            assert version.state is VersionState.FINAL, f"the ledger's head of list {row.id} is {version.state} here"
            assert bytes(bits) == row.bits, f"the ledger's head of list {row.id} is not what the list holds"


def _version_of(event: PublishedHead) -> int:
    return event.version


def _check_nonces(store: SqlStore, witness: Witness, first_nonce: int) -> None:
    submissions = rows(store, tables.submission)
    for signer in {row.signer for row in submissions}:
        spent = [row.nonce for row in submissions if row.signer == signer and row.state != SubmissionState.SUBMITTED]
        assert witness.transaction_count(signer) == first_nonce + len(spent), f"W6: {signer} has made other transactions"
        assert sorted(spent) == list(range(first_nonce, first_nonce + len(spent))), f"W6: nonces of {signer}"
    for row in submissions:
        assert (row.block_hash is not None) == (row.state in MINED), f"submission {row.id} is {row.state}"
    _check_items(store)
    for row in rows(store, tables.attempt):
        of = next(submission for submission in submissions if submission.id == row.submission_id)
        assert witness.read_raw(row.raw) == (row.tx_hash, of.signer), "W8: an attempt is not the hash of its bytes, or not ours"


def _check_items(store: SqlStore) -> None:
    """A submission has come as far as the batches it carries, and to the same block."""
    submissions = {row.id: row for row in rows(store, tables.submission)}
    batches = {batch.id: batch for batch in _batches(store)}
    for item in rows(store, tables.submission_item):
        submission, batch = submissions[item.submission_id], batches[item.batch_id]
        assert bool(item.live) == (submission.state not in DEAD_ENDS), f"submission {submission.id} is {submission.state}"
        if item.live:
            assert submission.state == batch.state, f"batch {batch.id} is {batch.state}, its submission {submission.state}"
            assert submission.block_hash == (batch.anchor.block.hash if batch.anchor else None), f"the block of batch {batch.id}"
    with store.reading() as uow:
        versions = {version.id: version for version, _ in uow.status_versions.all()}
    for item in rows(store, tables.submission_head):
        submission, version = submissions[item.submission_id], versions[item.status_version_id]
        assert bool(item.live) == (submission.state not in DEAD_ENDS), f"submission {submission.id} is {submission.state}"
        if item.live:
            assert submission.state == version.state, (
                f"version {version.id} is {version.state}, its submission {submission.state}"
            )
            assert submission.block_hash == (version.head.block.hash if version.head else None), f"the block of {version.id}"


def _check_proofs(store: SqlStore, witness: Witness, acknowledged: Sequence[Entry]) -> None:
    """What the API serves, read as a stranger reads it and held against the ledger."""
    by_root = {event.root: event for event in witness.events()}
    anchored = {batch.tree.root: batch for batch in _batches(store) if batch.tree and batch.anchor}
    proven = set()
    for entry, answer in zip(acknowledged, served_proofs(store, acknowledged), strict=True):
        assert answer.status_code in {200, 202}, f"W7: entry {entry.id} is answered with {answer.status_code}"
        if answer.status_code == 202:
            assert "path" not in answer.json(), f"W7: entry {entry.id} waits and has a proof"
            continue
        proof = proof_from_json(answer.json())
        proof.verify_path()
        assert (proof.issuer, proof.digest, proof.salt) == (entry.issuer, entry.digest, entry.salt), f"W7: entry {entry.id}"
        event, claim = by_root.get(proof.root), proof.anchor
        assert event is not None, f"W7: the proof of entry {entry.id} names a root that is not on the ledger"
        stated = (claim.sequence, claim.transaction, claim.block_number, claim.block_hash, claim.anchored_at)
        shown = (event.sequence, event.transaction, event.block.number, event.block.hash, event.anchored_at)
        assert stated == shown, f"W7: the proof of entry {entry.id} names another anchor"
        assert claim.state == anchored[proof.root].state, f"W7: the proof of entry {entry.id} claims to be {claim.state}"
        proven.add(entry.id)
    for entry in acknowledged:
        is_anchored = any(batch.first_id <= entry.id <= batch.last_id for batch in anchored.values())
        assert (entry.id in proven) == is_anchored, f"W7: the proof of entry {entry.id} is kept back"


def served_proofs(store: SqlStore, entries: Sequence[Entry]) -> Sequence[httpx2.Response]:
    """What the API answers who asks for the proofs of these entries."""

    async def ask(client: httpx2.AsyncClient) -> list[httpx2.Response]:
        return [await client.get(f"/v1/proofs/{to_hex(entry.digest)}?issuer={entry.issuer}") for entry in entries]

    return run_async(make_app(store), ask)


def check_logs(text: str, secrets: Iterable[str]) -> None:
    """W9: `text` is everything that was logged and printed; none of these is in it, in whatever case."""
    text = text.lower()
    for secret in secrets:
        assert secret.lower().removeprefix("0x") not in text, "W9: a secret was logged"


def signed_bytes(store: SqlStore) -> list[str]:
    """Signed transactions, which are not to be logged."""
    return [row.raw.hex() for row in rows(store, tables.attempt)]


def _check_sessions(store: SqlStore) -> None:
    if store._engine.dialect.name != "postgresql":
        return
    with store._engine.connect() as connection:
        waiting = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'")
        locks = text(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        assert connection.execute(waiting).scalar() == 0, "W10: a session is idle in a transaction"
        assert connection.execute(locks).scalar() == 0, "W10: an advisory lock is left"
