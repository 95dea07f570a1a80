"""Links of an HTML page: scripts in it and beside it, other pages, and addresses in attributes.

The parser of the standard library takes minutes for a hostile page of a megabyte. This one looks at
tags only, and at each character a bounded number of times.
"""

from __future__ import annotations

import bisect
import re
from dataclasses import dataclass, field
from html import unescape
from urllib.parse import urljoin

__all__ = ["Read", "read_page"]

_TAG = re.compile(
    r"""<!--|<(?P<name>[A-Za-z][\w:-]{0,40})"""
    r"""(?P<attributes>(?:[^<>"']++|"[^"]{0,8000}+"|'[^']{0,8000}+')*+)>"""
)
_ATTRIBUTE = re.compile(
    r"""(?P<name>[^\s=<>"'/]{1,100})"""
    r"""(?:\s*+=\s*+(?:"(?P<two>[^"]*+)"|'(?P<one>[^']*+)'|(?P<bare>[^\s>"']++)))?"""
)
_SOCKET_ATTRIBUTE = re.compile(r"^(ws-connect|hx-ws|data-.*(ws|socket|stream).*)$")
_ADDRESS_ATTRIBUTES = {"href", "src", "action"}
_REFRESH = re.compile(r"url\s*=\s*['\"]?([^'\">]+)", re.IGNORECASE)
_SCRIPT_END = re.compile("</script", re.IGNORECASE)
_LONGEST = 1_000_000
_MODULES = {"modulepreload", "preload", "prefetch"}


@dataclass(slots=True)
class Read:
    """The links of a page.

    Args:
        base: What relative addresses are relative to.
        inline: The scripts in the page, each with the line it begins on.
        scripts: Addresses of scripts.
        pages: Addresses of other pages: links, frames, refreshes.
        sockets: Values of attributes that say where a socket is, each with its line.
    """

    base: str
    inline: list[tuple[int, str]] = field(default_factory=list)
    scripts: list[str] = field(default_factory=list)
    pages: list[str] = field(default_factory=list)
    sockets: list[tuple[int, str]] = field(default_factory=list)

    def at(self, address: str) -> str:
        """An address of the page, whole; "" where it is none."""
        try:
            return urljoin(self.base, address.strip())
        except ValueError:
            return ""


def _loads(given: dict[str, str]) -> bool:
    """Return True if a `link` is to a script."""
    return (
        bool(_MODULES & set(given.get("rel", "").lower().split()))
        and given.get("as", "script") == "script"
    )


def _attributes(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in _ATTRIBUTE.finditer(text):
        value = one["two"] or one["one"] or one["bare"] or ""
        found.setdefault(one["name"].lower(), unescape(value))
    return found


def _keep(found: Read, tag: str, given: dict[str, str]) -> None:
    """Keep what a tag leads to."""
    match tag:
        case "base" if given.get("href"):
            found.base = found.at(given["href"]) or found.base
        case "script" if given.get("src"):
            found.scripts.append(found.at(given["src"]))
        case "link" if given.get("href") and _loads(given):
            found.scripts.append(found.at(given["href"]))
        case "a" | "area" if given.get("href"):
            found.pages.append(found.at(given["href"]))
        case "iframe" | "frame" if given.get("src"):
            found.pages.append(found.at(given["src"]))
        case "meta" if given.get("http-equiv", "").lower() == "refresh":
            if where := _REFRESH.search(given.get("content", "")):
                found.pages.append(found.at(where[1]))


def _sockets(given: dict[str, str]) -> list[str]:
    """Return the addresses of sockets in the attributes."""
    found = []
    for name, value in given.items():
        text = value.strip().removeprefix("connect:")
        if name in _ADDRESS_ATTRIBUTES and not text.startswith(("ws:", "wss:")):
            continue
        if text.startswith(("ws://", "wss://")) or (
            _SOCKET_ATTRIBUTE.match(name) and text.startswith("/")
        ):
            found.append(text)
    return found


def read_page(url: str, text: str) -> Read:
    """Read a page; what is broken in it is read as far as it goes."""
    text = text[:_LONGEST]
    lines = [0, *(one.end() for one in re.finditer("\n", text))]
    found, at = Read(url), 0
    while (tag := _TAG.search(text, at)) is not None:
        at = tag.end()
        if tag["name"] is None:
            at = text.find("-->", at)
            if at < 0:
                break
            continue
        given = _attributes(tag["attributes"])
        line = bisect.bisect_right(lines, tag.start())
        found.sockets += [(line, one) for one in _sockets(given)]
        name = tag["name"].lower()
        _keep(found, name, given)
        if name == "script":
            end = _SCRIPT_END.search(text, at)
            if end is None:
                # It does not end, and is run by no browser.
                break
            if not given.get("src"):
                found.inline.append((line, text[at : end.start()]))
            at = end.end()
    return found
