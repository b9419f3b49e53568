"""What each issuer wrote in a day, for its quota.

Only a new table: a program of the revision before goes on working, and counts nothing.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

RowId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "issuer_usage",
        sa.Column("issuer_id", RowId, nullable=False),
        sa.Column("day", sa.Integer(), nullable=False, comment="since 1970, UTC"),
        sa.Column("taken", sa.BigInteger(), nullable=False, comment="items of the quota, written or not"),
        sa.PrimaryKeyConstraint("issuer_id", "day", name=op.f("pk_issuer_usage")),
        sa.ForeignKeyConstraint(["issuer_id"], ["issuer.id"], name=op.f("fk_issuer_usage_issuer_id_issuer")),
    )


def downgrade() -> None:
    op.drop_table("issuer_usage")
