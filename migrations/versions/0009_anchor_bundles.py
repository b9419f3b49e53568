"""What proves anchors without a node.

Only a new table: a program of the revision before goes on working, and later rounds take the bundles that it does not.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0007"
branch_labels = None
depends_on = None

RowId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "anchor_bundle",
        sa.Column("batch_id", RowId, nullable=False),
        sa.Column(
            "block_hash", sa.LargeBinary(), nullable=False, comment="the block it is of, which a reorg may have taken away"
        ),
        sa.Column("content", sa.Text(), nullable=False, comment="JSON, as in a proof"),
        sa.CheckConstraint("length(block_hash) = 32", name=op.f("ck_anchor_bundle_block_hash_bytes")),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.id"], name=op.f("fk_anchor_bundle_batch_id_batch")),
        sa.PrimaryKeyConstraint("batch_id", name=op.f("pk_anchor_bundle")),
    )


def downgrade() -> None:
    op.drop_table("anchor_bundle")
