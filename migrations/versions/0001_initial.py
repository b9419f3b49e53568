"""Issuers, entries, batches with tiles, submissions with attempts, rounds."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

RowId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UtcDateTime = sa.BigInteger().with_variant(sa.DateTime(timezone=True), "postgresql")


def bytes_check(table: str, column: str, size: int) -> sa.CheckConstraint:
    return sa.CheckConstraint(f"length({column}) = {size}", name=op.f(f"ck_{table}_{column}_bytes"))


def check(table: str, name: str, rule: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}"))


def where(rule: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(rule), "postgresql_where": sa.text(rule)}


def upgrade() -> None:
    _issuers()
    _entries()
    _batches()
    _submissions()
    _rounds()


def downgrade() -> None:
    for table in (
        "round_record",
        "round_lease",
        "ledger_identity",
        "anchor_history",
        "attempt",
        "submission_item",
        "submission",
        "tile",
        "batch",
        "erasure",
        "entry",
        "api_key",
        "issuer",
    ):
        op.drop_table(table)


def _issuers() -> None:
    op.create_table(
        "issuer",
        sa.Column("id", RowId, sa.Identity(), nullable=False),
        sa.Column("did", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("added_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_issuer")),
        sa.UniqueConstraint("did", name=op.f("uq_issuer_did")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "api_key",
        sa.Column("prefix", sa.String(8), nullable=False),
        sa.Column("issuer_id", RowId, nullable=False),
        sa.Column("key_hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("revoked_at", UtcDateTime),
        bytes_check("api_key", "key_hash", 32),
        sa.ForeignKeyConstraint(["issuer_id"], ["issuer.id"], name=op.f("fk_api_key_issuer_id_issuer")),
        sa.PrimaryKeyConstraint("prefix", name=op.f("pk_api_key")),
    )


def _entries() -> None:
    op.create_table(
        "entry",
        sa.Column("id", RowId, sa.Identity(cache=1), nullable=False),
        sa.Column("issuer_id", RowId, nullable=False),
        sa.Column("digest", sa.LargeBinary(), comment="null once erased"),
        sa.Column("salt", sa.LargeBinary(), comment="null once erased"),
        sa.Column("canonicalization", sa.SmallInteger()),
        sa.Column("received_at", UtcDateTime, nullable=False),
        bytes_check("entry", "digest", 32),
        bytes_check("entry", "salt", 16),
        check("entry", "erased_together", "(digest IS NULL) = (salt IS NULL)"),
        sa.ForeignKeyConstraint(["issuer_id"], ["issuer.id"], name=op.f("fk_entry_issuer_id_issuer")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entry")),
        sa.UniqueConstraint("digest", "issuer_id", name=op.f("uq_entry_digest_issuer_id")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "erasure",
        sa.Column("entry_id", RowId, autoincrement=False, nullable=False),
        sa.Column("requested_at", UtcDateTime, nullable=False),
        sa.Column("done_at", UtcDateTime),
        sa.ForeignKeyConstraint(["entry_id"], ["entry.id"], name=op.f("fk_erasure_entry_id_entry")),
        sa.PrimaryKeyConstraint("entry_id", name=op.f("pk_erasure")),
    )
    op.create_index("ix_erasure_pending", "erasure", ["entry_id"], **where("done_at IS NULL"))


def _batches() -> None:
    op.create_table(
        "batch",
        sa.Column("id", RowId, sa.Identity(), nullable=False),
        sa.Column("first_id", RowId, nullable=False),
        sa.Column("last_id", RowId, nullable=False),
        sa.Column("leaf_count", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("root", sa.LargeBinary()),
        sa.Column("right_edge", sa.LargeBinary()),
        sa.Column("sealed_at", UtcDateTime),
        sa.Column("sequence", sa.BigInteger()),
        sa.Column("anchored_leaf_count", sa.Integer()),
        sa.Column("anchored_by", sa.String(42)),
        sa.Column("tx_hash", sa.LargeBinary()),
        sa.Column("block_number", sa.BigInteger()),
        sa.Column("block_hash", sa.LargeBinary()),
        sa.Column("anchored_at", UtcDateTime),
        bytes_check("batch", "root", 32),
        bytes_check("batch", "tx_hash", 32),
        bytes_check("batch", "block_hash", 32),
        check("batch", "range", "first_id <= last_id"),
        check("batch", "leaf_count", "leaf_count BETWEEN 1 AND last_id - first_id + 1"),
        check("batch", "state", "state IN ('waiting', 'sealed', 'submitted', 'confirmed', 'final')"),
        check("batch", "sealed_has_root", "(state = 'waiting') = (root IS NULL)"),
        check("batch", "anchored_has_block", "(state IN ('confirmed', 'final')) = (block_hash IS NOT NULL)"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batch")),
        sa.UniqueConstraint("first_id", name=op.f("uq_batch_first_id")),
        sa.UniqueConstraint("last_id", name=op.f("uq_batch_last_id")),
        sa.UniqueConstraint("root", name=op.f("uq_batch_root")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_batch_state", "batch", ["state", "id"])
    op.create_index("ix_batch_block_number", "batch", ["block_number"])
    op.create_table(
        "tile",
        sa.Column("batch_id", RowId, nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("first_leaf", sa.LargeBinary(), comment="level 0 only: a leaf's tile is found by it"),
        sa.Column("subtree", sa.LargeBinary(), nullable=False),
        check("tile", "width", "width BETWEEN 1 AND 256"),
        check("tile", "first_leaf", "(level = 0) = (first_leaf IS NOT NULL)"),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.id"], name=op.f("fk_tile_batch_id_batch")),
        sa.PrimaryKeyConstraint("batch_id", "level", "n", name=op.f("pk_tile")),
    )
    op.create_index("ix_tile_first_leaf", "tile", ["batch_id", "first_leaf"], **where("level = 0"))
    if op.get_bind().dialect.name == "postgresql":
        # Hashes do not compress; stored plain, a slice of a tile is read without the rest of it.
        op.execute("ALTER TABLE tile ALTER COLUMN subtree SET STORAGE EXTERNAL")


def _submissions() -> None:
    op.create_table(
        "submission",
        sa.Column("id", RowId, sa.Identity(), nullable=False),
        sa.Column("chain_id", sa.BigInteger(), nullable=False),
        sa.Column("contract", sa.String(42), nullable=False),
        sa.Column("signer", sa.String(42), nullable=False),
        sa.Column("nonce", sa.BigInteger(), nullable=False),
        sa.Column("calldata", sa.LargeBinary(), nullable=False),
        sa.Column("gas_limit", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("opened_at", UtcDateTime, nullable=False),
        sa.Column("tx_hash", sa.LargeBinary()),
        sa.Column("block_number", sa.BigInteger()),
        sa.Column("block_hash", sa.LargeBinary()),
        check("submission", "state", "state IN ('submitted', 'confirmed', 'final', 'reverted', 'displaced')"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_submission")),
        sa.UniqueConstraint("chain_id", "signer", "nonce", name=op.f("uq_submission_chain_id_signer_nonce")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_submission_state", "submission", ["state"])
    op.create_table(
        "submission_item",
        sa.Column("submission_id", RowId, nullable=False),
        sa.Column("batch_id", RowId, nullable=False),
        sa.Column("live", sa.Integer(), nullable=False, comment="1 while this submission may still anchor the root"),
        sa.ForeignKeyConstraint(["submission_id"], ["submission.id"], name=op.f("fk_submission_item_submission_id_submission")),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.id"], name=op.f("fk_submission_item_batch_id_batch")),
        sa.PrimaryKeyConstraint("submission_id", "batch_id", name=op.f("pk_submission_item")),
    )
    op.create_index("uq_submission_item_live", "submission_item", ["batch_id"], unique=True, **where("live = 1"))
    op.create_table(
        "attempt",
        sa.Column("tx_hash", sa.LargeBinary(), nullable=False),
        sa.Column("submission_id", RowId, nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("max_fee_wei", sa.Text(), nullable=False, comment="decimal: a uint256 fits no integer column"),
        sa.Column("tip_wei", sa.Text()),
        sa.Column("signed_at", UtcDateTime, nullable=False),
        sa.Column("first_sent_at", UtcDateTime),
        sa.Column("last_sent_at", UtcDateTime),
        sa.Column("last_answer", sa.Text()),
        bytes_check("attempt", "tx_hash", 32),
        sa.ForeignKeyConstraint(["submission_id"], ["submission.id"], name=op.f("fk_attempt_submission_id_submission")),
        sa.PrimaryKeyConstraint("tx_hash", name=op.f("pk_attempt")),
    )
    op.create_index("ix_attempt_submission_id", "attempt", ["submission_id"])
    op.create_table(
        "anchor_history",
        sa.Column("id", RowId, sa.Identity(), nullable=False),
        sa.Column("batch_id", RowId, nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("tx_hash", sa.LargeBinary(), nullable=False),
        sa.Column("block_number", sa.BigInteger(), nullable=False),
        sa.Column("block_hash", sa.LargeBinary(), nullable=False),
        sa.Column("seen_at", UtcDateTime, nullable=False),
        sa.Column("withdrawn_at", UtcDateTime),
        sa.Column("why", sa.Text()),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.id"], name=op.f("fk_anchor_history_batch_id_batch")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_anchor_history")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_anchor_history_batch_id", "anchor_history", ["batch_id"])


def _rounds() -> None:
    op.create_table(
        "ledger_identity",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("chain_id", sa.BigInteger(), nullable=False),
        sa.Column("contract", sa.String(42), nullable=False),
        sa.Column("genesis_hash", sa.LargeBinary(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        check("ledger_identity", "one_row", "id = 1"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_identity")),
    )
    op.create_table(
        "round_lease",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("until", UtcDateTime, nullable=False),
        check("round_lease", "one_row", "id = 1"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_round_lease")),
    )
    op.create_table(
        "round_record",
        sa.Column("id", RowId, sa.Identity(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("started_at", UtcDateTime, nullable=False),
        sa.Column("finished_at", UtcDateTime),
        sa.Column("result", sa.String(20)),
        sa.Column("head_number", sa.BigInteger()),
        sa.Column("detail", sa.Text()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_round_record")),
        sqlite_autoincrement=True,
    )
