"""Read the pages near an endpoint without a login: do they open the socket, and which of its parts?

A socket that opens and says nothing does not tell if unauthenticated clients are meant to be there. A page of
the same server does: it needs no login, it opens the socket, and neither it nor its scripts know of a login.
"""

from __future__ import annotations

import contextlib
import re
from collections import deque
from collections.abc import AsyncIterator
from urllib.parse import urljoin, urlsplit

from stormdoor_audit.prober.conversation import Client
from stormdoor_audit.prober.page import read_page
from stormdoor_audit.prober.script import Script, known
from stormdoor_audit.prober.target import resource_of
from stormdoor_audit.prober.wire import Answer, NoAnswer, Request

__all__ = ["names_in_pages", "public_page"]

_MOST = 12
_MOST_NAMES = 3
_SCRIPT = re.compile(r"""["'](/[\w./-]{1,100}\.m?js)(?=[?"'])""")
"""The path of another script, which this one puts into the page."""
_LOGIN = re.compile(
    r"passw|\bpwd\b|log.?in|log.?on|sign.?in|sign.?up|auth|token|credential|session(?!storage)|cookie|secret|ticket|"
    r"api.?key|bearer|\bjwt|\bsso\b|\buser(name|id)?\b|account|\bme\b",
    re.IGNORECASE,
)


async def public_page(client: Client) -> str:
    """Address of the page or script that opens the socket; "" if none does, or one has to do with a login."""
    return await _Search(client).go()


async def names_in_pages(client: Client, pattern: str) -> tuple[str, ...]:
    """Return the first names that match a pattern in the pages near the endpoint and in their scripts."""
    found = _Search(client)
    texts = [text async for *_, text in found.texts()]
    names = dict.fromkeys(name for text in texts for name in re.findall(pattern, text))
    return tuple(names)[:_MOST_NAMES]


class _Search:
    """Reads pages and their scripts as an unauthenticated client."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.base = client.target.origin
        self.queue: deque[tuple[str, str]] = deque()
        self.seen: set[str] = set()
        folders = client.target.path.split("/")[1:-1]
        for depth in range(len(folders), -1, -1):
            path = "/".join(["", *folders[:depth], ""])
            self.add(path, path)

    def add(self, url: str, page: str) -> None:
        """Read it later, if it is of the same server."""
        whole = urljoin(f"{self.base}/", url)
        if whole not in self.seen and urlsplit(whole).netloc == self.client.target.netloc:
            self.seen.add(whole)
            self.queue.append((whole, urljoin(f"{self.base}/", page)))

    async def texts(self) -> AsyncIterator[tuple[Answer, str, bool, str]]:
        """Each page and script: its answer, its address, if it opens the socket, and its text."""
        read = 0
        while self.queue and read < _MOST:
            url, page = self.queue.popleft()
            with contextlib.suppress(NoAnswer):
                answer = await self.client.plain(self.client.target.at(resource_of(url)), Request())
                read += 1
                if answer.status == 200:
                    text = answer.body.decode("utf-8", "replace")
                    yield answer, url, self._opens(answer, text, url, page), text

    async def go(self) -> str:
        """Read until there is nothing left; one word about a login is enough to say nothing."""
        found = ""
        async for answer, url, opens, text in self.texts():
            if answer.values("set-cookie") or _LOGIN.search(text):
                return ""
            found = found or (url if opens else "")
        return "" if self.queue else found

    def _opens(self, answer: Answer, text: str, url: str, page: str) -> bool:
        if "html" not in "".join(answer.values("content-type")):
            return self._leads(Script(text, page))
        read = read_page(url, text)
        for one in read.scripts:
            self.add(one, url)
        opened = [self._leads(Script(inline, url)) for _, inline in read.inline]
        return any(opened)

    def _leads(self, script: Script) -> bool:
        for one in (*script.imports(), *_SCRIPT.findall(script.text)):
            self.add(urljoin(script.page, one), script.page)
        return any(
            known(one.url) and _plain(urlsplit(one.url).path) == _plain(self.client.target.path)
            for one in script.addresses()
            if one.certain
        )


def _plain(path: str) -> str:
    return re.sub(r"/+", "/", path) or "/"
