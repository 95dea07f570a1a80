"""Finds endpoints from a page on: what its scripts open, and what answers at the usual paths.

Only GET is sent, to the origin that was given and to hosts that `--authorized` names; links that end or
change something are not followed. The answer says which pages were read, and what could not be worked out.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes, urldefrag, urljoin, urlsplit

from stormdoor_audit.prober.budget import BudgetSpent
from stormdoor_audit.prober.document import BadDocument, parse_json
from stormdoor_audit.prober.page import read_page
from stormdoor_audit.prober.script import Address, Script, known
from stormdoor_audit.prober.target import NotAllowed
from stormdoor_audit.prober.web import Page, Web
from stormdoor_audit.prober.wire import NoAnswer, Request, opened
from stormdoor_audit.report.finding import Location, Unresolved

__all__ = ["Bounds", "Discovered", "Found", "discover"]

USUAL = (
    "/ws",
    "/ws/",
    "/websocket",
    "/websocket/",
    "/socket",
    "/wss",
    "/api/ws",
    "/api/websocket",
    "/ws/chat",
    "/chat",
    "/chatsocket",
    "/echo",
    "/events",
    "/feed",
    "/live",
    "/stream",
    "/cable",
    "/graphql",
    "/notifications",
    "/comms",
    "/livereload",
    "/sockjs/websocket",
    "/websockify",
    "/_stcore/stream",
    "/socket.io/?EIO=4&transport=websocket",
)
"""Usual paths of sockets, for pages that name none."""
_CHANGES = re.compile(
    r"log.?(out|off)|sign.?(out|off)|delete|remove|destroy|drop|unsubscribe|reset|revoke|"
    r"shut.?down|restart|stop|kill|disable",
    re.IGNORECASE,
)
_LOGOUT = re.compile(
    r"""["'`](/?[\w/.-]{0,80}\b(?:log|sign)[-_]?(?:out|off)/?)["'`?]""", re.IGNORECASE
)
"""The address of a logout, in a page or a script."""
_OTHER_FILES = re.compile(
    r"\.(png|jpe?g|gif|svg|ico|webp|css|woff2?|ttf|pdf|zip|gz|mp[34]|webm|csv|xml|txt)$",
    re.IGNORECASE,
)
_SPEAKS = re.compile(r"\bws\b|socket", re.IGNORECASE)
_NOWHERE = "/stormdoor-probe-nothing-here"
_MOST_SOURCES = 200
_MOST_BESIDE = 8
_KINDS = ("page", "script", "source map")


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bounds of a search.

    Args:
        pages: How many pages are read.
        scripts: How many scripts and source maps.
        depth: How many links away from the start.
        bytes: How much is read in all.
    """

    pages: int = 20
    scripts: int = 40
    depth: int = 2
    bytes: int = 24 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Found:
    """An endpoint, and where it was found."""

    url: str
    where: str


@dataclass(frozen=True, slots=True)
class Discovered:
    """The endpoints, the unsolved addresses, the pages that were read, and the path of the logout or ""."""

    endpoints: tuple[Found, ...]
    unresolved: tuple[Unresolved, ...]
    looked: tuple[str, ...]
    logout: str = ""


@dataclass(slots=True)
class _Search:
    web: Web
    bounds: Bounds
    starts: tuple[str, ...]
    found: dict[str, str] = field(default_factory=dict)
    perhaps: dict[str, str] = field(default_factory=dict)
    doubts: dict[str, Unresolved] = field(default_factory=dict)
    foreign: set[str] = field(default_factory=set)
    seen: set[str] = field(default_factory=set)
    queue: deque[tuple[str, str, str, int]] = field(default_factory=deque)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_KINDS, 0))
    pages: list[str] = field(default_factory=list)
    read: int = 0
    left: int = 0
    logout: str = ""

    def doubt(self, where: str, what: str) -> None:
        self.doubts.setdefault(f"{where} {what}", Unresolved(Location(where, 0), what))

    def add(self, kind: str, url: str, page: str, depth: int) -> None:
        """Look at it later, if it is new and may be looked at."""
        url = urldefrag(url)[0]
        if not url.startswith(("http://", "https://")) or url in self.seen:
            return
        self.seen.add(url)
        parts = urlsplit(url)
        if kind == "page":
            path = f"{parts.path}?{parts.query}"
            own = any(parts.netloc == urlsplit(one).netloc for one in self.starts)
            if (
                not own
                or _CHANGES.search(path)
                or _SPEAKS.search(path)
                or _OTHER_FILES.search(parts.path)
            ):
                return
        self.queue.append((kind, url, page, depth))

    async def go(self) -> None:
        """Look at everything that is led to."""
        while self.queue:
            kind, url, page, depth = self.queue.popleft()
            most = self.bounds.pages if kind == "page" else self.bounds.scripts
            spent = self.counts["script"] + self.counts["source map"]
            if (self.counts[kind] if kind == "page" else spent) >= most or (
                self.read >= self.bounds.bytes
            ):
                self.left += 1
                continue
            try:
                got = await self.web.ask(url)
            except NotAllowed:
                self.foreign.add(urlsplit(url).netloc)
                continue
            except NoAnswer as error:
                self.doubt(url, f"it was not read: {error}")
                continue
            self.counts[kind] += 1
            self.read += len(got.answer.body)
            if got.stopped:
                self.doubt(url, f"it redirects where it was not followed: {got.stopped}")
            if got.answer.status != 200:
                if depth == 0 or kind == "script":
                    self.doubt(
                        url, f"it was answered with {got.answer.status}{_hint(got.answer.status)}"
                    )
                continue
            match kind:
                case "page":
                    self.page(got, depth)
                case "script":
                    self.script(got.url, got.text, page)
                case _:
                    self.source_map(got.url, got.text, page)

    def page(self, got: Page, depth: int) -> None:
        """Queue the scripts and pages that a page leads to."""
        self.seen.add(got.url)
        self.names_logout(got.url, got.text)
        if "html" not in got.kind and got.text.lstrip()[:1] != "<":
            if "script" in got.kind or "json" in got.kind:
                self.script(got.url, got.text, got.url)
            return
        self.pages.append(got.url)
        read = read_page(got.url, got.text)
        for line, value in read.sockets:
            url = re.sub(r"^http(?=s?:)", "ws", urljoin(read.base, value))
            self.address(Address(url, line, "an attribute", certain=True), got.url)
        for line, text in read.inline:
            self.script(got.url, text, read.base, line - 1)
        for url in read.scripts:
            self.add("script", url, read.base, depth)
        if depth < self.bounds.depth:
            for url in read.pages:
                self.add("page", url, url, depth + 1)

    def script(self, url: str, text: str, page: str, above: int = 0) -> None:
        """Queue the scripts that a script loads, and keep the sockets that it opens."""
        self.names_logout(page, text)
        one = Script(text, page)
        for address in one.addresses():
            self.address(address, url, above)
        for more in one.pages():
            self.add("page", urljoin(url, more), page, 1)
        for more in one.imports():
            self.add("script", urljoin(url, more), page, 1)
        where = one.source_map()
        if where.startswith("data:"):
            self.source_map(url, _data(where), page)
        elif where:
            self.add("source map", urljoin(url, where), page, 1)

    def names_logout(self, page: str, text: str) -> None:
        """Keep the first address of a logout, if it is on the origin of the search."""
        for one in _LOGOUT.findall(text):
            url = urljoin(page, one)
            if not self.logout and _origin(url) in map(_origin, self.starts):
                self.logout = urlsplit(url).path

    def source_map(self, url: str, text: str, page: str) -> None:
        """The sources that a script was made of."""
        try:
            whole = parse_json(text.removeprefix(")]}'"), "the source map")
        except BadDocument as error:
            self.doubt(url, str(error))
            return
        sources = whole.get("sourcesContent") if isinstance(whole, dict) else None
        for one in (sources if isinstance(sources, list) else [])[:_MOST_SOURCES]:
            if isinstance(one, str):
                for address in Script(one, page).addresses():
                    self.address(address, url)

    def address(self, one: Address, url: str, above: int = 0) -> None:
        """Keep an address: it is an endpoint, may be one, or is not worked out."""
        where = f"{url}:{one.line + above}"
        address = urldefrag(one.url)[0]
        path, mark, query = address.partition("?")
        if mark and known(path) and not known(query):
            address = path
        if not known(address):
            self.doubt(
                where,
                f"{one.how} {one.text.partition('?')[0]}: what stands in braces is not known; "
                "give its address",
            )
            return
        if not address.startswith(("ws://", "wss://")):
            return
        try:
            self.web.target(address)
        except NotAllowed as error:
            host = urlsplit(address).hostname if "://" in address else ""
            if host and one.how != "a text":
                self.doubt(where, f"{one.how} {address.partition('?')[0]}: {error}")
            elif host:
                self.foreign.add(host)
            return
        (self.found if one.certain else self.perhaps).setdefault(address, f"{one.how} in {where}")

    async def knock(self, url: str) -> int:
        """Return the status of a handshake as the identity; 0 without an answer."""
        target = self.web.target(url)
        request = Request(headers=(("Origin", target.origin), *self.web.headers(target)))
        try:
            async with opened(target, request, self.web.budget, self.web.tls) as (answer, _):
                return answer.status
        except NoAnswer:
            return 0

    def beside(self, own: str) -> dict[str, str]:
        """Addresses that go with the pages: the page's own, and one below it."""
        found: dict[str, str] = {}
        for page in dict.fromkeys((*self.starts, *self.pages)):
            path = urlsplit(page).path.rstrip("/")
            if _socket(_origin(page)) == own and len(found) < _MOST_BESIDE:
                found[f"{own}{path or '/'}"] = "the address of a page"
                found[f"{own}{path}/ws"] = "below the address of a page"
        return found

    async def try_paths(self) -> int:
        """Try what may be an endpoint, beside a path that does not exist."""
        tried = 0
        for origin in dict.fromkeys(_origin(one) for one in self.starts):
            own = _socket(origin)
            nowhere = await self.knock(own + _NOWHERE)
            if nowhere == 101:
                # For any path the first of them stands for all.
                self.found.setdefault(f"{own}/", "every path, even one that does not exist")
            known_paths = {one.partition("?")[0].rstrip("/") for one in self.found}
            guesses = {own + path: f"{path.partition('?')[0]}, a usual path" for path in USUAL}
            for url, where in {**self.perhaps, **self.beside(own), **guesses}.items():
                plain = url.partition("?")[0].rstrip("/")
                if plain in known_paths or not url.startswith(own):
                    continue
                status = await self.knock(url)
                tried += 1
                if status == 101 and nowhere != 101:
                    known_paths.add(plain)
                    self.found[url] = where
                elif status in {400, 401, 403, 426} and status != nowhere:
                    known_paths.add(plain)
                    if url in self.perhaps or _SPEAKS.search(urlsplit(url).path):
                        self.found[url] = f"{where} (answered with {status})"
                    else:
                        self.doubt(
                            url, f"it answers a handshake with {status}, and may be an endpoint"
                        )
        return tried


def _hint(status: int) -> str:
    return "; a credential of the owner may show more" if status in {401, 403} else ""


def _data(url: str) -> str:
    """The text in a `data:` address; "" where it is broken."""
    head, _, body = url.partition(",")
    raw = unquote_to_bytes(body)
    if head.endswith(";base64"):
        try:
            raw = base64.b64decode(raw)
        except (binascii.Error, ValueError):
            return ""
    return raw.decode("utf-8", "replace")


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _socket(origin: str) -> str:
    return re.sub(r"^http", "ws", origin)


async def discover(starts: Sequence[str], web: Web, bounds: Bounds = Bounds()) -> Discovered:
    """Look at the pages, their scripts, and the usual paths.

    Args:
        starts: Addresses of pages.
        web: The browser to look with; from now on it stays on the origin of its home.
        bounds: How far to go.

    Raises:
        NotAllowed: A start may not be looked at. It is found before anything is sent.
    """
    web.stays = True
    for one in starts:
        web.target(one)
    search = _Search(web, bounds, tuple(starts))
    tried = 0
    try:
        for one in starts:
            search.add("page", one, one, 0)
        await search.go()
        tried = await search.try_paths()
    except BudgetSpent:
        search.doubt(starts[0], "the budget was spent before everything was looked at")
    counts = search.counts
    looked = [
        f"{starts[0]}: asked for "
        + ", ".join(f"{counts[kind]} {kind}{'' if counts[kind] == 1 else 's'}" for kind in _KINDS)
        + f" ({search.read:,} bytes), tried {tried} paths, and "
        f"found {len(search.found)} endpoint{'' if len(search.found) == 1 else 's'}."
    ]
    # Without the query, where a page may have put a token.
    looked += [f"{url.partition('?')[0]}: {where}" for url, where in search.found.items()]
    if search.left:
        search.doubt(
            starts[0], f"{search.left} more addresses were not looked at: there is a bound"
        )
    if search.foreign:
        hosts = ", ".join(sorted(search.foreign)[:8])
        search.doubt(starts[0], f"addresses at {hosts} were not looked at: they are not authorised")
    return Discovered(
        tuple(Found(url, where) for url, where in search.found.items()),
        tuple(search.doubts.values()),
        tuple(looked),
        search.logout,
    )
