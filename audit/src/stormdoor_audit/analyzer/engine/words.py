"""Words for credentials: the only names that have a meaning of their own."""

import re
from functools import lru_cache

__all__ = ["is_credential"]

_PART = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_CREDENTIAL = frozenset(
    [
        "apikey",
        "auth",
        "authentication",
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


@lru_cache(maxsize=8192)
def is_credential(name: str) -> bool:
    """Return True if a word of a name is one for a credential."""
    words = {one.lower() for one in _PART.findall(name)}
    words |= {one.removesuffix("s") for one in words}
    return bool(words & _CREDENTIAL) or any(
        one.rstrip("s").endswith(("token", "password", "secret")) for one in words
    )
