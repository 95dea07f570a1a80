"""The first schema.

Revision: 0001.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Only `INTEGER PRIMARY KEY` is SQLite's own row number; in other databases a position has 64 bits.
_POSITION = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

# SQLite stores such a table in the tree of its primary key: one descent for a look-up, not two.
_BY_KEY = {"sqlite_with_rowid": False}

_GENESIS = "0" * 64

# INVARIANT: an entry of the trail is never changed, except by the erasure of its personal part, and never
# removed, except by retention. Both unlock the trail within their own transaction. The third trigger
# prevents `INSERT OR REPLACE`, which removes a row without running the second.
_APPEND_ONLY = {
    "sqlite": (
        """
        CREATE TRIGGER trail_is_append_only_update BEFORE UPDATE ON trail
        WHEN NOT COALESCE((SELECT unlocked FROM trail_state), 0)
          OR NEW.personal IS NOT NULL OR NEW.salt IS NOT NULL
          OR NEW.principal IS NOT NULL OR NEW.actor IS NOT NULL
          OR NEW.seq <> OLD.seq OR NEW.time <> OLD.time OR NEW.name <> OLD.name
          OR NEW.body <> OLD.body OR NEW.commitment <> OLD.commitment
          OR NEW.previous <> OLD.previous OR NEW.hash <> OLD.hash
        BEGIN
          SELECT RAISE(ABORT, 'the trail is append-only');
        END
        """,
        """
        CREATE TRIGGER trail_is_append_only_delete BEFORE DELETE ON trail
        WHEN NOT COALESCE((SELECT unlocked FROM trail_state), 0)
        BEGIN
          SELECT RAISE(ABORT, 'the trail is append-only');
        END
        """,
        """
        CREATE TRIGGER trail_is_append_only_insert BEFORE INSERT ON trail
        WHEN NEW.seq <= COALESCE((SELECT head_seq FROM trail_state), NEW.seq)
        BEGIN
          SELECT RAISE(ABORT, 'the trail is append-only');
        END
        """,
    ),
}


def upgrade() -> None:
    """Create everything."""
    _accounts_and_what_hangs_on_them()
    _single_use()
    _revocations()
    _trail()
    _connections()
    _append_only(op.get_context().dialect.name)


def _text(name: str, *, default: str | None = None) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default=default)


def _seconds(name: str) -> sa.Column[float]:
    """Unix seconds, or a number of seconds."""
    return sa.Column(name, sa.Double, nullable=False)


def _principal() -> sa.Column[str]:
    return sa.Column(
        "principal_id",
        sa.Text,
        sa.ForeignKey("account.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    )


def _accounts_and_what_hangs_on_them() -> None:
    op.create_table(
        "account",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("tenant", sa.Text),
        _text("attributes"),
        sa.Column("password_hash", sa.Text),
        sa.Column("disabled", sa.Boolean, nullable=False),
        _seconds("created_at"),
        **_BY_KEY,
    )
    op.create_table(
        "account_role",
        sa.Column(
            "account_id",
            sa.Text,
            sa.ForeignKey("account.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("role", sa.Text, primary_key=True),
        **_BY_KEY,
    )
    op.create_table(
        "session",
        sa.Column("id", sa.Text, primary_key=True),
        _principal(),
        _seconds("created_at"),
        _seconds("authenticated_at"),
        _seconds("last_seen_at"),
        _seconds("expires_at"),
        _seconds("idle_seconds"),
        _text("address"),
        _text("user_agent"),
        sa.Column("strength", sa.Integer, nullable=False),
        **_BY_KEY,
    )
    op.create_table(
        "api_key",
        sa.Column("id", sa.Text, primary_key=True),
        _text("hash"),
        _principal(),
        _text("name"),
        _text("scopes"),
        _text("networks"),
        _seconds("created_at"),
        sa.Column("expires_at", sa.Double),
        sa.Column("last_used_at", sa.Double),
        sa.Column("last_used_from", sa.Text),
        sa.Column("successor", sa.Text),
        **_BY_KEY,
    )


def _single_use() -> None:
    op.create_table(
        "ticket",
        sa.Column("id", sa.Text, primary_key=True),
        _principal(),
        # No foreign key: a credential that is not a stored session may request a ticket, too.
        sa.Column("session_id", sa.Text, nullable=False, index=True),
        sa.Column("origin", sa.Text),
        _text("endpoint"),
        _seconds("issued_at"),
        _seconds("expires_at"),
        _seconds("authenticated_at"),
        sa.Column("strength", sa.Integer, nullable=False),
        **_BY_KEY,
    )
    op.create_table(
        "nonce",
        sa.Column("purpose", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, primary_key=True),
        sa.Column("expires_at", sa.Double, nullable=False, index=True),
        **_BY_KEY,
    )


def _revocations() -> None:
    counter = op.create_table(
        "counter",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.BigInteger, nullable=False),
    )
    op.bulk_insert(counter, [{"name": "revocation", "value": 0}])
    op.create_table(
        "revocation",
        sa.Column("seq", _POSITION, primary_key=True, autoincrement=False),
        _text("target"),
        _text("value"),
        _seconds("at"),
        _text("reason"),
    )


def _trail() -> None:
    op.create_table(
        "trail",
        sa.Column("seq", _POSITION, primary_key=True, autoincrement=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("personal", sa.LargeBinary),
        sa.Column("salt", sa.Text),
        _text("commitment"),
        _text("previous"),
        _text("hash"),
        # Copies from `body` and `personal`, for searches. Not chained, so they prove nothing.
        _seconds("time"),
        _text("name"),
        sa.Column("principal", sa.Text, index=True),
        sa.Column("actor", sa.Text, index=True),
    )
    state = op.create_table(
        "trail_state",
        sa.Column("id", sa.Integer, sa.CheckConstraint("id = 1"), primary_key=True),
        sa.Column("head_seq", sa.BigInteger, nullable=False),
        _text("head_hash"),
        sa.Column("anchor_seq", sa.BigInteger, nullable=False),
        _text("anchor_hash"),
        sa.Column("unlocked", sa.Boolean, nullable=False),
    )
    op.bulk_insert(
        state,
        [
            {
                "id": 1,
                "head_seq": 0,
                "head_hash": _GENESIS,
                "anchor_seq": 0,
                "anchor_hash": _GENESIS,
                "unlocked": False,
            }
        ],
    )


def _connections() -> None:
    op.create_table(
        "node",
        sa.Column("id", sa.Text, primary_key=True),
        _seconds("alive_at"),
    )
    op.create_table(
        "live_connection",
        sa.Column("node", sa.Text, sa.ForeignKey("node.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("id", sa.Text, primary_key=True),
        _text("principal_id"),
        _text("kind"),
        _text("endpoint"),
        _text("address"),
        _seconds("opened_at"),
        **_BY_KEY,
    )


def _append_only(dialect: str) -> None:
    if dialect not in _APPEND_ONLY:
        raise NotImplementedError(f"no triggers keep the trail append-only on {dialect}")
    for trigger in _APPEND_ONLY[dialect]:
        op.execute(trigger)
