"""That entries of a batch were detached, and from when to when each issuer posted what was.

Only a new column that may be null, and a new table. A program of the revision before goes on working; once entries are detached,
it takes their batches for damaged.
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

RowId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UtcDateTime = sa.BigInteger().with_variant(sa.DateTime(timezone=True), "postgresql")


def upgrade() -> None:
    op.add_column("batch", sa.Column("detached_at", UtcDateTime, comment="null while all of its entries are here"))
    op.create_table(
        "issuer_detached",
        sa.Column("issuer_id", RowId, nullable=False),
        sa.Column("since", UtcDateTime, nullable=False, comment="when the first of them was received"),
        sa.Column("until", UtcDateTime, nullable=False, comment="and the last"),
        sa.PrimaryKeyConstraint("issuer_id", name=op.f("pk_issuer_detached")),
        sa.ForeignKeyConstraint(["issuer_id"], ["issuer.id"], name=op.f("fk_issuer_detached_issuer_id_issuer")),
    )


def downgrade() -> None:
    op.drop_table("issuer_detached")
    op.drop_column("batch", "detached_at")
