"""Somebody as an identity provider knows them, and which principal that is here."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Identity"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A link between a provider's user and a principal (OpenID Connect Core §5.7).

    Attributes:
        issuer: The provider, as `iss` says it.
        subject: The user there, as `sub` says it. Only both together are unique and never given to
            somebody else; a mail address is neither.
        principal_id: Who that is here.
        linked_at: Unix seconds.
    """

    issuer: str
    subject: str
    principal_id: str
    linked_at: float
