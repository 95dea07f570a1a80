"""Pure functions of the standard library that are computed on constants."""

import fnmatch
import ipaddress
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from stormdoor_audit.analyzer.engine.patterns import is_safe_pattern

__all__ = ["NATIVE", "URL"]

URL = "<url>"
"""First item of the constant that stands for a parsed URL."""


def _parse(address: str, *_: Any) -> tuple[Any, ...]:
    """Return the parts of a URL as a constant."""
    found = urlsplit(address)
    try:
        port = found.port
    except ValueError:
        port = None
    return (
        URL,
        found.scheme,
        found.netloc,
        found.path,
        found.query,
        found.fragment,
        found.hostname,
        port,
    )


def _matching(how: Callable[..., Any]) -> Callable[..., Any]:
    def match(pattern: str, text: str, *_: Any) -> bool | None:
        if not is_safe_pattern(pattern):
            raise ValueError(pattern)
        return bool(how(pattern, text)) or None

    return match


NATIVE: dict[str, Callable[..., Any]] = {
    "parse_url": _parse,
    "match": _matching(re.match),
    "fullmatch": _matching(re.fullmatch),
    "search": _matching(re.search),
    "compile": lambda pattern, *_: pattern,
    "escape": re.escape,
    "fnmatch": fnmatch.fnmatchcase,
    "address": lambda text: str(ipaddress.ip_address(text)),
}
