"""Second factors, identities at providers, and pending logins.

Revision: 0002.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# As in 0001: SQLite stores no table twice.
_BY_KEY = {"sqlite_with_rowid": False}


def upgrade() -> None:
    """Add columns to sessions, and new tables; existing data does not change."""
    _sessions()
    _pending()
    _identities()
    _factors()


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _seconds(name: str) -> sa.Column[float]:
    """Unix seconds."""
    return sa.Column(name, sa.Double, nullable=False)


def _principal(*, key: bool = False, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(
        "principal_id",
        sa.Text,
        sa.ForeignKey("account.id", ondelete="CASCADE"),
        primary_key=key,
        nullable=nullable,
        index=not key,
    )


def _sessions() -> None:
    for name in ("device_id", "acr", "issuer", "provider_subject", "provider_session"):
        op.add_column("session", sa.Column(name, sa.Text))
    # A logout at the provider names one or both. Sessions of other logins are not in the index.
    for name in ("provider_subject", "provider_session"):
        known = sa.text(f"{name} IS NOT NULL")
        op.create_index(
            f"ix_session_{name}",
            "session",
            ["issuer", name],
            sqlite_where=known,
            postgresql_where=known,
        )


def _pending() -> None:
    op.create_table(
        "pending",
        sa.Column("id", sa.Text, primary_key=True),
        _text("purpose"),
        _principal(nullable=True),
        # No foreign key, as with a ticket.
        sa.Column("session_id", sa.Text, index=True),
        _text("data"),
        _seconds("created_at"),
        sa.Column("expires_at", sa.Double, nullable=False, index=True),
        **_BY_KEY,
    )


def _identities() -> None:
    op.create_table(
        "identity",
        sa.Column("issuer", sa.Text, primary_key=True),
        sa.Column("subject", sa.Text, primary_key=True),
        _principal(),
        _seconds("linked_at"),
        **_BY_KEY,
    )


def _factors() -> None:
    op.create_table(
        "factor",
        sa.Column("id", sa.Text, primary_key=True),
        _principal(),
        _text("kind"),
        _text("name"),
        _text("secret"),
        sa.Column("handle", sa.Text, unique=True),
        sa.Column("counter", sa.BigInteger, nullable=False),
        _seconds("created_at"),
        sa.Column("last_used_at", sa.Double),
        _text("details"),
        **_BY_KEY,
    )
    op.create_table(
        "recovery_code",
        _principal(key=True),
        sa.Column("hash", sa.Text, primary_key=True),
        **_BY_KEY,
    )
    op.create_table(
        "factor_failure",
        _principal(key=True),
        sa.Column("failures", sa.Integer, nullable=False),
        _seconds("last_at"),
        **_BY_KEY,
    )
