"""The state of a login at a provider, which is divided among browser, provider and store.

The browser keeps a random secret in a cookie, and the provider returns a random `state`. Both together are
needed to find the entry in the store, and to derive PKCE's verifier and the nonce. So an attacker cannot
finish a login with a copy of the store alone, with a stolen code alone, or by sending another user's browser
to the callback (login CSRF).
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

__all__ = ["PURPOSE", "SECONDS", "AuthorizationRequest", "Intent", "LoginStateCookie"]

PURPOSE = "openid-journey"
"""The purpose of such a `Pending`."""

SECONDS = 600.0
"""Seconds that a user may take at the provider."""

Intent = Literal["login", "link", "step-up"]

_LENGTH = 43  # characters of token_urlsafe(32): 256 bits


@dataclass(frozen=True, slots=True)
class LoginStateCookie:
    """The secret in the browser's cookie during a login. Not in its repr.

    One cookie serves all tabs: each has a `state` of its own.
    """

    secret: str

    def __repr__(self) -> str:
        return "LoginStateCookie()"

    @classmethod
    def of(cls, cookie: str | None) -> LoginStateCookie:
        """Read the secret of a received cookie; create a new one if that is invalid."""
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
        """Return the id of the entry in the store."""
        return fingerprint(self._derive("id", state))

    def verifier(self, state: str) -> str:
        """Return PKCE's code verifier (RFC 7636 §4.1)."""
        return self._derive("code_verifier", state)

    def nonce(self, state: str) -> str:
        """Return the nonce of the ID token. It does not reveal the state or the verifier."""
        return self._derive("nonce", state)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationRequest:
    """The login request with which the browser was redirected to the provider.

    Attributes:
        intent: The action when the browser returns: log in, link or step up.
        issuer: The provider. An answer of another provider is refused (mix-up, RFC 9207).
        return_to: The final address: a path of this application.
        began_at: Unix seconds.
        max_age: The requested age, or None.
        acr_values: The required classes; empty for any.
        session_id: The login session that is linked or stepped up, if any.
    """

    intent: Intent
    issuer: str
    return_to: str
    began_at: float
    max_age: float | None = None
    acr_values: tuple[str, ...] = ()
    session_id: str | None = None

    def pending(self, id: str, principal_id: str | None) -> Pending:
        """Return the entry for the store.

        Args:
            id: `LoginStateCookie.id`.
            principal_id: Principal of the session that it concerns.
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
            purpose=PURPOSE,
            principal_id=principal_id,
            session_id=self.session_id,
            data=data,
            created_at=self.began_at,
            expires_at=self.began_at + SECONDS,
        )

    @classmethod
    def read(cls, pending: Pending) -> AuthorizationRequest:
        """Read an entry of the store."""
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
