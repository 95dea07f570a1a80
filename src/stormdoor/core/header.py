"""Names of headers."""

from __future__ import annotations

import re

from stormdoor.errors import ConfigurationError

__all__ = ["canonical_header", "header_name"]

_TOKEN = re.compile(r"[a-z0-9!#$%&'*+.^`|~-]+")
_TAKEN = frozenset({"authorization", "cookie", "host", "origin", "upgrade", "connection"})


def canonical_header(name: str) -> str:
    """Return the name of a header as CGI and WSGI see it: `X_Forwarded_User` is `x-forwarded-user` there."""
    return name.lower().replace("_", "-")


def header_name(name: str) -> str:
    """Return the header name of an option, in lower case.

    Raises:
        ConfigurationError: It is malformed, has a meaning already, or has an underscore, which some servers
            treat as a hyphen.
    """
    lower = name.lower()
    if _TOKEN.fullmatch(lower) is None:
        raise ConfigurationError(
            f"{name!r} is no name of a header; write for example X-Remote-User"
        )
    if lower in _TAKEN or lower.startswith("sec-"):
        raise ConfigurationError(f"{name!r} has a meaning already; name another header")
    return lower
