"""Rows that no run of the program can want are refused by both databases, whatever the program does."""

from typing import Any

import pytest
from sqlalchemy import Connection, Engine, Table
from sqlalchemy.exc import IntegrityError

from anchoring.store import tables
from tests.factories import NOON

A, B = b"a" * 32, b"b" * 32
ADDRESS = "0x" + "12" * 20
ISSUER = {"id": 1, "did": "did:web:a", "name": "A", "added_at": NOON}
ENTRY = {"id": 1, "issuer_id": 1, "digest": A, "salt": A[:16], "received_at": NOON}
WAITING = {"id": 1, "first_id": 1, "last_id": 4, "leaf_count": 4, "state": "waiting"}
SEALED = WAITING | {"state": "sealed", "root": A, "right_edge": b"", "sealed_at": NOON}
CONFIRMED = SEALED | {"state": "confirmed", "block_hash": B, "block_number": 1, "tx_hash": B, "sequence": 1}
NEXT = {"id": 2, "first_id": 5, "last_id": 8, "root": B}
TILE = {"batch_id": 1, "level": 0, "n": 0, "width": 4, "first_leaf": A, "subtree": A * 7}
SUBMISSION = {
    "id": 1,
    "chain_id": 1,
    "contract": ADDRESS,
    "signer": ADDRESS,
    "nonce": 0,
    "calldata": b"",
    "gas_limit": 1,
    "state": "submitted",
    "opened_at": NOON,
}
ITEM = {"submission_id": 1, "batch_id": 1, "live": 1}
ATTEMPT = {"tx_hash": A, "submission_id": 1, "raw": b"", "max_fee_wei": "0", "signed_at": NOON}
KEY = {"prefix": "12345678", "issuer_id": 1, "key_hash": A, "created_at": NOON}
IDENTITY = {"id": 1, "chain_id": 1, "contract": ADDRESS, "genesis_hash": A, "code_hash": A}
LEASE = {"id": 1, "holder": "a", "until": NOON}

LIST = {
    "id": 1,
    "list_id": A,
    "issuer_id": 1,
    "purpose": "revocation",
    "number": 0,
    "entries": 8,
    "bits": b"\x00",
    "reserved": b"\x00",
    "change_count": 1,
    "versioned_count": 0,
    "created_at": NOON,
    "changed_at": NOON,
    "signed_by": "service",
}
VERSION = {
    "id": 1,
    "status_list_id": 1,
    "version": 1,
    "digest": A,
    "compressed_bits": b"",
    "change_count": 1,
    "made_at": NOON,
    "state": "prepared",
}
PUBLISHED = VERSION | {"state": "confirmed", "tx_hash": B, "block_number": 1, "block_hash": B, "published_at": NOON}
HEAD = {"submission_id": 1, "status_version_id": 1, "live": 1}

Row = tuple[Table, dict[str, Any]]
ISSUER_ROW: Row = (tables.issuer, ISSUER)
ENTRY_ROW: Row = (tables.entry, ENTRY)
BATCH_ROW: Row = (tables.batch, SEALED)
SUBMISSION_ROW: Row = (tables.submission, SUBMISSION)
LIST_ROWS: list[Row] = [ISSUER_ROW, (tables.status_list, LIST)]
VERSION_ROWS: list[Row] = [*LIST_ROWS, (tables.status_version, VERSION)]

REFUSED: dict[str, tuple[list[Row], Row]] = {
    "issuer twice": ([ISSUER_ROW], (tables.issuer, ISSUER | {"id": 2})),
    "key of nobody": ([], (tables.api_key, KEY)),
    "key hash short": ([ISSUER_ROW], (tables.api_key, KEY | {"key_hash": A[:31]})),
    "key prefix twice": ([ISSUER_ROW, (tables.api_key, KEY)], (tables.api_key, KEY)),
    "usage of nobody": ([], (tables.issuer_usage, {"issuer_id": 1, "day": 1, "taken": 1})),
    "entry of nobody": ([], ENTRY_ROW),
    "digest short": ([ISSUER_ROW], (tables.entry, ENTRY | {"digest": A[:31]})),
    "digest long": ([ISSUER_ROW], (tables.entry, ENTRY | {"digest": A + b"a"})),
    "salt short": ([ISSUER_ROW], (tables.entry, ENTRY | {"salt": A[:15]})),
    "digest without salt": ([ISSUER_ROW], (tables.entry, ENTRY | {"salt": None})),
    "salt without digest": ([ISSUER_ROW], (tables.entry, ENTRY | {"digest": None})),
    "digest twice": ([ISSUER_ROW, ENTRY_ROW], (tables.entry, ENTRY | {"id": 2, "salt": B[:16]})),
    "erasure of no entry": ([], (tables.erasure, {"entry_id": 1, "requested_at": NOON})),
    "range backwards": ([], (tables.batch, WAITING | {"first_id": 5})),
    "range without entries": ([], (tables.batch, WAITING | {"leaf_count": 0})),
    "more leaves than ids": ([], (tables.batch, WAITING | {"leaf_count": 5})),
    "range twice": ([BATCH_ROW], (tables.batch, WAITING | {"id": 2, "last_id": 9})),
    "end twice": ([BATCH_ROW], (tables.batch, WAITING | {"id": 2, "first_id": 2, "leaf_count": 1})),
    "state unknown": ([], (tables.batch, SEALED | {"state": "failed"})),
    "sealed without root": ([], (tables.batch, WAITING | {"state": "sealed"})),
    "waiting with root": ([], (tables.batch, WAITING | {"root": A})),
    "root short": ([], (tables.batch, SEALED | {"root": A[:31]})),
    "root twice": ([BATCH_ROW], (tables.batch, SEALED | NEXT | {"root": A})),
    "confirmed without block": ([], (tables.batch, SEALED | {"state": "confirmed"})),
    "final without block": ([], (tables.batch, SEALED | {"state": "final"})),
    "submitted with block": ([], (tables.batch, CONFIRMED | {"state": "submitted"})),
    "block hash short": ([], (tables.batch, CONFIRMED | {"block_hash": A[:31]})),
    "transaction hash short": ([], (tables.batch, CONFIRMED | {"tx_hash": A[:31]})),
    "tile of no batch": ([], (tables.tile, TILE)),
    "tile without nodes": ([BATCH_ROW], (tables.tile, TILE | {"width": 0})),
    "tile too wide": ([BATCH_ROW], (tables.tile, TILE | {"width": 257})),
    "leaf tile without its first leaf": ([BATCH_ROW], (tables.tile, TILE | {"first_leaf": None})),
    "upper tile with a leaf": ([BATCH_ROW], (tables.tile, TILE | {"level": 1})),
    "tile twice": ([BATCH_ROW, (tables.tile, TILE)], (tables.tile, TILE)),
    "nonce twice": ([SUBMISSION_ROW], (tables.submission, SUBMISSION | {"id": 2})),
    "submission state unknown": ([], (tables.submission, SUBMISSION | {"state": "failed"})),
    "root on its way twice": (
        [BATCH_ROW, SUBMISSION_ROW, (tables.submission_item, ITEM), (tables.submission, SUBMISSION | {"id": 2, "nonce": 1})],
        (tables.submission_item, ITEM | {"submission_id": 2}),
    ),
    "item of no submission": ([BATCH_ROW], (tables.submission_item, ITEM)),
    "item of no batch": ([SUBMISSION_ROW], (tables.submission_item, ITEM)),
    "attempt of no submission": ([], (tables.attempt, ATTEMPT)),
    "attempt twice": ([SUBMISSION_ROW, (tables.attempt, ATTEMPT)], (tables.attempt, ATTEMPT)),
    "attempt hash short": ([SUBMISSION_ROW], (tables.attempt, ATTEMPT | {"tx_hash": A[:31]})),
    "more changes versioned than there were": ([ISSUER_ROW], (tables.status_list, LIST | {"versioned_count": 2})),
    "version of no list": ([], (tables.status_version, VERSION)),
    "version twice": (VERSION_ROWS, (tables.status_version, VERSION | {"id": 2, "version": 2})),
    "version state unknown": (LIST_ROWS, (tables.status_version, VERSION | {"state": "failed"})),
    "version digest short": (LIST_ROWS, (tables.status_version, VERSION | {"digest": A[:31]})),
    "version confirmed without block": (LIST_ROWS, (tables.status_version, VERSION | {"state": "confirmed"})),
    "version prepared with block": (LIST_ROWS, (tables.status_version, PUBLISHED | {"state": "prepared"})),
    "head on its way twice": (
        [*VERSION_ROWS, SUBMISSION_ROW, (tables.submission_head, HEAD), (tables.submission, SUBMISSION | {"id": 2, "nonce": 1})],
        (tables.submission_head, HEAD | {"submission_id": 2}),
    ),
    "head of no submission": (VERSION_ROWS, (tables.submission_head, HEAD)),
    "head of no version": ([SUBMISSION_ROW], (tables.submission_head, HEAD)),
    "second ledger": ([(tables.ledger_identity, IDENTITY)], (tables.ledger_identity, IDENTITY | {"id": 2})),
    "second lease": ([(tables.round_lease, LEASE)], (tables.round_lease, LEASE | {"id": 2})),
}

ACCEPTED: dict[str, list[Row]] = {
    "erased entry": [ISSUER_ROW, (tables.entry, ENTRY | {"digest": None, "salt": None})],
    "every state": [
        (tables.batch, WAITING),
        (tables.batch, SEALED | NEXT),
        (tables.batch, CONFIRMED | {"id": 3, "first_id": 9, "last_id": 12}),
    ],
    "superseded version and one of the same number that is on the ledger": [
        *LIST_ROWS,
        (tables.status_version, VERSION | {"state": "superseded"}),
        (tables.status_version, PUBLISHED | {"id": 2, "digest": B}),
    ],
    "dead item and a live one": [
        BATCH_ROW,
        SUBMISSION_ROW,
        (tables.submission_item, ITEM | {"live": 0}),
        (tables.submission, SUBMISSION | {"id": 2, "nonce": 1}),
        (tables.submission_item, ITEM | {"submission_id": 2}),
    ],
}


def insert(connection: Connection, row: Row) -> None:
    table, values = row
    connection.execute(table.insert().values(**values))


@pytest.mark.parametrize(("before", "row"), REFUSED.values(), ids=REFUSED.keys())
def test_impossible_row_is_refused(engine: Engine, before: list[Row], row: Row) -> None:
    with engine.connect() as connection:
        for one in before:
            insert(connection, one)
        with pytest.raises(IntegrityError):
            insert(connection, row)


@pytest.mark.parametrize("accepted", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_possible_rows_are_taken(engine: Engine, accepted: list[Row]) -> None:
    with engine.connect() as connection:
        for row in accepted:
            insert(connection, row)
