"""What an issuer may write in a day, where that is not what the settings say.

Only a new column that may be null: a program of the revision before goes on working, and goes by the settings alone.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("issuer", sa.Column("items_per_day", sa.BigInteger(), comment="0: any number; null: as the settings say"))


def downgrade() -> None:
    op.drop_column("issuer", "items_per_day")
