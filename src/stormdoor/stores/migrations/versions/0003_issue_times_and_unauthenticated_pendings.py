"""The time of the login that a session descends from; the number of unfinished anonymous logins.

Revision: 0003.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a column to sessions, and an index of pending entries without a principal."""
    _sessions()
    nobodys = sa.text("principal_id IS NULL")
    op.create_index(
        "ix_pending_nobodys",
        "pending",
        # With `principal_id`, so that a count reads only the index.
        ["purpose", "principal_id", "expires_at"],
        sqlite_where=nobodys,
        postgresql_where=nobodys,
    )


def _sessions() -> None:
    # Existing sessions may have been rotated, and the time of their login was not recorded. So this is the
    # earliest possible time. A session with a time that is too early must log in again after a revocation
    # by time; one with a time that is too late would escape it.
    op.add_column("session", sa.Column("born_at", sa.Double, nullable=False, server_default="0"))
    op.execute(
        "UPDATE session SET born_at = "
        "CASE WHEN authenticated_at < created_at THEN authenticated_at ELSE created_at END"
    )
