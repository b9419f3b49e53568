"""The tables, and the constraints that hold whatever the program does.

Entries are append-only and sealed batches never change; erasure of a digest and its salt is the one exception. A batch is a range
of entry ids, so sealing touches no entry. Every change of state is compare-and-set on the `state` columns.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from anchoring.store.columns import CanonicalizationCode, RowId, UtcDateTime

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _bytes_check(column: str, size: int) -> CheckConstraint:
    return CheckConstraint(f"length({column}) = {size}", name=f"{column}_bytes")


issuer: Final = Table(
    "issuer",
    metadata,
    Column("id", RowId, Identity(), primary_key=True),
    Column("did", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("added_at", UtcDateTime, nullable=False),
    Column("items_per_day", BigInteger, comment="0: any number; null: as the settings say"),
    sqlite_autoincrement=True,
)

api_key: Final = Table(
    "api_key",
    metadata,
    Column("prefix", String(8), primary_key=True),
    Column("issuer_id", RowId, ForeignKey("issuer.id"), nullable=False),
    Column("key_hash", LargeBinary, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("revoked_at", UtcDateTime),
    Column("scopes", Text, nullable=False, server_default="digests:write status:write", comment="separated by blanks"),
    Column("expires_at", UtcDateTime),
    Column("last_used_at", UtcDateTime, comment="to the minute, and may be lost"),
    _bytes_check("key_hash", 32),
)

issuer_usage: Final = Table(
    "issuer_usage",
    metadata,
    Column("issuer_id", RowId, ForeignKey("issuer.id"), primary_key=True),
    Column("day", Integer, primary_key=True, comment="since 1970, UTC"),
    Column("taken", BigInteger, nullable=False, comment="items of the quota, written or not"),
)

issuer_detached: Final = Table(
    "issuer_detached",
    metadata,
    Column("issuer_id", RowId, ForeignKey("issuer.id"), primary_key=True, autoincrement=False),
    Column("since", UtcDateTime, nullable=False, comment="when the first of them was received"),
    Column("until", UtcDateTime, nullable=False, comment="and the last"),
)

entry: Final = Table(
    "entry",
    metadata,
    Column("id", RowId, Identity(cache=1), primary_key=True),
    Column("issuer_id", RowId, ForeignKey("issuer.id"), nullable=False),
    Column("digest", LargeBinary, comment="null once erased"),
    Column("salt", LargeBinary, comment="null once erased"),
    Column("canonicalization", CanonicalizationCode),
    Column("received_at", UtcDateTime, nullable=False),
    _bytes_check("digest", 32),
    _bytes_check("salt", 16),
    CheckConstraint("(digest IS NULL) = (salt IS NULL)", name="erased_together"),
    UniqueConstraint("digest", "issuer_id"),
    sqlite_autoincrement=True,
)

erasure: Final = Table(
    "erasure",
    metadata,
    Column("entry_id", RowId, ForeignKey("entry.id"), primary_key=True, autoincrement=False),
    Column("requested_at", UtcDateTime, nullable=False),
    Column("done_at", UtcDateTime),
    Column("manifest_rewritten_at", UtcDateTime),
    Index("ix_erasure_pending", "entry_id", sqlite_where=text("done_at IS NULL"), postgresql_where=text("done_at IS NULL")),
)

canary: Final = Table(
    "canary",
    metadata,
    Column("entry_id", RowId, ForeignKey("entry.id"), primary_key=True, autoincrement=False),
    Column("posted_at", UtcDateTime, nullable=False),
    Column("checked_at", UtcDateTime),
    Column("passed", Integer),
    Column("detail", Text),
    CheckConstraint("(checked_at IS NULL) = (passed IS NULL)", name="checked"),
)

LACKING_BUNDLE: Final = text("block_hash IS NOT NULL AND (bundle_block_hash IS NULL OR bundle_block_hash <> block_hash)")
"""Of a batch: what is asked for in other words is not found by the index."""

batch: Final = Table(
    "batch",
    metadata,
    Column("id", RowId, Identity(), primary_key=True),
    Column("first_id", RowId, nullable=False, unique=True),
    Column("last_id", RowId, nullable=False, unique=True),
    Column("leaf_count", Integer, nullable=False),
    Column("state", String(10), nullable=False),
    Column("root", LargeBinary, unique=True),
    Column("right_edge", LargeBinary),
    Column("sealed_at", UtcDateTime),
    Column("sequence", BigInteger),
    Column("anchored_leaf_count", Integer),
    Column("anchored_by", String(42)),
    Column("tx_hash", LargeBinary),
    Column("block_number", BigInteger),
    Column("block_hash", LargeBinary),
    Column("anchored_at", UtcDateTime),
    Column("final_at", UtcDateTime),
    Column("bundle_block_hash", LargeBinary, comment="of the block that its kept bundle is of"),
    Column("detached_at", UtcDateTime, comment="null while all of its entries are here"),
    _bytes_check("root", 32),
    _bytes_check("tx_hash", 32),
    _bytes_check("block_hash", 32),
    CheckConstraint("first_id <= last_id", name="range"),
    CheckConstraint("leaf_count BETWEEN 1 AND last_id - first_id + 1", name="leaf_count"),
    CheckConstraint("state IN ('waiting', 'sealed', 'submitted', 'confirmed', 'final')", name="state"),
    CheckConstraint("(state = 'waiting') = (root IS NULL)", name="sealed_has_root"),
    CheckConstraint("(state IN ('confirmed', 'final')) = (block_hash IS NOT NULL)", name="anchored_has_block"),
    Index("ix_batch_state", "state", "id"),
    Index("ix_batch_block_number", "block_number"),
    Index("ix_batch_lacking_bundle", "id", sqlite_where=LACKING_BUNDLE, postgresql_where=LACKING_BUNDLE),
    sqlite_autoincrement=True,
)

tile: Final = Table(
    "tile",
    metadata,
    Column("batch_id", RowId, ForeignKey("batch.id"), primary_key=True),
    Column("level", Integer, primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("width", Integer, nullable=False),
    Column("first_leaf", LargeBinary, comment="level 0 only: a leaf's tile is found by it"),
    Column("subtree", LargeBinary, nullable=False),
    CheckConstraint("width BETWEEN 1 AND 256", name="width"),
    CheckConstraint("(level = 0) = (first_leaf IS NOT NULL)", name="first_leaf"),
    Index("ix_tile_first_leaf", "batch_id", "first_leaf", sqlite_where=text("level = 0"), postgresql_where=text("level = 0")),
)

submission: Final = Table(
    "submission",
    metadata,
    Column("id", RowId, Identity(), primary_key=True),
    Column("chain_id", BigInteger, nullable=False),
    Column("contract", String(42), nullable=False),
    Column("signer", String(42), nullable=False),
    Column("nonce", BigInteger, nullable=False),
    Column("calldata", LargeBinary, nullable=False),
    Column("gas_limit", BigInteger, nullable=False),
    Column("state", String(10), nullable=False),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("tx_hash", LargeBinary),
    Column("block_number", BigInteger),
    Column("block_hash", LargeBinary),
    Column("gas_used", BigInteger),
    Column("fee_wei", Text, comment="decimal: a uint256 fits no integer column"),
    CheckConstraint("state IN ('submitted', 'confirmed', 'final', 'reverted', 'displaced')", name="state"),
    UniqueConstraint("chain_id", "signer", "nonce"),
    Index("ix_submission_state", "state"),
    sqlite_autoincrement=True,
)

submission_item: Final = Table(
    "submission_item",
    metadata,
    Column("submission_id", RowId, ForeignKey("submission.id"), primary_key=True),
    Column("batch_id", RowId, ForeignKey("batch.id"), primary_key=True),
    Column("live", Integer, nullable=False, comment="1 while this submission may still anchor the root"),
    Index("uq_submission_item_live", "batch_id", unique=True, sqlite_where=text("live = 1"), postgresql_where=text("live = 1")),
)

attempt: Final = Table(
    "attempt",
    metadata,
    Column("tx_hash", LargeBinary, primary_key=True),
    Column("submission_id", RowId, ForeignKey("submission.id"), nullable=False, index=True),
    Column("raw", LargeBinary, nullable=False),
    Column("max_fee_wei", Text, nullable=False, comment="decimal: a uint256 fits no integer column"),
    Column("tip_wei", Text),
    Column("signed_at", UtcDateTime, nullable=False),
    Column("first_sent_at", UtcDateTime),
    Column("last_sent_at", UtcDateTime),
    Column("last_answer", Text),
    Column("head_number", BigInteger, comment="the ledger's newest block when it was signed"),
    _bytes_check("tx_hash", 32),
)

status_key: Final = Table(
    "status_key",
    metadata,
    Column("id", RowId, Identity(), primary_key=True),
    Column("issuer_id", RowId, ForeignKey("issuer.id"), nullable=False),
    Column("verification_method", Text, nullable=False, unique=True, comment="absolute DID URL: the `kid` of what it signs"),
    Column("public_key", Text, nullable=False, comment="Multikey, base58btc"),
    Column("added_at", UtcDateTime, nullable=False),
    Column("retired_at", UtcDateTime, comment="it signs nothing new; what it signed still verifies"),
    sqlite_autoincrement=True,
)

status_list: Final = Table(
    "status_list",
    metadata,
    Column("id", RowId, Identity(), primary_key=True),
    Column("list_id", LargeBinary, nullable=False, unique=True),
    Column("issuer_id", RowId, ForeignKey("issuer.id"), nullable=False),
    Column("purpose", String(10), nullable=False),
    Column("number", BigInteger, comment="of the issuer's lists of this purpose, from 0; null when it follows from a batch"),
    Column("batch_id", RowId, ForeignKey("batch.id"), comment="null when it is numbered"),
    Column("entries", Integer, nullable=False),
    Column("bits", LargeBinary, nullable=False),
    Column("reserved", LargeBinary, comment="which indexes were given out; null when it follows from a batch"),
    Column("change_count", BigInteger, nullable=False),
    Column("versioned_count", BigInteger, nullable=False, comment="changes that its newest version shows"),
    Column("overtaken_by", BigInteger, comment="version on the ledger that is not known here: a person must look"),
    Column("accepted_version", BigInteger, comment="up to it a person gave up what the ledger holds and is not known here"),
    Column("created_at", UtcDateTime, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
    Column("signed_by", String(10), nullable=False),
    Column("signed_form", LargeBinary, comment="as its issuer uploaded it"),
    Column("signed_type", Text, comment="media type of the signed form"),
    _bytes_check("list_id", 32),
    CheckConstraint("purpose IN ('revocation', 'suspension')", name="purpose"),
    CheckConstraint("(number IS NULL) <> (batch_id IS NULL)", name="kind"),
    CheckConstraint("(number IS NULL) = (reserved IS NULL)", name="reserved"),
    CheckConstraint("length(bits) * 8 = entries", name="entries"),
    CheckConstraint("versioned_count <= change_count", name="versioned_count"),
    CheckConstraint("signed_by IN ('service', 'issuer')", name="signed_by"),
    CheckConstraint("(signed_form IS NULL) = (signed_type IS NULL)", name="signed_form"),
    UniqueConstraint("issuer_id", "purpose", "number"),
    UniqueConstraint("batch_id", "issuer_id", "purpose"),
    Index(
        "ix_status_list_changed",
        "id",
        sqlite_where=text("versioned_count < change_count"),
        postgresql_where=text("versioned_count < change_count"),
    ),
    Index(
        "ix_status_list_overtaken",
        "id",
        sqlite_where=text("overtaken_by IS NOT NULL"),
        postgresql_where=text("overtaken_by IS NOT NULL"),
    ),
    sqlite_autoincrement=True,
)

status_binding: Final = Table(
    "status_binding",
    metadata,
    Column("status_list_id", RowId, ForeignKey("status_list.id"), primary_key=True),
    Column("list_index", Integer, primary_key=True),
    Column("entry_id", RowId, ForeignKey("entry.id"), nullable=False, index=True),
    Column("bound_at", UtcDateTime, nullable=False),
)

status_change: Final = Table(
    "status_change",
    metadata,
    Column("id", RowId, Identity(), primary_key=True),
    Column("issuer_id", RowId, ForeignKey("issuer.id"), nullable=False),
    Column("entry_id", RowId, ForeignKey("entry.id"), comment="null when it was asked for by list and index, and none is bound"),
    Column("status_list_id", RowId, ForeignKey("status_list.id"), comment="null while the entry's batch is not sealed"),
    Column("list_index", Integer),
    Column("purpose", String(10), nullable=False),
    Column("action", String(10), nullable=False),
    Column("number", Integer, nullable=False, comment="among the changes of this index, from 1"),
    Column("reason", String(40)),
    Column("explanation", Text, comment="the issuer's own words, never published"),
    Column("effective_at", UtcDateTime, nullable=False),
    Column("recorded_at", UtcDateTime, nullable=False),
    Column("requested_by", Text, nullable=False, comment="prefix of the API key, or the command line"),
    Column("position", BigInteger, comment="among the changes of the list, from 1; null until it took effect there"),
    Column("applied_at", UtcDateTime),
    CheckConstraint("purpose IN ('revocation', 'suspension')", name="purpose"),
    CheckConstraint("action IN ('revoke', 'suspend', 'reinstate')", name="action"),
    CheckConstraint("(status_list_id IS NULL) = (list_index IS NULL)", name="target"),
    CheckConstraint("status_list_id IS NOT NULL OR entry_id IS NOT NULL", name="has_target"),
    CheckConstraint("(position IS NULL) = (applied_at IS NULL)", name="applied"),
    CheckConstraint("(position IS NULL) = (status_list_id IS NULL)", name="positioned"),
    UniqueConstraint("status_list_id", "position"),
    Index(
        "uq_status_change_index",
        "status_list_id",
        "list_index",
        "number",
        unique=True,
        sqlite_where=text("status_list_id IS NOT NULL"),
        postgresql_where=text("status_list_id IS NOT NULL"),
    ),
    Index(
        "uq_status_change_waiting",
        "entry_id",
        "purpose",
        "number",
        unique=True,
        sqlite_where=text("status_list_id IS NULL"),
        postgresql_where=text("status_list_id IS NULL"),
    ),
    Index("ix_status_change_issuer_id", "issuer_id", "id"),
    Index(
        "ix_status_change_entry_id",
        "entry_id",
        sqlite_where=text("entry_id IS NOT NULL"),
        postgresql_where=text("entry_id IS NOT NULL"),
    ),
    sqlite_autoincrement=True,
)

status_version: Final = Table(
    "status_version",
    metadata,
    Column("id", RowId, Identity(), primary_key=True),
    Column("status_list_id", RowId, ForeignKey("status_list.id"), nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("compressed_bits", LargeBinary, nullable=False, comment="zlib"),
    Column("change_count", BigInteger, nullable=False, comment="changes of the list that it shows"),
    Column("made_at", UtcDateTime, nullable=False),
    Column("state", String(10), nullable=False),
    Column("tx_hash", LargeBinary),
    Column("block_number", BigInteger),
    Column("block_hash", LargeBinary),
    Column("published_at", UtcDateTime, comment="time of the block"),
    Column("final_at", UtcDateTime),
    _bytes_check("digest", 32),
    _bytes_check("tx_hash", 32),
    _bytes_check("block_hash", 32),
    CheckConstraint("state IN ('prepared', 'submitted', 'confirmed', 'final', 'superseded')", name="state"),
    CheckConstraint("(state IN ('confirmed', 'final')) = (block_hash IS NOT NULL)", name="published_has_block"),
    Index("ix_status_version_list", "status_list_id", "version"),
    Index("ix_status_version_state", "state", "id"),
    Index("ix_status_version_block_number", "block_number"),
    sqlite_autoincrement=True,
)

submission_head: Final = Table(
    "submission_head",
    metadata,
    Column("submission_id", RowId, ForeignKey("submission.id"), primary_key=True),
    Column("status_version_id", RowId, ForeignKey("status_version.id"), primary_key=True),
    Column("live", Integer, nullable=False, comment="1 while this submission may still publish the head"),
    Index(
        "uq_submission_head_live",
        "status_version_id",
        unique=True,
        sqlite_where=text("live = 1"),
        postgresql_where=text("live = 1"),
    ),
)

anchor_history: Final = Table(
    "anchor_history",
    metadata,
    Column("id", RowId, Identity(), primary_key=True),
    Column("batch_id", RowId, ForeignKey("batch.id"), nullable=False, index=True),
    Column("sequence", BigInteger, nullable=False),
    Column("tx_hash", LargeBinary, nullable=False),
    Column("block_number", BigInteger, nullable=False),
    Column("block_hash", LargeBinary, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
    Column("withdrawn_at", UtcDateTime),
    Column("why", Text),
    Column("was", String(10), comment="state when it was withdrawn"),
    Index(
        "ix_anchor_history_withdrawn",
        "was",
        sqlite_where=text("withdrawn_at IS NOT NULL"),
        postgresql_where=text("withdrawn_at IS NOT NULL"),
    ),
    sqlite_autoincrement=True,
)

anchor_bundle: Final = Table(
    "anchor_bundle",
    metadata,
    Column("batch_id", RowId, ForeignKey("batch.id"), primary_key=True, autoincrement=False),
    Column("block_hash", LargeBinary, nullable=False, comment="the block it is of, which a reorg may have taken away"),
    Column("content", Text, nullable=False, comment="JSON, as in a proof"),
    _bytes_check("block_hash", 32),
)

orphan_anchor: Final = Table(
    "orphan_anchor",
    metadata,
    Column("root", LargeBinary, primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("leaf_count", BigInteger, nullable=False),
    Column("anchored_by", String(42), nullable=False),
    Column("tx_hash", LargeBinary, nullable=False),
    Column("block_number", BigInteger, nullable=False),
    Column("block_hash", LargeBinary, nullable=False),
    Column("anchored_at", UtcDateTime, nullable=False),
    Column("found_at", UtcDateTime, nullable=False),
    Column("accepted_at", UtcDateTime, comment="null while a person must look"),
    _bytes_check("root", 32),
    _bytes_check("tx_hash", 32),
    _bytes_check("block_hash", 32),
)

ledger_identity: Final = Table(
    "ledger_identity",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("chain_id", BigInteger, nullable=False),
    Column("contract", String(42), nullable=False),
    Column("genesis_hash", LargeBinary, nullable=False),
    Column("code_hash", LargeBinary, nullable=False),
    CheckConstraint("id = 1", name="one_row"),
)

round_lease: Final = Table(
    "round_lease",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("holder", Text, nullable=False),
    Column("until", UtcDateTime, nullable=False),
    CheckConstraint("id = 1", name="one_row"),
)

round_record: Final = Table(
    "round_record",
    metadata,
    Column("id", RowId, Identity(), primary_key=True),
    Column("holder", Text, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),
    Column("result", String(20)),
    Column("head_number", BigInteger),
    Column("detail", Text),
    Column("head_time", UtcDateTime),
    Column("balance_wei", Text, comment="decimal, of the anchoring key"),
    sqlite_autoincrement=True,
)

restored_mark: Final = Table(
    "restored_mark",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("restored_at", UtcDateTime, nullable=False),
    CheckConstraint("id = 1", name="one_row"),
)

rebuilt_mark: Final = Table(
    "rebuilt_mark",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("rebuilt_at", UtcDateTime, nullable=False, comment="of entries received before then, status is not known"),
    CheckConstraint("id = 1", name="one_row"),
)

audit_record: Final = Table(
    "audit_record",
    metadata,
    Column("number", RowId, primary_key=True, autoincrement=False, comment="from 1, without gaps"),
    Column("at", UtcDateTime, nullable=False),
    Column("actor", Text, nullable=False),
    Column("issuer", Text, comment="DID; in whose name"),
    Column("action", Text, nullable=False),
    Column("result", String(10), nullable=False),
    Column("detail", Text, nullable=False, comment="JSON in its RFC 8785 form"),
    Column("source", LargeBinary, nullable=False, comment="hash of a row of audit_source, which may be gone"),
    Column("hash", LargeBinary, nullable=False),
    _bytes_check("source", 32),
    _bytes_check("hash", 32),
)

audit_source: Final = Table(
    "audit_source",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("salt", LargeBinary, nullable=False),
    Column("source", Text, nullable=False, comment="an address, or user and host"),
    Column("first_seen_at", UtcDateTime, nullable=False),
    _bytes_check("hash", 32),
    _bytes_check("salt", 16),
)

audit_head: Final = Table(
    "audit_head",
    metadata,
    Column("number", RowId, primary_key=True, autoincrement=False, comment="of the record whose hash was posted"),
    Column("entry_id", RowId, ForeignKey("entry.id"), nullable=False, unique=True),
)
