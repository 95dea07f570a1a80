"""Time for which stores keep expired data."""

__all__ = ["PURGE_GRACE_SECONDS", "REVOKED_SECONDS"]

PURGE_GRACE_SECONDS = 7200.0
"""Seconds after the end of an entry until `purge` removes it.

So a clock that was set forward by mistake does not make a used nonce valid again, nor does a node that is
an hour ahead on a node that is an hour behind. And a client with an expired session is told that it has
expired, not that it is unknown.
"""

REVOKED_SECONDS = 31 * 86_400.0
"""Seconds for which the feed keeps the end of a session: longer than any session lives."""
