"""A mark that a restored database carries until it was compared with the ledger."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

UtcDateTime = sa.BigInteger().with_variant(sa.DateTime(timezone=True), "postgresql")


def upgrade() -> None:
    op.create_table(
        "restored_mark",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("restored_at", UtcDateTime, nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_restored_mark_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_restored_mark")),
    )


def downgrade() -> None:
    op.drop_table("restored_mark")
