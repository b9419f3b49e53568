"""The block that the kept bundle of a batch is of, beside the block that the batch is recorded in.

Only a new column that may be null. A program of the revision before does not write it, so what that keeps meanwhile is taken once
more.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("batch", sa.Column("bundle_block_hash", sa.LargeBinary(), comment="of the block that its kept bundle is of"))


def downgrade() -> None:
    op.drop_column("batch", "bundle_block_hash")
