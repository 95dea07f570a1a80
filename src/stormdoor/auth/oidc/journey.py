"""A trip of a browser to the provider and back: what is remembered of it, and by whom.

The browser keeps one random secret in a cookie; the provider carries a random `state` there and back. Only
both together find what the store remembers, and PKCE's verifier and the nonce are derived from them, so that
none of the three alone can finish a login: not the store, not an address with a stolen code, and not a page
that sends somebody else's browser through the callback (login CSRF).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from stormdoor.core.credential import fingerprint
from stormdoor.core.pending import Pending

__all__ = ["JOURNEY", "SECONDS", "Intent", "Journey", "Keepsake"]

JOURNEY = "openid-journey"
"""The purpose of such a `Pending`."""

SECONDS = 600.0
"""How long somebody may take at the provider."""

Intent = Literal["login", "link", "step-up"]

_LENGTH = 43  # characters of token_urlsafe(32): 256 bits


@dataclass(frozen=True, slots=True)
class Keepsake:
    """What the browser holds while it is away. Not in its repr.

    One cookie serves all tabs: each has a `state` of its own.
    """

    secret: str

    def __repr__(self) -> str:
        return "Keepsake()"

    @classmethod
    def of(cls, cookie: str | None) -> Keepsake:
        """The one of a cookie that was sent; a new one if that is none."""
        if cookie is not None and len(cookie) == _LENGTH and cookie.isascii():
            return cls(cookie)
        return cls(secrets.token_urlsafe(32))

    def _derive(self, purpose: str, state: str) -> str:
        key = self.secret.encode("utf-8", "surrogatepass")
        value = f"{purpose}\n{state}".encode("utf-8", "surrogatepass")
        return (
            base64.urlsafe_b64encode(hmac.digest(key, value, hashlib.sha256)).rstrip(b"=").decode()
        )

    def id(self, state: str) -> str:
        """Under which the store finds the journey."""
        return fingerprint(self._derive("id", state))

    def verifier(self, state: str) -> str:
        """PKCE's code verifier (RFC 7636 §4.1)."""
        return self._derive("code_verifier", state)

    def nonce(self, state: str) -> str:
        """The nonce of the ID token. It says nothing about the other two."""
        return self._derive("nonce", state)


@dataclass(frozen=True, slots=True, kw_only=True)
class Journey:
    """Why a browser was sent away.

    Attributes:
        intent: What is to happen when it comes back.
        issuer: To whom it was sent: whoever else answers is refused (mix-up, RFC 9207).
        return_to: Where it goes in the end: a path of this application.
        began_at: Unix seconds.
        max_age: What was asked for, or None.
        acr_values: What must be reached; empty for anything.
        session_id: The session that it is about, if it is.
    """

    intent: Intent
    issuer: str
    return_to: str
    began_at: float
    max_age: float | None = None
    acr_values: tuple[str, ...] = ()
    session_id: str | None = None

    def pending(self, id: str, principal_id: str | None) -> Pending:
        """As the store keeps it.

        Args:
            id: `Keepsake.id`.
            principal_id: Whose session it is about.
        """
        data: dict[str, object] = {
            "intent": self.intent,
            "issuer": self.issuer,
            "return_to": self.return_to,
            "max_age": self.max_age,
            "acr_values": list(self.acr_values),
        }
        return Pending(
            id=id,
            purpose=JOURNEY,
            principal_id=principal_id,
            session_id=self.session_id,
            data=data,
            created_at=self.began_at,
            expires_at=self.began_at + SECONDS,
        )

    @classmethod
    def read(cls, pending: Pending) -> Journey:
        """From what the store kept."""
        data: Mapping[str, object] = pending.data
        max_age, acr_values = data.get("max_age"), data.get("acr_values")
        intent: Intent = "login"
        match data["intent"]:
            case "link":
                intent = "link"
            case "step-up":
                intent = "step-up"
            case _:
                pass
        return cls(
            intent=intent,
            issuer=str(data["issuer"]),
            return_to=str(data["return_to"]),
            began_at=pending.created_at,
            max_age=float(max_age) if isinstance(max_age, int | float) else None,
            acr_values=tuple(map(str, acr_values)) if isinstance(acr_values, list | tuple) else (),
            session_id=pending.session_id,
        )
