"""A store that has lived: entries, batches, submissions and rounds in every state there is."""

import hashlib
import zlib
from dataclasses import replace

from sqlalchemy import Table

from anchoring.core.batch import BatchState, SubmissionState
from anchoring.core.status import MIN_ENTRIES, StatusBits, StatusPurpose, head_digest, numbered_list_id
from anchoring.ports.entries import NewEntries
from anchoring.store import tables
from anchoring.store.unit_of_work import SqlStore
from anchoring.types import TxHash
from anchoring.usecases.erase_entry import erase_entry
from tests.api import make_key
from tests.factories import ACADEMY, NOON, add_issuer
from tests.fake_chain import ANOTHER
from tests.faults import Fault
from tests.installation import RULES, Installation, with_finality
from tests.records import SIGNER, make_attempt
from tests.world import rows

BATCH_STATES = ["final"] * 3 + ["confirmed", "submitted", "sealed", "sealed", "waiting"]


def fill(store: SqlStore) -> Installation:
    """Batches of three leaves in the states above, further entries that wait, erasures done and pending, dead submissions."""
    here = Installation(store, RULES)
    make_key(store, add_issuer(store, ACADEMY, "Academy"))
    final = here.post(8)
    here.rest()
    with store.writing() as uow:
        assert erase_entry(uow, here._issuer, final[1].digest, now=NOON)
        uow.commit()
    here.acknowledged.remove(final[1])
    _add_dead_ends(store)
    here.rules = replace(with_finality(RULES, 1000), follow_s=3)
    here.post(2)
    here.round()
    here.post(2)
    here.faults.arm("broadcast", Fault.FAILS_BEFORE)
    here.rules = replace(here.rules, follow_s=0)
    here.round()
    here.faults.restart()
    here.post(5)
    here.seal_only()
    unfinished = here.post(3)
    with store.writing() as uow:
        mark = uow.entries.seal_mark()
        waiting = uow.entries.next_range(uow.batches.last_entry_id(), mark, 3)
        assert waiting is not None
        assert waiting.count == len(unfinished)
        assert uow.batches.fix_range(waiting)
        uow.commit()
    last = here.post(2)
    with store.writing() as uow:
        assert not erase_entry(uow, here._issuer, last[0].digest, now=NOON)
        uow.commit()
    _add_orphan(store)
    with store.writing() as uow:
        for entry in final[2:4]:
            uow.canaries.record(entry.id, NOON)
        assert uow.canaries.settle(final[2].id, NOON, None)
        uow.audit_log.post_head(1, final[4].id)
        uow.commit()
    _add_status(store)
    with store.writing() as uow:
        assert uow.issuers.take_quota(here._issuer, 20_780, 3, limit=3)
        uow.rounds.mark_rebuilt(NOON)
        uow.commit()
    assert here.states() == [BatchState(state) for state in BATCH_STATES]
    empty = [table.name for table in tables.metadata.sorted_tables if not rows(store, table)]
    assert set(empty) <= {"round_lease", "restored_mark"}, "what is not there is not tested"
    return here


def hash_of(raw: bytes) -> TxHash:
    """As this ledger hashes transactions; those of `tests.records` have hashes of their own."""
    made = {make_attempt(nonce).raw: make_attempt(nonce).tx_hash for nonce in range(2)}
    return made.get(raw) or TxHash(hashlib.sha256(raw).digest())


def _add_dead_ends(store: SqlStore) -> None:
    for nonce, state in enumerate((SubmissionState.REVERTED, SubmissionState.DISPLACED)):
        made = make_attempt(nonce)
        submission = {
            "chain_id": 31337,
            "contract": SIGNER,
            "signer": ANOTHER,
            "nonce": nonce,
            "calldata": b"",
            "gas_limit": 1,
            "state": state,
            "opened_at": NOON,
        }
        with store._engine.begin() as connection:
            kept = tables.submission.insert().returning(tables.submission.c.id)
            submission_id = connection.execute(kept.values(**submission)).scalar_one()
            item = {"submission_id": submission_id, "batch_id": 1, "live": 0}
            connection.execute(tables.submission_item.insert().values(**item))
            attempt = {
                "tx_hash": made.tx_hash,
                "submission_id": submission_id,
                "raw": made.raw,
                "max_fee_wei": str(made.max_fee_wei),
            }
            connection.execute(tables.attempt.insert().values(**attempt, signed_at=NOON))


def _add_orphan(store: SqlStore) -> None:
    values = {
        "root": bytes(32),
        "sequence": 99,
        "leaf_count": 2**40,
        "anchored_by": SIGNER,
        "tx_hash": bytes(32),
        "block_number": 3,
        "block_hash": bytes(32),
        "anchored_at": NOON,
        "found_at": NOON,
    }
    with store._engine.begin() as connection:
        connection.execute(tables.orphan_anchor.insert().values(**values))


def _add_status(store: SqlStore) -> None:
    """A list with one entry bound and revoked, its version prepared anew after a submission that died, and a key of its issuer."""
    with store.writing() as uow:
        [issuer] = [one for one in uow.issuers.all() if one.id == 1]
        list_id = numbered_list_id(issuer.did, StatusPurpose.REVOCATION, 0)
        shown = StatusBits.clear(MIN_ENTRIES)
        shown.change(0, is_set=True)
        digest = head_digest(list_id, 1, shown)
        uow.entries.add_missing([NewEntries(issuer=issuer, digests=digest, salts=bytes(16))], NOON)
        uow.commit()
    bits = bytes(shown)
    listed = {"status_list_id": 1, "list_index": 0, "entry_id": 1}
    change = {"issuer_id": 1, "purpose": "revocation", "action": "revoke", "number": 1, "requested_by": "command line"}
    signed = {"signed_by": "issuer", "signed_form": b"{}", "signed_type": "application/vc"}
    counts = {"change_count": 1, "versioned_count": 1, "created_at": NOON, "changed_at": NOON}
    version = {"status_list_id": 1, "version": 1, "digest": digest, "compressed_bits": zlib.compress(bits), "change_count": 1}
    key = {"issuer_id": 1, "verification_method": "did:web:a#1", "public_key": "z", "added_at": NOON, "retired_at": NOON}
    dead = max(row.id for row in rows(store, tables.submission) if row.state == SubmissionState.DISPLACED)
    what = {"list_id": list_id, "issuer_id": 1, "purpose": "revocation", "number": 0}
    content: dict[Table, dict[str, object]] = {
        tables.issuer_detached: {"issuer_id": 1, "since": NOON, "until": NOON},
        tables.status_key: key,
        tables.status_list: what | counts | signed | {"entries": MIN_ENTRIES, "bits": bits, "reserved": bits},
        tables.status_binding: listed | {"bound_at": NOON},
        tables.status_change: change
        | listed
        | {
            "position": 1,
            "applied_at": NOON,
            "recorded_at": NOON,
            "effective_at": NOON,
            "reason": "issued-in-error",
            "explanation": "ü",
        },
        tables.status_version: version | {"made_at": NOON, "state": "prepared"},
        tables.submission_head: {"submission_id": dead, "status_version_id": 1, "live": 0},
    }
    with store._engine.begin() as connection:
        for table, values in content.items():
            connection.execute(table.insert().values(**values))
