"""The budget for entries of the trail that unauthenticated clients cause.

Revision: 0004.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the second until which the budget is spent."""
    spent_until = sa.Column("budget_spent_until", sa.Double, nullable=False, server_default="0")
    op.add_column("trail_state", spent_until)
