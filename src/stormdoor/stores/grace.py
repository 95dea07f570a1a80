"""Retention of expired data."""

__all__ = ["PURGE_GRACE_SECONDS", "REVOKED_SECONDS"]

PURGE_GRACE_SECONDS = 3600.0
"""Seconds after its end until `purge` removes it.

A clock that was set forward by mistake must not make a used nonce new, and a client with an expired session
gets that answer.
"""

REVOKED_SECONDS = 31 * 86_400.0
"""Seconds for which the feed keeps the end of a session: longer than any session lives."""
