"""When the login was that a session descends from; and how many strangers have begun something.

Revision: 0003.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a column to sessions, and an index of what is pending and nobody's."""
    _sessions()
    nobodys = sa.text("principal_id IS NULL")
    op.create_index(
        "ix_pending_nobodys",
        "pending",
        # With `principal_id`, so that counting reads the index alone.
        ["purpose", "principal_id", "expires_at"],
        sqlite_where=nobodys,
        postgresql_where=nobodys,
    )


def _sessions() -> None:
    # Those that are there may have been rotated: nobody noted their login.
    # The least that it can be. A session that is said to be older than it is logs in again after a revocation
    # of everything before some time; one that is said to be younger would escape it.
    op.add_column("session", sa.Column("born_at", sa.Double, nullable=False, server_default="0"))
    op.execute(
        "UPDATE session SET born_at = "
        "CASE WHEN authenticated_at < created_at THEN authenticated_at ELSE created_at END"
    )
