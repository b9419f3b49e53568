"""What operating needs to know: costs, the key's balance, when a batch became final, anchors whose batch is lost.

Only nullable columns and a new table: a program of the revision before goes on working.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

UtcDateTime = sa.BigInteger().with_variant(sa.DateTime(timezone=True), "postgresql")


def upgrade() -> None:
    op.add_column("submission", sa.Column("gas_used", sa.BigInteger()))
    op.add_column("submission", sa.Column("fee_wei", sa.Text(), comment="decimal: a uint256 fits no integer column"))
    op.add_column("attempt", sa.Column("head_number", sa.BigInteger(), comment="the ledger's newest block when it was signed"))
    op.add_column("batch", sa.Column("final_at", UtcDateTime))
    op.add_column("erasure", sa.Column("manifest_rewritten_at", UtcDateTime))
    op.add_column("round_record", sa.Column("head_time", UtcDateTime))
    op.add_column("round_record", sa.Column("balance_wei", sa.Text(), comment="decimal, of the anchoring key"))
    op.create_table(
        "orphan_anchor",
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("leaf_count", sa.BigInteger(), nullable=False),
        sa.Column("anchored_by", sa.String(42), nullable=False),
        sa.Column("tx_hash", sa.LargeBinary(), nullable=False),
        sa.Column("block_number", sa.BigInteger(), nullable=False),
        sa.Column("block_hash", sa.LargeBinary(), nullable=False),
        sa.Column("anchored_at", UtcDateTime, nullable=False),
        sa.Column("found_at", UtcDateTime, nullable=False),
        sa.Column("accepted_at", UtcDateTime, comment="null while a person must look"),
        sa.PrimaryKeyConstraint("root", name=op.f("pk_orphan_anchor")),
        sa.CheckConstraint("length(root) = 32", name=op.f("ck_orphan_anchor_root_bytes")),
        sa.CheckConstraint("length(tx_hash) = 32", name=op.f("ck_orphan_anchor_tx_hash_bytes")),
        sa.CheckConstraint("length(block_hash) = 32", name=op.f("ck_orphan_anchor_block_hash_bytes")),
    )


def downgrade() -> None:
    op.drop_table("orphan_anchor")
    for table, column in (
        ("round_record", "balance_wei"),
        ("round_record", "head_time"),
        ("erasure", "manifest_rewritten_at"),
        ("batch", "final_at"),
        ("attempt", "head_number"),
        ("submission", "fee_wei"),
        ("submission", "gas_used"),
    ):
        op.drop_column(table, column)
