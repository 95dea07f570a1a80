"""What an HTML page leads to: scripts in it and beside it, other pages, and addresses in attributes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin

__all__ = ["Read", "read_page"]

_SOCKET_ATTRIBUTE = re.compile(r"^(ws-connect|hx-ws|data-.*(ws|socket|stream).*)$")
_ADDRESS_ATTRIBUTES = {"href", "src", "action"}
_REFRESH = re.compile(r"url\s*=\s*['\"]?([^'\">]+)", re.IGNORECASE)
_LONGEST = 1_000_000
_MODULES = {"modulepreload", "preload", "prefetch"}


@dataclass(slots=True)
class Read:
    """What was read.

    Args:
        base: What relative addresses are relative to.
        inline: The scripts in the page, each with the line it begins on.
        scripts: Addresses of scripts.
        pages: Addresses of other pages: links, frames, refreshes.
        sockets: Values of attributes that say where a socket is.
    """

    base: str
    inline: list[tuple[int, str]] = field(default_factory=list)
    scripts: list[str] = field(default_factory=list)
    pages: list[str] = field(default_factory=list)
    sockets: list[tuple[int, str]] = field(default_factory=list)


def _loads(given: dict[str, str]) -> bool:
    """Whether a `link` is to a script."""
    return (
        bool(_MODULES & set(given.get("rel", "").lower().split()))
        and given.get("as", "script") == "script"
    )


class _Parser(HTMLParser):
    def __init__(self, url: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found = Read(url)
        self._script: list[str] | None = None
        self._line = 0

    def _at(self, address: str) -> str:
        try:
            return urljoin(self.found.base, address.strip())
        except ValueError:
            return ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep what leads somewhere."""
        given = {name: value or "" for name, value in attrs}
        match tag:
            case "base" if given.get("href"):
                self.found.base = self._at(given["href"]) or self.found.base
            case "script" if given.get("src"):
                self.found.scripts.append(self._at(given["src"]))
            case "script":
                self._script, self._line = [], self.getpos()[0]
            case "link" if given.get("href") and _loads(given):
                self.found.scripts.append(self._at(given["href"]))
            case "a" | "area" if given.get("href"):
                self.found.pages.append(self._at(given["href"]))
            case "iframe" | "frame" if given.get("src"):
                self.found.pages.append(self._at(given["src"]))
            case "meta" if given.get("http-equiv", "").lower() == "refresh":
                if where := _REFRESH.search(given.get("content", "")):
                    self.found.pages.append(self._at(where[1]))
        self._sockets(given)

    def _sockets(self, given: dict[str, str]) -> None:
        """Keep what an attribute says of a socket."""
        for name, value in given.items():
            text = value.strip().removeprefix("connect:")
            if name in _ADDRESS_ATTRIBUTES and not text.startswith(("ws:", "wss:")):
                continue
            if text.startswith(("ws://", "wss://")) or (
                _SOCKET_ATTRIBUTE.match(name) and text.startswith("/")
            ):
                self.found.sockets.append((self.getpos()[0], text))

    def handle_data(self, data: str) -> None:
        """The text of a script."""
        if self._script is not None:
            self._script.append(data)

    def handle_endtag(self, tag: str) -> None:
        """A script is whole; one that does not end is run by no browser."""
        if tag == "script" and self._script is not None:
            self.found.inline.append((self._line, "".join(self._script)))
            self._script = None


def read_page(url: str, text: str) -> Read:
    """Read a page; what is broken in it is read as far as it goes."""
    parser = _Parser(url)
    parser.feed(text[:_LONGEST])
    parser.close()
    return parser.found
