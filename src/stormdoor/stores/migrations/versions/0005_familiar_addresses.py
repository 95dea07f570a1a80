"""Addresses from which principals have logged in.

Revision: 0005.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a table; existing data does not change."""
    op.create_table(
        "familiar_address",
        sa.Column(
            "principal_id",
            sa.Text,
            sa.ForeignKey("account.id", ondelete="CASCADE"),
            primary_key=True,
            nullable=False,
        ),
        sa.Column("address", sa.Text, primary_key=True, nullable=False),
        sa.Column("seen_at", sa.Double, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_familiar_address_seen_at", "familiar_address", ["seen_at"])
