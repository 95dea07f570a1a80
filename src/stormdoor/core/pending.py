"""State of a login or enrolment that the same client must finish soon, and only once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Pending"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A login that waits for its second factor, an enrolment, a challenge, a login at a provider.

    It is not a credential: only the step with its purpose accepts it.

    Attributes:
        id: SHA-256 (hex) of a secret that the client holds, or of a value that only the client can answer.
        purpose: The step that accepts it. A look-up for another purpose does not find it.
        principal_id: Its principal, if known; it is removed with the account, and when all sessions of the
            principal are ended.
        session_id: Its session, if there is one; it is removed with that session.
        data: Data of the step; JSON values only. Secrets in it are sealed.
        created_at: Unix seconds.
        expires_at: Unix seconds.
    """

    id: str
    purpose: str
    principal_id: str | None = None
    session_id: str | None = None
    data: Mapping[str, object] = field(default_factory=dict, hash=False, repr=False)
    created_at: float = 0.0
    expires_at: float = 0.0

    def alive(self, now: float) -> bool:
        """Return whether it is valid at `now` (Unix seconds); not before it began, as with a session."""
        return self.created_at - 120.0 <= now < self.expires_at
