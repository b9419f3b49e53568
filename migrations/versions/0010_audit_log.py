"""The audit log, where its acts came from, and which of its heads were posted.

Only new tables: a program of the revision before goes on working, and records nothing.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

RowId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UtcDateTime = sa.BigInteger().with_variant(sa.DateTime(timezone=True), "postgresql")


def upgrade() -> None:
    op.create_table(
        "audit_record",
        sa.Column("number", RowId, autoincrement=False, nullable=False, comment="from 1, without gaps"),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text(), comment="DID; in whose name"),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("result", sa.String(10), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False, comment="JSON in its RFC 8785 form"),
        sa.Column("source", sa.LargeBinary(), nullable=False, comment="hash of a row of audit_source, which may be gone"),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit_record")),
        sa.CheckConstraint("length(source) = 32", name=op.f("ck_audit_record_source_bytes")),
        sa.CheckConstraint("length(hash) = 32", name=op.f("ck_audit_record_hash_bytes")),
    )
    op.create_table(
        "audit_source",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False, comment="an address, or user and host"),
        sa.Column("first_seen_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_audit_source")),
        sa.CheckConstraint("length(hash) = 32", name=op.f("ck_audit_source_hash_bytes")),
        sa.CheckConstraint("length(salt) = 16", name=op.f("ck_audit_source_salt_bytes")),
    )
    op.create_table(
        "audit_head",
        sa.Column("number", RowId, autoincrement=False, nullable=False, comment="of the record whose hash was posted"),
        sa.Column("entry_id", RowId, nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit_head")),
        sa.ForeignKeyConstraint(["entry_id"], ["entry.id"], name=op.f("fk_audit_head_entry_id_entry")),
        sa.UniqueConstraint("entry_id", name=op.f("uq_audit_head_entry_id")),
    )


def downgrade() -> None:
    op.drop_table("audit_head")
    op.drop_table("audit_source")
    op.drop_table("audit_record")
