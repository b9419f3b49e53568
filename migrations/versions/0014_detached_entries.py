"""That entries of a batch were detached, and from when to when each issuer posted what was.

Only a new column that may be null, and a new table. A program of the revision before goes on working; once entries are detached,
it takes their batches for damaged.
"""

import sqlalchemy as sa
from alembic import op

from anchoring.errors import Conflict

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
    if op.get_context().opts.get("destination_rev") != "base":  # which leaves no batch
        _require_none_detached()
    op.drop_table("issuer_detached")
    op.drop_column("batch", "detached_at")


def _require_none_detached() -> None:
    """Without its mark a batch is damaged, its entries do not come back, and its manifest is written from what is left."""
    marked = op.get_bind().execute(sa.text("SELECT id FROM batch WHERE detached_at IS NOT NULL ORDER BY id LIMIT 1")).scalar()
    if marked is not None:
        raise Conflict(
            f"entries of batch {marked} are detached, which migration 0013 does not know; recall those of every such batch first"
        )
    if op.get_bind().execute(sa.text("SELECT 1 FROM issuer_detached")).first():
        raise Conflict("entries of an issuer were detached, which migration 0013 does not know")
