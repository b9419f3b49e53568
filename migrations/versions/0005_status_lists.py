"""Status lists: their bits, who is bound to which index, every change, every version published, and keys of issuers.

Only new tables: a program of the revision before goes on working.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

RowId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UtcDateTime = sa.BigInteger().with_variant(sa.DateTime(timezone=True), "postgresql")


def check(table: str, name: str, rule: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}"))


def where(rule: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(rule), "postgresql_where": sa.text(rule)}


def upgrade() -> None:
    _keys()
    _lists()
    _bindings()
    _changes()
    _versions()
    _heads()
    _rebuilt_mark()


def downgrade() -> None:
    for table in (
        "rebuilt_mark",
        "submission_head",
        "status_version",
        "status_change",
        "status_binding",
        "status_list",
        "status_key",
    ):
        op.drop_table(table)


def _keys() -> None:
    op.create_table(
        "status_key",
        sa.Column("id", RowId, sa.Identity(), nullable=False),
        sa.Column("issuer_id", RowId, nullable=False),
        sa.Column("verification_method", sa.Text(), nullable=False, comment="absolute DID URL: the `kid` of what it signs"),
        sa.Column("public_key", sa.Text(), nullable=False, comment="Multikey, base58btc"),
        sa.Column("added_at", UtcDateTime, nullable=False),
        sa.Column("retired_at", UtcDateTime, comment="it signs nothing new; what it signed still verifies"),
        sa.ForeignKeyConstraint(["issuer_id"], ["issuer.id"], name=op.f("fk_status_key_issuer_id_issuer")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_status_key")),
        sa.UniqueConstraint("verification_method", name=op.f("uq_status_key_verification_method")),
        sqlite_autoincrement=True,
    )


def _lists() -> None:
    op.create_table(
        "status_list",
        sa.Column("id", RowId, sa.Identity(), nullable=False),
        sa.Column("list_id", sa.LargeBinary(), nullable=False),
        sa.Column("issuer_id", RowId, nullable=False),
        sa.Column("purpose", sa.String(10), nullable=False),
        sa.Column(
            "number", sa.BigInteger(), comment="of the issuer's lists of this purpose, from 0; null when it follows from a batch"
        ),
        sa.Column("batch_id", RowId, comment="null when it is numbered"),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.Column("bits", sa.LargeBinary(), nullable=False),
        sa.Column("reserved", sa.LargeBinary(), comment="which indexes were given out; null when it follows from a batch"),
        sa.Column("change_count", sa.BigInteger(), nullable=False),
        sa.Column("versioned_count", sa.BigInteger(), nullable=False, comment="changes that its newest version shows"),
        sa.Column("overtaken_by", sa.BigInteger(), comment="version on the ledger that is not known here: a person must look"),
        sa.Column(
            "accepted_version",
            sa.BigInteger(),
            comment="up to it a person gave up what the ledger holds and is not known here",
        ),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("changed_at", UtcDateTime, nullable=False),
        sa.Column("signed_by", sa.String(10), nullable=False),
        sa.Column("signed_form", sa.LargeBinary(), comment="as its issuer uploaded it"),
        sa.Column("signed_type", sa.Text(), comment="media type of the signed form"),
        check("status_list", "purpose", "purpose IN ('revocation', 'suspension')"),
        check("status_list", "signed_by", "signed_by IN ('service', 'issuer')"),
        check("status_list", "kind", "(number IS NULL) <> (batch_id IS NULL)"),
        check("status_list", "reserved", "(number IS NULL) = (reserved IS NULL)"),
        check("status_list", "signed_form", "(signed_form IS NULL) = (signed_type IS NULL)"),
        check("status_list", "entries", "length(bits) * 8 = entries"),
        check("status_list", "list_id_bytes", "length(list_id) = 32"),
        check("status_list", "versioned_count", "versioned_count <= change_count"),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.id"], name=op.f("fk_status_list_batch_id_batch")),
        sa.ForeignKeyConstraint(["issuer_id"], ["issuer.id"], name=op.f("fk_status_list_issuer_id_issuer")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_status_list")),
        sa.UniqueConstraint("batch_id", "issuer_id", "purpose", name=op.f("uq_status_list_batch_id_issuer_id_purpose")),
        sa.UniqueConstraint("issuer_id", "purpose", "number", name=op.f("uq_status_list_issuer_id_purpose_number")),
        sa.UniqueConstraint("list_id", name=op.f("uq_status_list_list_id")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_status_list_changed", "status_list", ["id"], **where("versioned_count < change_count"))
    op.create_index("ix_status_list_overtaken", "status_list", ["id"], **where("overtaken_by IS NOT NULL"))


def _bindings() -> None:
    op.create_table(
        "status_binding",
        sa.Column("status_list_id", RowId, nullable=False),
        sa.Column("list_index", sa.Integer(), nullable=False),
        sa.Column("entry_id", RowId, nullable=False),
        sa.Column("bound_at", UtcDateTime, nullable=False),
        sa.ForeignKeyConstraint(["entry_id"], ["entry.id"], name=op.f("fk_status_binding_entry_id_entry")),
        sa.ForeignKeyConstraint(
            ["status_list_id"], ["status_list.id"], name=op.f("fk_status_binding_status_list_id_status_list")
        ),
        sa.PrimaryKeyConstraint("status_list_id", "list_index", name=op.f("pk_status_binding")),
    )
    op.create_index(op.f("ix_status_binding_entry_id"), "status_binding", ["entry_id"])


def _changes() -> None:
    op.create_table(
        "status_change",
        sa.Column("id", RowId, sa.Identity(), nullable=False),
        sa.Column("issuer_id", RowId, nullable=False),
        sa.Column("entry_id", RowId, comment="null when it was asked for by list and index, and none is bound"),
        sa.Column("status_list_id", RowId, comment="null while the entry's batch is not sealed"),
        sa.Column("list_index", sa.Integer()),
        sa.Column("purpose", sa.String(10), nullable=False),
        sa.Column("action", sa.String(10), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, comment="among the changes of this index, from 1"),
        sa.Column("reason", sa.String(40)),
        sa.Column("explanation", sa.Text(), comment="the issuer's own words, never published"),
        sa.Column("effective_at", UtcDateTime, nullable=False),
        sa.Column("recorded_at", UtcDateTime, nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False, comment="prefix of the API key, or the command line"),
        sa.Column("position", sa.BigInteger(), comment="among the changes of the list, from 1; null until it took effect there"),
        sa.Column("applied_at", UtcDateTime),
        check("status_change", "action", "action IN ('revoke', 'suspend', 'reinstate')"),
        check("status_change", "purpose", "purpose IN ('revocation', 'suspension')"),
        check("status_change", "applied", "(position IS NULL) = (applied_at IS NULL)"),
        check("status_change", "positioned", "(position IS NULL) = (status_list_id IS NULL)"),
        check("status_change", "target", "(status_list_id IS NULL) = (list_index IS NULL)"),
        check("status_change", "has_target", "status_list_id IS NOT NULL OR entry_id IS NOT NULL"),
        sa.ForeignKeyConstraint(["entry_id"], ["entry.id"], name=op.f("fk_status_change_entry_id_entry")),
        sa.ForeignKeyConstraint(["issuer_id"], ["issuer.id"], name=op.f("fk_status_change_issuer_id_issuer")),
        sa.ForeignKeyConstraint(["status_list_id"], ["status_list.id"], name=op.f("fk_status_change_status_list_id_status_list")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_status_change")),
        sa.UniqueConstraint("status_list_id", "position", name=op.f("uq_status_change_status_list_id_position")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_status_change_issuer_id", "status_change", ["issuer_id", "id"])
    op.create_index("ix_status_change_entry_id", "status_change", ["entry_id"], **where("entry_id IS NOT NULL"))
    op.create_index(
        "uq_status_change_index",
        "status_change",
        ["status_list_id", "list_index", "number"],
        unique=True,
        **where("status_list_id IS NOT NULL"),
    )
    op.create_index(
        "uq_status_change_waiting",
        "status_change",
        ["entry_id", "purpose", "number"],
        unique=True,
        **where("status_list_id IS NULL"),
    )


def _versions() -> None:
    op.create_table(
        "status_version",
        sa.Column("id", RowId, sa.Identity(), nullable=False),
        sa.Column("status_list_id", RowId, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("compressed_bits", sa.LargeBinary(), nullable=False, comment="zlib"),
        sa.Column("change_count", sa.BigInteger(), nullable=False, comment="changes of the list that it shows"),
        sa.Column("made_at", UtcDateTime, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("tx_hash", sa.LargeBinary()),
        sa.Column("block_number", sa.BigInteger()),
        sa.Column("block_hash", sa.LargeBinary()),
        sa.Column("published_at", UtcDateTime, comment="time of the block"),
        sa.Column("final_at", UtcDateTime),
        check("status_version", "published_has_block", "(state IN ('confirmed', 'final')) = (block_hash IS NOT NULL)"),
        check("status_version", "state", "state IN ('prepared', 'submitted', 'confirmed', 'final', 'superseded')"),
        check("status_version", "block_hash_bytes", "length(block_hash) = 32"),
        check("status_version", "digest_bytes", "length(digest) = 32"),
        check("status_version", "tx_hash_bytes", "length(tx_hash) = 32"),
        sa.ForeignKeyConstraint(
            ["status_list_id"], ["status_list.id"], name=op.f("fk_status_version_status_list_id_status_list")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_status_version")),
        sa.UniqueConstraint("digest", name=op.f("uq_status_version_digest")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_status_version_block_number", "status_version", ["block_number"])
    op.create_index("ix_status_version_list", "status_version", ["status_list_id", "version"])
    op.create_index("ix_status_version_state", "status_version", ["state", "id"])


def _heads() -> None:
    op.create_table(
        "submission_head",
        sa.Column("submission_id", RowId, nullable=False),
        sa.Column("status_version_id", RowId, nullable=False),
        sa.Column("live", sa.Integer(), nullable=False, comment="1 while this submission may still publish the head"),
        sa.ForeignKeyConstraint(
            ["status_version_id"], ["status_version.id"], name=op.f("fk_submission_head_status_version_id_status_version")
        ),
        sa.ForeignKeyConstraint(["submission_id"], ["submission.id"], name=op.f("fk_submission_head_submission_id_submission")),
        sa.PrimaryKeyConstraint("submission_id", "status_version_id", name=op.f("pk_submission_head")),
    )
    op.create_index("uq_submission_head_live", "submission_head", ["status_version_id"], unique=True, **where("live = 1"))


def _rebuilt_mark() -> None:
    op.create_table(
        "rebuilt_mark",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("rebuilt_at", UtcDateTime, nullable=False, comment="of entries received before then, status is not known"),
        sa.CheckConstraint("id = 1", name=op.f("ck_rebuilt_mark_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rebuilt_mark")),
    )
