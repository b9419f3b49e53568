"""Canaries: digests of our own that show how long anchoring takes. And what an anchor was when a reorg took it away.

Only a nullable column, an index and a new table: a program of the revision before goes on working.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

RowId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UtcDateTime = sa.BigInteger().with_variant(sa.DateTime(timezone=True), "postgresql")
WITHDRAWN = "withdrawn_at IS NOT NULL"


def upgrade() -> None:
    op.add_column("anchor_history", sa.Column("was", sa.String(10), comment="state when it was withdrawn"))
    op.create_index(
        op.f("ix_anchor_history_withdrawn"),
        "anchor_history",
        ["was"],
        sqlite_where=sa.text(WITHDRAWN),
        postgresql_where=sa.text(WITHDRAWN),
    )
    op.create_table(
        "canary",
        sa.Column("entry_id", RowId, autoincrement=False, nullable=False),
        sa.Column("posted_at", UtcDateTime, nullable=False),
        sa.Column("checked_at", UtcDateTime),
        sa.Column("passed", sa.Integer()),
        sa.Column("detail", sa.Text()),
        sa.PrimaryKeyConstraint("entry_id", name=op.f("pk_canary")),
        sa.ForeignKeyConstraint(["entry_id"], ["entry.id"], name=op.f("fk_canary_entry_id_entry")),
        sa.CheckConstraint("(checked_at IS NULL) = (passed IS NULL)", name=op.f("ck_canary_checked")),
    )


def downgrade() -> None:
    op.drop_table("canary")
    op.drop_index(op.f("ix_anchor_history_withdrawn"), table_name="anchor_history")
    op.drop_column("anchor_history", "was")
