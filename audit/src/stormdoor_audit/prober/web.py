"""Plain HTTP as a browser of one identity does it: redirects and cookies, within what may be probed."""

from __future__ import annotations

import ssl
import zlib
from collections.abc import Collection
from dataclasses import dataclass, replace
from urllib.parse import urldefrag, urljoin

from stormdoor_audit.prober.budget import Budget
from stormdoor_audit.prober.identity import Identity
from stormdoor_audit.prober.login import SetCookie
from stormdoor_audit.prober.target import NotAllowed, Target, is_named, parse_target
from stormdoor_audit.prober.wire import Answer, NoAnswer, Request, exchange

__all__ = ["LONGEST_PAGE", "Page", "Web"]

LONGEST_PAGE = 4 * 1024 * 1024
"""Bytes of a page or a script that are read; bundles are long."""
_REDIRECTS = {301, 302, 303, 307, 308}
_MOST_REDIRECTS = 5


@dataclass(frozen=True, slots=True)
class Page:
    """The page after all redirections.

    Args:
        url: Its address, after the redirects.
        answer: The last answer.
        text: Its body, as UTF-8 with what is not replaced.
        cookies: Every cookie that was set on the way.
        stopped: Where a redirect leads to that was not followed, and why; "" where none was left out.
    """

    url: str
    answer: Answer
    text: str
    cookies: tuple[SetCookie, ...] = ()
    stopped: str = ""

    @property
    def kind(self) -> str:
        """The media type, without its parameters."""
        return next(iter(self.answer.values("content-type")), "").partition(";")[0].strip().lower()


def _unpacked(answer: Answer) -> bytes:
    """The body, unpacked where the server packed it unasked; cut where it is too long."""
    if not {"gzip", "deflate"} & set(answer.values("content-encoding")):
        return answer.body
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(answer.body, LONGEST_PAGE)
    except zlib.error:
        return b""


def _ended(cookie: SetCookie) -> bool:
    return not cookie.value or "max-age=0" in cookie.attributes


class Web:
    """The browser of one identity.

    INVARIANT: what the identity shows goes to the place it belongs to alone: cookies to its host, headers to
    its origin. A redirect or a script cannot carry them elsewhere.

    Args:
        budget: The budget that each request is charged to.
        tls: For https.
        authorized: Hosts beside this machine that may be asked.
        who: The identity that owns the cookies and headers.
        home: The address that they belong to.

    Attributes:
        stays: Ask only the origin of `home` and the hosts of `authorized`. A page's links are its author's
            choice, not the operator's.
    """

    def __init__(
        self,
        budget: Budget,
        tls: ssl.SSLContext | None,
        authorized: Collection[str],
        who: Identity,
        home: str,
    ) -> None:
        self.stays = False
        self.budget, self.tls, self.authorized = budget, tls, authorized
        self.who = who
        self.home = self.target(home)
        self.jars: dict[str, dict[str, str]] = {self.home.host: dict(who.cookies)}

    def target(self, url: str) -> Target:
        """The address, if it may be asked.

        Raises:
            NotAllowed: It may not.
        """
        found = parse_target(urldefrag(url)[0], self.authorized)
        if self.stays and self._is_elsewhere(found):
            raise NotAllowed(
                f"{found.netloc} is another origin than {self.home.origin}; probe only what you may, and say "
                f"so: --authorized {found.netloc}"
            )
        return found

    def _is_elsewhere(self, target: Target) -> bool:
        """Return True if the target is neither the origin of the home nor authorised by name."""
        here = (target.host, target.port) == (self.home.host, self.home.port)
        return not here and not is_named(target.host, target.port, self.authorized)

    @property
    def cookies(self) -> tuple[tuple[str, str], ...]:
        """The cookies of the place that the identity belongs to, by now."""
        return tuple(self.jars[self.home.host].items())

    def headers(self, target: Target) -> list[tuple[str, str]]:
        """Return the identity's headers for its own place, and its cookies for their host."""
        found = list(self.who.headers) if target.origin == self.home.origin else []
        if jar := self.jars.get(target.host):
            found.append(("Cookie", "; ".join(f"{name}={value}" for name, value in jar.items())))
        return found

    def _keep(self, target: Target, answer: Answer) -> list[SetCookie]:
        given = [SetCookie.parse(one) for one in answer.values("set-cookie")]
        jar = self.jars.setdefault(target.host, {})
        for one in given:
            if _ended(one):
                jar.pop(one.name, None)
            else:
                jar[one.name] = one.value
        return given

    async def ask(self, url: str, request: Request | None = None, *, follow: bool = True) -> Page:
        """Ask, and follow where that leads, to hosts that may be asked.

        Raises:
            NotAllowed: The address itself may not be asked.
            NoAnswer: There was none.
            BudgetSpent: No connection is left.
        """
        request = request or Request()
        given: list[SetCookie] = []
        target = self.target(url)
        for _ in range(_MOST_REDIRECTS + 1):
            sent = replace(request, headers=(*self.headers(target), *request.headers))
            answer = await exchange(target, sent, self.budget, self.tls, longest=LONGEST_PAGE)
            given += self._keep(target, answer)
            page = Page(
                url, answer, _unpacked(answer).decode("utf-8", "replace"), tuple(given), stopped=""
            )
            where = next(iter(answer.values("location")), "")
            if not follow or answer.status not in _REDIRECTS or not where:
                return page
            url = urljoin(url, where)
            try:
                target = self.target(url)
            except NotAllowed as error:
                return replace(page, stopped=str(error))
            if answer.status in {301, 302, 303}:
                request = Request()
            elif target.origin != self.target(page.url).origin:
                # What was sent was meant for the place that it was sent to.
                return replace(page, stopped=f"it would send the request on to {target.origin}")
        raise NoAnswer(f"{self.home.netloc} redirects more than {_MOST_REDIRECTS} times")
