"""API keys: what each may do, until when, and when it was last used.

Only new columns: a program of the revision before goes on working, and a key that it makes may do what it always could.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

UtcDateTime = sa.BigInteger().with_variant(sa.DateTime(timezone=True), "postgresql")
WRITING = "digests:write status:write"


def upgrade() -> None:
    scopes = sa.Column("scopes", sa.Text(), nullable=False, server_default=WRITING, comment="separated by blanks")
    op.add_column("api_key", scopes)
    op.add_column("api_key", sa.Column("expires_at", UtcDateTime))
    op.add_column("api_key", sa.Column("last_used_at", UtcDateTime, comment="to the minute, and may be lost"))


def downgrade() -> None:
    # The program before would let every key write, for ever: those that may do less, or something else, do not go with it.
    op.execute(f"DELETE FROM api_key WHERE scopes <> '{WRITING}' OR expires_at IS NOT NULL")  # noqa: S608 - a constant of this file
    for column in ("last_used_at", "expires_at", "scopes"):
        op.drop_column("api_key", column)
