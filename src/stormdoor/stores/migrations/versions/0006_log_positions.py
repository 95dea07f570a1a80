"""The epoch of the log of revocations, and the position at which each credential was issued.

Revision: 0006.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns. Existing credentials have no position, so time decides about them."""
    for table in ("session", "ticket", "api_key"):
        op.add_column(table, sa.Column("log_epoch", sa.Text))
        op.add_column(table, sa.Column("log_seq", sa.BigInteger))
    op.add_column("revocation", sa.Column("epoch", sa.Text, nullable=False, server_default=""))
    op.add_column(
        "revocation",
        sa.Column("by_time", sa.Boolean, nullable=False, server_default=sa.false()),
    )
    log = op.create_table(
        "revocation_log",
        sa.Column("id", sa.Integer, sa.CheckConstraint("id = 1"), primary_key=True),
        sa.Column("epoch", sa.Text, nullable=False),
        sa.Column("newest_at", sa.Double),
        sa.Column("inode", sa.BigInteger, nullable=False),
    )
    # The store begins an epoch when it opens the file; this value is a placeholder.
    op.bulk_insert(log, [{"id": 1, "epoch": "", "newest_at": None, "inode": 0}])
