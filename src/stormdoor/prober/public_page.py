"""Whether the endpoint's own page is for everybody, and opens the socket for everybody.

A socket that opens and says nothing does not tell whether strangers are meant to be there. A page of the same
server does: where anybody may read it, it opens the socket, and neither it nor its scripts know of a login,
whoever visits it is let in without a credential.
"""

from __future__ import annotations

import contextlib
import re
from collections import deque
from urllib.parse import urljoin, urlsplit

from stormdoor.prober.conversation import Client
from stormdoor.prober.page import read_page
from stormdoor.prober.script import Script, known
from stormdoor.prober.target import Target
from stormdoor.prober.wire import Answer, NoAnswer, Request

__all__ = ["public_page"]

_MOST = 12
_SCRIPT = re.compile(r"""["'](/[\w./-]{1,100}\.m?js)(?=[?"'])""")
"""The path of another script, which this one puts into the page."""
_LOGIN = re.compile(
    r"passw|\bpwd\b|log.?in|log.?on|sign.?in|sign.?up|auth|token|credential|session(?!storage)|cookie|secret|ticket|"
    r"api.?key|bearer|\bjwt|\bsso\b|\buser(name|id)?\b|account|\bme\b",
    re.IGNORECASE,
)


async def public_page(client: Client) -> str:
    """Address of the page or script that opens the socket; "" where there is none, or a login somewhere."""
    search = _Search(client)
    folders = client.target.path.split("/")[1:-1]
    above = ["/".join(["", *folders[:depth], ""]) for depth in range(len(folders), -1, -1)]
    for path in above:
        search.add(path, path)
    return await search.go()


class _Search:
    """Reads pages and their scripts, as a visitor without anything."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.base = client.target.origin
        self.queue: deque[tuple[str, str]] = deque()
        self.seen: set[str] = set()

    def add(self, url: str, page: str) -> None:
        """Read it later, if it is of the same server."""
        whole = urljoin(f"{self.base}/", url)
        if whole not in self.seen and urlsplit(whole).netloc == self.client.target.netloc:
            self.seen.add(whole)
            self.queue.append((whole, urljoin(f"{self.base}/", page)))

    async def go(self) -> str:
        """Read until there is nothing left; one word about a login is enough to say nothing."""
        found, read = "", 0
        while self.queue and read < _MOST:
            url, page = self.queue.popleft()
            with contextlib.suppress(NoAnswer):
                answer = await self.client.plain(_at(self.client.target, url), Request())
                read += 1
                if answer.status != 200:
                    continue
                text = answer.body.decode("utf-8", "replace")
                if answer.values("set-cookie") or _LOGIN.search(text):
                    return ""
                if self._opens(answer, text, url, page):
                    found = found or url
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


def _at(target: Target, url: str) -> Target:
    parts = urlsplit(url)
    return target.at((parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
