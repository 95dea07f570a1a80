"""Something begun that the same client has to finish soon, and only once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Pending"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A login that waits for its second factor, an enrolment, a challenge, a trip to a provider.

    It is no credential: nothing but the step that it was made for accepts it.

    Attributes:
        id: SHA-256 (hex) of a secret that the client holds, or of a value that only it can answer.
        purpose: The step that it is for. A pending thing of another purpose is not found.
        principal_id: Whose it is, if that is known yet; it goes when the account goes, and when all
            sessions of the principal are ended.
        session_id: The session that it is part of, if there is one; it goes with that session.
        data: What the step needs; JSON values only. Secrets in it are sealed.
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
        """Whether it still counts at `now` (Unix seconds); not before it began, as with a session."""
        return self.created_at - 120.0 <= now < self.expires_at
