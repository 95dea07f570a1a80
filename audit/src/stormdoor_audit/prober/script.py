"""The addresses of sockets in a script, worked out as far as the text of the script says.

Nothing is run. The argument of `new WebSocket(…)` is read as an expression over texts, the page's own
`location`, and variables that are assigned before; an unknown value stays as `{name}`.
"""

from __future__ import annotations

import bisect
import re
from dataclasses import dataclass, field
from itertools import islice
from urllib.parse import urljoin, urlsplit

__all__ = ["Address", "Script", "known", "shown"]

_OPENS = re.compile(
    r"\b(?:(?P<name>WebSocket|ReconnectingWebSocket|SockJS|WebsocketBuilder|io|io\.connect)"
    r"|new\s+(?!(?:Reconnecting)?WebSocket\b|SockJS\b)(?P<own>\w{0,40}(?:Socket|Ws|WS)\w{0,40}))\s*\("
)
_GOES = re.compile(
    r"""\blocation(?:\.href)?\s*=\s*["'](?P<to>/[^"'\s]{0,200})["']"""
    r"""|\blocation\.(?:assign|replace)\(\s*["'](?P<url>/[^"'\s]{0,200})["']"""
    r"""|["'](?P<plain>/[A-Za-z][\w-]{1,30}(?:/[\w-]{1,30})?)["']"""
)
_MOST_PAGES = 12
_LITERAL = re.compile(r"""(?P<q>["'`])(?P<text>wss?://[^"'`\s\\]{1,300})(?P=q)""")
_PATH = re.compile(
    r"""["'`](?P<text>/[\w\-./]{0,80}?(?:\bws\b|websocket|\bsocket\b|\bsockets\b)[\w\-./]{0,80})["'`]"""
)
_MAP = re.compile(r"//[#@]\s*sourceMappingURL=(?P<url>\S{1,2000000})")
_IMPORT = re.compile(
    r"""(?:\bimport\s*\(?\s*|\bfrom\s*|importScripts\s*\(\s*|new\s+(?:Shared)?Worker\s*\(\s*)"""
    r"""["'](?P<url>(?:\.{0,2}/|https?://)[^"'\s]{1,300})["']"""
)
_TOKEN = re.compile(
    r"""\s+|/\*.*?\*/|//[^\n]*
    |(?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
    |(?P<regex>(?<=[(,])/(?:[^/\\\n]|\\.)+/[a-z]*)
    |(?P<name>[A-Za-z_$][\w$]*)
    |(?P<number>\d[\d.]*)
    |(?P<sign>===|!==|==|!=|\?\?|\?\.|\|\||&&|=>|[-+*/%?:.,()\[\]{};=<>!&|^~`])""",
    re.VERBOSE | re.DOTALL,
)
_SIMPLE = re.compile(r"^/\^?((?:[\w:.-]|\\[/.:])+)\$?/[a-z]*$")
_UNKNOWN = re.compile(r"\ue000([^\ue001]*)\ue001")
_LONGEST_EXPRESSION = 600
_MOST = 4
"""Alternatives that one expression may have."""
_DEPTH = 8
_NESTED = 12
_LOOKUPS = 100
_CALLS = 60
"""Bounds of what is worked out in one script: a hostile one must not take long."""


def _gap(name: str) -> str:
    return f"\ue000{name[:40]}\ue001"


def known(address: str) -> bool:
    """Return True if nothing in it is left open."""
    return "\ue000" not in address


def shown(address: str) -> str:
    """With `{name}` for what is left open."""
    return _UNKNOWN.sub(r"{\1}", address)


def _plain(literal: str) -> str:
    escapes = {"n": "\n", "t": "\t", "r": "\r"}

    def one(found: re.Match[str]) -> str:
        text = found[1]
        if text[0] in "xu" and len(text) > 1:
            return chr(int(text.strip("xu{}"), 16))
        return escapes.get(text, text)

    return re.sub(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)", one, literal, flags=re.DOTALL)


@dataclass(frozen=True, slots=True)
class Address:
    """An address that a script has.

    Args:
        url: Absolute; with gaps where something is not known.
        line: Where in the script.
        how: What names it.
        certain: Whether the script opens a socket there; otherwise it only looks like one.
    """

    url: str
    line: int
    how: str
    certain: bool

    @property
    def text(self) -> str:
        """For a reader."""
        return shown(self.url)


@dataclass(slots=True)
class Script:
    """A script, and the page that it runs in.

    Args:
        text: The script.
        page: Address of the page: what `location` is.
    """

    text: str
    page: str
    _lookups: int = 0
    _lines: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Offsets at which the lines begin."""
        self._lines = [0, *(found.end() for found in re.finditer("\n", self.text))]

    def line(self, at: int) -> int:
        """The line of a place in it."""
        return bisect.bisect_right(self._lines, at)

    def source_map(self) -> str:
        """The address of its source map; "" where it has none."""
        return next((found["url"] for found in reversed([*_MAP.finditer(self.text)])), "")

    def imports(self) -> list[str]:
        """Other scripts that it loads."""
        return [found["url"] for found in _IMPORT.finditer(self.text)]

    def pages(self) -> list[str]:
        """Paths that it goes to, or that look like it."""
        found = islice(_GOES.finditer(self.text), _MOST_PAGES)
        return [one["to"] or one["url"] or one["plain"] for one in found]

    def addresses(self) -> list[Address]:
        """Every address in it, the certain ones first; no address twice."""
        found: list[Address] = []
        for call in islice(_OPENS.finditer(self.text), _CALLS):
            how = call["name"] or f"new {call['own']}"
            for value in self._values_at(call.end()):
                found += self._address(value, call.start(), how)
        spoken = {one.url for one in found}
        for literal in _LITERAL.finditer(self.text):
            if "${" not in literal["text"] and _host(literal["text"]):
                at = self.line(literal.start())
                found.append(Address(literal["text"], at, "a text", certain=True))
        for path in _PATH.finditer(self.text):
            url = self._absolute(path["text"])
            if url not in spoken and not path["text"].endswith((".js", ".css", ".html", ".map")):
                found.append(Address(url, self.line(path.start()), "a text", certain=False))
        return list({one.url: one for one in reversed(found)}.values())[::-1]

    def _absolute(self, value: str) -> str:
        url = urljoin(self.page, value)
        return re.sub(r"^http(?=s?:)", "ws", url)

    def _address(self, value: str, at: int, how: str) -> list[Address]:
        if how in {"io", "io.connect"}:
            if not value.startswith(("http", "ws", "/")) and value:
                return []
            value = urljoin(value or self.page, "/socket.io/?EIO=4&transport=websocket")
        elif how == "SockJS":
            value = value.rstrip("/") + "/websocket"
        if value.startswith("\ue000"):
            # The beginning is not known: if a path follows, it may be one of this server.
            rest = _UNKNOWN.sub("", value, count=1)
            if rest.startswith("/") and known(rest) and len(rest) > 1:
                return [Address(self._absolute(rest), self.line(at), how, certain=False)]
            own = how.startswith("new ")
            return [] if own else [Address(value, self.line(at), how, certain=True)]
        # A class of the application's own says less than the browser's.
        sure = not how.startswith("new ") or value.startswith(("ws://", "wss://"))
        if not sure and not value.startswith("/"):
            return []
        return [Address(self._absolute(value), self.line(at), how, certain=sure)]

    def _values_at(self, at: int, depth: int = 0) -> list[str]:
        """Return the possible values of the expression that begins here."""
        text = self.text[at : at + _LONGEST_EXPRESSION]
        if not text.strip() or text.lstrip().startswith((")", "function", "{")):
            return [""] if text.lstrip().startswith(")") else []
        return _Expression(self, text, at, depth).values()

    def lookup(self, name: str, before: int, depth: int) -> list[str]:
        """Return the value of a name: the last assignment before this place, or else the first."""
        self._lookups += 1
        if depth >= _DEPTH or self._lookups > _LOOKUPS:
            return [_gap(name)]
        pattern = re.compile(rf"(?<![\w$]){re.escape(name)}[\"']?\s*(?:=(?![=>])|:(?!:))\s*")
        places = [found.end() for found in pattern.finditer(self.text)]
        earlier = [one for one in places if one <= before]
        later = [one for one in places if one > before]
        for place in (*reversed(earlier[-3:]), *later[:2]):
            values = [one for one in self._values_at(place, depth + 1) if one]
            if values and not all(_UNKNOWN.fullmatch(one) for one in values):
                return values
        return self._taken_apart(name, before, depth) or [_gap(name)]

    def _taken_apart(self, name: str, before: int, depth: int) -> list[str]:
        """Return the value of a name in `let { protocol, host } = new URL(…)`; None if it is in none."""
        pattern = re.compile(
            rf"\{{[\w\s,$]{{0,200}}(?<![\w$]){re.escape(name)}[\w\s,$]{{0,200}}\}}\s*=(?![=>])\s*"
        )
        places = [found.end() for found in pattern.finditer(self.text) if found.end() <= before]
        whole = self._values_at(places[-1], depth + 1) if places else []
        return [part for one in whole if known(part := _part(one, name))]


def _host(url: str) -> str:
    """The host of an address; "" where it has none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


class _Expression:
    """A reader of one expression; every method returns what it may be."""

    def __init__(self, script: Script, text: str, at: int, depth: int) -> None:
        self.script, self.text, self.at, self.depth = script, text, at, depth
        self.position = self.nested = 0
        self.kind, self.piece = "", ""
        self._next()

    def values(self) -> list[str]:
        found = self._choice()
        return list(dict.fromkeys(found))[:_MOST]

    def _next(self) -> None:
        while self.position < len(self.text):
            found = _TOKEN.match(self.text, self.position)
            if found is None:
                break
            self.position = found.end()
            if found.lastgroup:
                self.kind, self.piece = found.lastgroup, found[0]
                return
        self.kind, self.piece = "end", ""

    def _take(self, sign: str) -> bool:
        if self.kind == "sign" and self.piece == sign:
            self._next()
            return True
        return False

    def _choice(self) -> list[str]:
        # What is nested deeper is nothing that people write, and must not exhaust the stack.
        self.nested += 1
        found = self._chosen() if self.nested <= _NESTED else [_gap("…")]
        self.nested -= 1
        return found

    def _chosen(self) -> list[str]:
        left = self._either()
        if not self._take("?"):
            return left
        then = self._choice()
        self._take(":")
        otherwise = self._choice()
        if left == ["true"]:
            return then
        return otherwise if left == ["false"] else [*then, *otherwise]

    def _either(self) -> list[str]:
        left = self._equal()
        while self.kind == "sign" and self.piece in {"||", "??", "&&"}:
            self._next()
            right = self._equal()
            sure = [one for one in left if known(one) and one not in {"", "undefined", "null"}]
            left = sure or right
        return left

    def _equal(self) -> list[str]:
        left = self._sum()
        if self.kind == "sign" and self.piece in {"===", "==", "!==", "!="}:
            negative = self.piece.startswith("!")
            self._next()
            right = self._sum()
            if len(left) == len(right) == 1 and known(left[0] + right[0]):
                return ["true" if (left[0] == right[0]) != negative else "false"]
            return [_gap("condition")]
        return left

    def _sum(self) -> list[str]:
        left = self._value()
        while self._take("+"):
            right = self._value()
            left = [one + two for one in left for two in right][:_MOST]
        return left

    def _value(self) -> list[str]:
        if self._take("("):
            found = self._choice()
            self._take(")")
            return self._members(found, "")
        if self._take("!"):
            while self._take("!"):
                pass
            self._value()
            return [_gap("condition")]
        kind, piece = self.kind, self.piece
        if kind == "sign" and piece == "`":
            return self._members(self._template(), "")
        if kind == "string":
            self._next()
            return self._members([_plain(piece[1:-1])], "")
        if kind == "number":
            self._next()
            return [piece]
        if kind == "name" and piece == "new":
            self._next()
            return self._made()
        if kind == "name":
            self._next()
            return self._members(None, piece)
        return [_gap("…")]

    def _template(self) -> list[str]:
        """Read a text between backticks; the current token is the opening one."""
        found, start = [""], self.position
        while self.position < len(self.text):
            here = self.text[self.position]
            if here == "`":
                found = [one + _plain(self.text[start : self.position]) for one in found]
                self.position += 1
                self._next()
                return found
            if here == "\\":
                self.position += 2
            elif self.text.startswith("${", self.position):
                found = [one + _plain(self.text[start : self.position]) for one in found]
                self.position += 2
                self._next()
                inner = self._choice()
                found = [one + two for one in found for two in inner][:_MOST]
                if self.kind != "sign" or self.piece != "}":
                    self.position = len(self.text)
                start = self.position
            else:
                self.position += 1
        return [one + _gap("…") for one in found]

    def _made(self) -> list[str]:
        """`new URL(a, b)`, and other objects that are made."""
        name = self.piece
        self._next()
        given = self._arguments()
        if name == "URL" and given:
            bases = given[1] if len(given) > 1 else [self.script.page]
            made = [
                urljoin(base, one) if known(base) else one for one in given[0] for base in bases
            ]
            return self._members(made[:_MOST], "")
        return self._members([_gap(f"new {name}")], "")

    def _arguments(self) -> list[list[str]]:
        found: list[list[str]] = []
        if not self._take("("):
            return found
        while self.kind != "end" and not self._take(")"):
            if self.kind == "regex":
                found.append([self.piece])
                self._next()
            else:
                before = self.position
                found.append(self._choice())
                if self.position == before and not (self.kind == "sign" and self.piece in ",)"):
                    self._next()
            self._take(",")
        return found

    def _members(self, value: list[str] | None, name: str) -> list[str]:
        """Read the accesses after a value: `.name`, `[…]` and `(…)`; a name alone is looked up at the end."""
        path = [name] if name else []
        while self.kind == "sign" and self.piece in {".", "?.", "(", "["}:
            if self.piece == "(":
                given = self._arguments()
                if value is None:
                    whole = ".".join(path)
                    known_call = path[-1] in {"String", "encodeURI", "encodeURIComponent"}
                    value = given[0] if known_call and given else [_gap(f"{whole}()")]
                continue
            bracket = self.piece == "["
            self._next()
            member = self.piece.strip("'\"")
            self._next()
            if bracket:
                self._take("]")
            if value is None and self.piece == "(" and member in _METHODS:
                value = self._named(path)
            if value is None:
                path.append(member)
            elif self.kind == "sign" and self.piece == "(":
                value = _called(value, member, self._arguments())
            else:
                value = [_part(one, member) for one in value]
        return value if value is not None else self._named(path)

    def _named(self, path: list[str]) -> list[str]:
        while path and path[0] in {"window", "document", "self", "globalThis", "top", "parent"}:
            path = path[1:]
        if not path:
            return [_gap("window")]
        if path[:2] == ["import", "meta"]:
            # Where the script is from: mostly the page's own server.
            return [self.script.page]
        if path[0] == "location":
            return [_part(self.script.page, path[1] if len(path) > 1 else "href")]
        if path in (["URL"], ["baseURI"]):
            return [self.script.page]
        if path == ["domain"]:
            return [_part(self.script.page, "hostname")]
        if path[0] in {"undefined", "null", "true", "false"}:
            return [path[0]]
        return self.script.lookup(path[-1], self.at, self.depth)


_METHODS = {
    "replace",
    "replaceAll",
    "concat",
    "toString",
    "trim",
    "startsWith",
    "includes",
    "indexOf",
}


def _part(url: str, member: str) -> str:
    """A part of an address, as `location` and `URL` have them."""
    if not known(url):
        return url if member == "href" else _gap(member)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return _gap(member)
    found = {
        "href": url,
        "protocol": f"{parts.scheme}:",
        "host": parts.netloc,
        "hostname": parts.hostname or "",
        "port": str(port or ""),
        "origin": f"{parts.scheme}://{parts.netloc}",
        "pathname": parts.path or "/",
        "search": f"?{parts.query}" if parts.query else "",
        "hash": "",
    }
    return found.get(member, _gap(member)) if parts.scheme else _gap(member)


def _called(values: list[str], method: str, given: list[list[str]]) -> list[str]:
    first = given[0][0] if given and given[0] else ""
    if method in {"toString", "trim", "valueOf", "toLowerCase"}:
        return values
    if method == "concat":
        return [one + "".join(two[0] for two in given if two) for one in values]
    if method in {"startsWith", "includes"} and known(first):
        sure = all(map(known, values))
        check = str.startswith if method == "startsWith" else str.__contains__
        return ["true" if check(values[0], first) else "false"] if sure else [_gap("condition")]
    if method in {"replace", "replaceAll"} and len(given) > 1 and given[1]:
        simple = _SIMPLE.match(first)
        if first.startswith("/") and first.count("/") > 1 and simple is None:
            return [_gap(f"{method}()")]
        old = re.sub(r"\\(.)", r"\1", simple[1]) if simple else first
        return [one.replace(old, given[1][0], 1) for one in values]
    return [_gap(f"{method}()")]
