"""Foreign pages with the owner's cookie: every careless comparison is found, and no careful one is."""

from __future__ import annotations

import asyncio
import contextlib
import re
from typing import Any
from urllib.parse import urlsplit

import pytest
from tornado.web import HTTPError
from tornado.websocket import WebSocketClosedError

from audit_tests.prober.servers import ALICE, SESSIONS, Feed, jwt, probed, serving, slugs, states
from stormdoor_audit.prober.identity import Identity

pytestmark = pytest.mark.sampled(5)

OWN = "https://chat.example.org"
PLAN: dict[str, Any] = {"owner": ALICE, "origin": OWN}


def _named(name: str, careful: Any) -> type[Feed]:
    def check_origin(self: Feed, origin: str) -> bool:
        return bool(careful(origin, self.request.headers))

    return type(name, (Feed,), {"check_origin": check_origin})


CARELESS = {
    "begins": lambda origin, _: origin.startswith(OWN),
    "ends": lambda origin, _: origin.endswith("chat.example.org"),
    "contains": lambda origin, _: "chat.example.org" in origin,
    "pattern": lambda origin, _: re.fullmatch("https://chat.example.org", origin),
    "below": lambda origin, _: (
        (urlsplit(origin).hostname or "").endswith(".chat.example.org") or origin == OWN
    ),
    "null": lambda origin, _: origin in {OWN, "null"},
    "any port": lambda origin, _: urlsplit(origin).hostname == "chat.example.org",
    "any scheme": lambda origin, _: urlsplit(origin).netloc == "chat.example.org",
    "any": lambda _, __: True,
    "fetch": lambda origin, headers: origin == OWN or "Sec-Fetch-Mode" in headers,
}
CAREFUL = {
    "exact": lambda origin, _: origin == OWN,
    "any case": lambda origin, _: origin.lower() == OWN,
    "fetch as well": lambda origin, headers: (
        origin == OWN and headers.get("Sec-Fetch-Site", "same-origin") == "same-origin"
    ),
}


async def _look(handler: type[Feed], plan: dict[str, Any]) -> tuple[set[str], str]:
    async with serving(handler) as port:
        report = await probed(port, **plan)
    return slugs(report), states(report)["origin"]


async def test_comparisons() -> None:
    """Ways to compare an origin that are wrong, and ways that are right."""
    table = {**CARELESS, **CAREFUL}
    found = await asyncio.gather(*(_look(_named(name, one), PLAN) for name, one in table.items()))
    for name, (what, state) in zip(table, found, strict=True):
        if name in CARELESS:
            assert (name, what) == (name, {"foreign-origin"})
        else:
            assert (name, what, state) == (name, set(), "guarded")


class SlowForStrangers(Feed):
    """Feed for pages of any origin, which answers a page of another site more slowly."""

    def check_origin(self, origin: str) -> bool:
        self.foreign = urlsplit(origin).hostname != "127.0.0.1"
        return True

    async def open(self, *args: str, **kwargs: str) -> None:  # type: ignore[override]  # Tornado awaits it
        self.write_message({"type": "ready"})
        if getattr(self, "foreign", False):
            await asyncio.sleep(0.25)
        with contextlib.suppress(WebSocketClosedError):
            self.write_message({"type": "prices", "items": [{"name": "oil", "price": 71}]})


async def test_a_slow_answer_hides_no_graver_origin() -> None:
    """Another port, which is answered at once, is not what is reported in the place of another site."""
    async with serving(SlowForStrangers) as port:
        report = await probed(port, owner=ALICE)
    [one] = [one for one in report.findings if one.slug == "foreign-origin"]
    assert str(one.level) == "error"
    assert "another site" in one.message


class CookieOrToken(Feed):
    """Feed that accepts the cookie and ignores other credentials."""

    def check_origin(self, origin: str) -> bool:
        return True


class TokenOnly(CookieOrToken):
    """Takes the token, and does not look at cookies."""

    def allowed(self) -> bool:
        return self.request.headers.get("Authorization") == f"Bearer {jwt()}"


class CookieAndToken(CookieOrToken):
    """Wants both."""

    def allowed(self) -> bool:
        return super().allowed() and self.get_query_argument("csrf", "") == "c-0123456789abcdef"


BOTH = Identity("alice", cookies=ALICE.cookies, headers=(("Authorization", f"Bearer {jwt()}"),))
WITH_CSRF = Identity("alice", cookies=ALICE.cookies, query=(("csrf", "c-0123456789abcdef"),))


class LateCheck(Feed):
    """Accepts the handshake of a foreign page, and tells it nothing."""

    def check_origin(self, origin: str) -> bool:
        return True

    def open(self, *args: str, **kwargs: str) -> None:
        if self.request.headers.get("Origin") == OWN:
            super().open()


class PublicGreeting(Feed):
    """Feed that any client and any page can open, but only members receive data."""

    def prepare(self) -> None:
        """Accept every handshake."""

    def check_origin(self, origin: str) -> bool:
        return True

    def open(self, *args: str, **kwargs: str) -> None:
        self.write_message({"type": "hello", "user": None})
        if self.get_cookie("session") in SESSIONS:
            super().open()


class Redirects(Feed):
    """Sends foreign pages elsewhere."""

    def check_origin(self, origin: str) -> bool:
        return True

    def prepare(self) -> None:
        super().prepare()
        if self.request.headers.get("Origin") != OWN:
            self.redirect("/")


class Breaks(Feed):
    """500 for what it does not expect."""

    def check_origin(self, origin: str) -> bool:
        return True

    def prepare(self) -> None:
        super().prepare()
        if self.request.headers.get("Origin") != OWN:
            raise HTTPError(500)


async def test_what_is_ambient() -> None:
    """It counts where the cookie alone is enough, and data are delivered to the foreign page."""
    cases: list[tuple[type[Feed], Identity, set[str], str]] = [
        (CookieOrToken, BOTH, {"foreign-origin"}, "missing"),
        (TokenOnly, BOTH, set(), "not-needed"),
        (CookieAndToken, WITH_CSRF, {"credential-in-url"}, "not-needed"),
        (LateCheck, ALICE, set(), "guarded"),
        (PublicGreeting, ALICE, {"foreign-origin"}, "missing"),
        (Redirects, ALICE, set(), "guarded"),
        (Breaks, ALICE, set(), "guarded"),
    ]
    found = await asyncio.gather(
        *(_look(handler, {**PLAN, "owner": who}) for handler, who, _, _ in cases)
    )
    for (handler, _, slug, state), verdict in zip(cases, found, strict=True):
        assert (handler.__name__, verdict) == (handler.__name__, (slug, state))


class Public(Feed):
    """Sends its data to every client, on pages of its own host."""

    def prepare(self) -> None:
        """Ask for nothing."""

    def check_origin(self, origin: str) -> bool:
        return urlsplit(origin).netloc == self.request.host


class PublicUntilBusy(Public):
    """The same on every page, until it has had enough; then it answers 403, too."""

    count = 0

    def check_origin(self, origin: str) -> bool:
        type(self).count += 1
        return self.count < 12


async def test_a_foreign_page_at_an_open_endpoint() -> None:
    """The endpoint's own page gets in without a credential, so that a refusal is about the other page."""
    async with serving(Public) as port:
        report = await probed(port)
    assert {one.outcome for one in report.tried if one.rule_id == "SP101"} == {"open"}
    assert {one.outcome for one in report.tried if one.rule_id == "SP201"} == {"closed"}
    async with serving(PublicUntilBusy) as port:
        report = await probed(port)
    assert "closed" not in {one.outcome for one in report.tried if one.rule_id == "SP201"}
