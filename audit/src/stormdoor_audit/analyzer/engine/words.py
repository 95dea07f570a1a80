"""Words for credentials: the only names that have a meaning of their own."""

import re
from functools import lru_cache

__all__ = ["is_check", "is_credential"]

_PART = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_CREDENTIAL = frozenset(
    [
        "apikey",
        "authorization",
        "bearer",
        "cookie",
        "credential",
        "credentials",
        "csrf",
        "jwt",
        "key",
        "login",
        "otp",
        "passphrase",
        "passwd",
        "password",
        "pin",
        "secret",
        "session",
        "sessionid",
        "sid",
        "signature",
        "ticket",
        "token",
        "tokens",
        "totp",
        "xsrf",
    ]
)
_HEADS = frozenset({"auth", "authentication"})
"""Words for a credential at the end of a name: `X-Auth`, but not `X-Auth-Status`."""


@lru_cache(maxsize=8192)
def is_credential(name: str) -> bool:
    """Return True if a word of a name is one for a credential."""
    parts = [one.lower() for one in _PART.findall(name)]
    if parts and parts[-1] in _HEADS:
        return True
    words = set(parts)
    words |= {one.removesuffix("s") for one in words}
    return bool(words & _CREDENTIAL) or any(
        one.rstrip("s").endswith(("token", "password", "secret")) for one in words
    )


def is_check(name: str) -> bool:
    """Return True if a function of this name asks for a credential."""
    return is_credential(name) or bool({one.lower() for one in _PART.findall(name)} & _HEADS)
