"""How long what is over is kept."""

__all__ = ["PURGE_GRACE_SECONDS", "REVOKED_SECONDS"]

PURGE_GRACE_SECONDS = 3600.0
"""After its end, before `purge` removes it.

A clock that was set forward by mistake must not make a used nonce new, and whoever comes with an
expired session is told so.
"""

REVOKED_SECONDS = 31 * 86_400.0
"""How long the feed remembers the end of a session: longer than any session lives."""
