"""The bundles that were kept before, and an index of batches that lack one.

In a migration of its own, so that nobody waits for the new column's lock while rows are written. There are few batches beside
entries: tens of thousands of rows take about a second, in which readers go on and rounds wait.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

LACKING = "block_hash IS NOT NULL AND (bundle_block_hash IS NULL OR bundle_block_hash <> block_hash)"


def upgrade() -> None:
    op.execute(
        "UPDATE batch SET bundle_block_hash = (SELECT block_hash FROM anchor_bundle WHERE batch_id = batch.id) "
        "WHERE id IN (SELECT batch_id FROM anchor_bundle)"
    )
    where = sa.text(LACKING)
    op.create_index("ix_batch_lacking_bundle", "batch", ["id"], postgresql_where=where, sqlite_where=where)


def downgrade() -> None:
    op.drop_index("ix_batch_lacking_bundle", "batch")
