"""Check the address to return to after a login: only a path of this application is allowed."""

from __future__ import annotations

import re

__all__ = ["local_path"]

# One slash, then nothing that a browser could read as a second one, and only characters of an address (RFC
# 3986 §3.3, §3.4): no backslash, which browsers treat as a slash; no tab or line end, which they drop; no
# letters beyond ASCII, which some of them normalise.
_PATH = re.compile(r"/(?![/])[A-Za-z0-9\-._~!$&'()*+,;=:@%/?]{0,511}", re.ASCII)


def local_path(text: str | None, default: str) -> str:
    """Return `text` if it is a path of this application; else `default`.

    A path with `.` or `..` in it stays a path of this host in every browser, unless it leaves two slashes
    in front: `/.//evil.example`.
    """
    if text is None or not _PATH.fullmatch(text):
        return default
    path = text.partition("?")[0]
    decoded = path.replace("%2e", ".").replace("%2E", ".")
    if "//" in path or any(segment in (".", "..") for segment in decoded.split("/")):
        return default
    return text
