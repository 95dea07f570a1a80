"""Lessons from unseen programs; each has a sound twin."""

from __future__ import annotations

import json
from typing import ClassVar
from urllib.parse import urlsplit

import pytest
from tornado.web import HTTPError, RequestHandler
from tornado.websocket import WebSocketHandler

from audit_tests.prober.servers import probed, serving, slugs, states
from stormdoor_audit.prober.budget import Budget
from stormdoor_audit.prober.delivered import GREETING, is_refusal, shape
from stormdoor_audit.prober.discover import discover
from stormdoor_audit.prober.identity import Identity
from stormdoor_audit.prober.made_up import alike
from stormdoor_audit.prober.web import Web

pytestmark = pytest.mark.sampled(5)


class OneTab(WebSocketHandler):
    """Knows a tab by a name that its page makes up, and lets each in once at a time."""

    tabs: ClassVar[set[str]] = set()
    asks = False

    def prepare(self) -> None:
        self.tab = self.get_query_argument("session_id", "")
        good = self.tab == "s_4f7a91c3" if self.asks else self.tab not in {"", *self.tabs}
        if not good:
            raise HTTPError(403)

    def check_origin(self, origin: str) -> bool:
        return True

    def open(self, *args: str, **kwargs: str) -> None:
        if not self.asks:
            self.tabs.add(self.tab)
        self.write_message({"op": "cells", "codes": ["1 + 1"]})


class OneSession(OneTab):
    """The same, and the name is that of a session which the server has made."""

    asks = True


async def test_a_name_that_the_client_makes_up_is_no_credential() -> None:
    """A name that the client invents is no credential if every value is accepted; else it is one."""
    async with serving(OneTab) as port:
        report = await probed(port, "/ws?session_id=s_4f7a91c3")
    assert {"no-credential", "foreign-origin"} <= slugs(report)
    async with serving(OneSession) as port:
        report = await probed(port, "/ws?session_id=s_4f7a91c3")
    assert not {"no-credential", "foreign-origin"} & slugs(report)
    assert states(report)["authentication"] == "weak"  # It is in the address, again and again.


class Ticket(WebSocketHandler):
    """Is bought by a ticket in the address, which works once."""

    tickets: ClassVar[set[str]] = set()

    def prepare(self) -> None:
        if self.get_query_argument("ticket", "") not in self.tickets:
            raise HTTPError(403)
        self.tickets.clear()

    def open(self, *args: str, **kwargs: str) -> None:
        self.write_message({"quote": "ACME", "bid": 12})


async def test_a_ticket_is_not_spent_to_see_whether_it_is_made_up() -> None:
    """Another value is tried first, and is refused."""
    Ticket.tickets.add("t-0b7f3a9d5c1e4482")
    async with serving(Ticket) as port:
        report = await probed(port, "/ws?ticket=t-0b7f3a9d5c1e4482")
    assert {one.outcome for one in report.tried if one.rule_id == "SP101"} == {"closed"}


def test_another_name_is_written_alike() -> None:
    """Separators, digits and letters are where they were, and a short word in front stays."""
    for value, pattern in (("s_4f7a91c3", "s_"), ("41328F77-0441-4c33", "")):
        other = alike(value)
        assert other != value
        assert other.startswith(pattern)
        assert [one.isalnum() for one in other] == [one.isalnum() for one in value]


class Quiet(WebSocketHandler):
    """Speaks when something happens, and nothing does."""

    def check_origin(self, origin: str) -> bool:
        return True


class Everybodys(RequestHandler):
    """A page without a login."""

    def get(self) -> None:
        self.write("<body><script>new WebSocket(`ws://${location.host}/ws`)</script></body>")


class Members(RequestHandler):
    """A page that knows of a login."""

    def get(self) -> None:
        self.write(
            "<body><script>ws = new WebSocket(`ws://${location.host}/ws`)\n"
            "ws.onopen = () => ws.send(JSON.stringify({token: kept()}))</script></body>"
        )


async def test_a_page_for_everybody_tells_what_a_quiet_socket_does_not() -> None:
    """Only where neither the page nor its scripts know of a login."""
    async with serving(Quiet, ("/", Everybodys)) as port:
        report = await probed(port)
    assert {"no-credential", "foreign-origin"} <= slugs(report)
    async with serving(Quiet, ("/", Members)) as port:
        report = await probed(port)
    assert not slugs(report) & {"no-credential", "foreign-origin"}
    async with serving(Quiet) as port:
        report = await probed(port)
    assert not slugs(report) & {"no-credential", "foreign-origin"}


class Echo(Quiet):
    """Says back what it hears."""

    def on_message(self, message: str | bytes) -> None:
        self.write_message(message)


class Asks(Quiet):
    """Handler that echoes each message that it does not understand, until a login."""

    def on_message(self, message: str | bytes) -> None:
        self.write_message({"what": "do not know you", "heard": str(message)})


async def test_an_echo_is_open_if_one_may_speak() -> None:
    """Nothing is said to a stranger's socket without `--active`; an answer that quotes is no echo."""
    async with serving(Echo) as port:
        assert "no-credential" not in slugs(await probed(port))
        assert {"no-credential", "foreign-origin"} <= slugs(await probed(port, active=True))
    async with serving(Asks) as port:
        assert "no-credential" not in slugs(await probed(port, active=True))


class Ledger(WebSocketHandler):
    """Asks for a token in the first message, and has told everything before."""

    tells_all = True

    def open(self, *args: str, **kwargs: str) -> None:
        if self.tells_all:
            self.entry()

    def entry(self) -> None:
        """Send the protected data."""
        self.write_message({"type": "entry", "account": "DE02", "amount": 4})

    def on_message(self, message: str | bytes) -> None:
        good = json.loads(message).get("token") == "tk-4f9d2c71b8e0a635"
        self.write_message({"type": "auth_result", "authenticated": good, "user": "ada"})
        if good:
            self.entry()


class QuietLedger(Ledger):
    """The same, which has not."""

    tells_all = False


async def test_a_login_that_buys_nothing_but_a_greeting() -> None:
    """A greeting that all clients receive counts as the owner's data if there is no other data."""
    owner = Identity("ada", first_message='{"token": "tk-4f9d2c71b8e0a635"}')
    async with serving(Ledger) as port:
        assert "no-credential" in slugs(await probed(port, owner=owner))
    async with serving(QuietLedger) as port:
        assert "no-credential" not in slugs(await probed(port, owner=owner))


class Fleet(WebSocketHandler):
    """Says in two bytes that one must log in, and in many where the ships are."""

    def open(self, *args: str, **kwargs: str) -> None:
        known = self.get_cookie("fleet") == "fl-c4418d0b7a"
        self.write_message(bytes(24) if known else b"\x07\x00", binary=True)


async def test_a_code_in_bytes_is_no_delivery() -> None:
    """Neither beside the owner, who gets more bytes than that, nor without one."""
    owner = Identity("ada", cookies=(("fleet", "fl-c4418d0b7a"),))
    async with serving(Fleet) as port:
        report = await probed(port, owner=owner)
        assert not slugs(report) & {"no-credential", "foreign-origin"}
        # It stays open, and was sent no message.
        assert states(report)["authentication"] == "unknown"
        assert "no-credential" not in slugs(await probed(port))


class Game(WebSocketHandler):
    """Reads its token from the offered subprotocols, and forgets that there may be none."""

    strict = False

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        return "game.v1" if "game.v1" in subprotocols else None

    def open(self, *args: str, **kwargs: str) -> None:
        offered = self.request.headers.get("Sec-WebSocket-Protocol")
        tokens = offered.split(", ")[1:] if offered else []
        if tokens != ["a-token-of-the-game-9c41e7d2"] and (offered or self.strict):
            self.close(4401)
            return
        self.write_message({"board": ["e2", "e4"]})


class StrictGame(Game):
    """The same, which has not forgotten it."""

    strict = True


async def test_who_offers_no_subprotocol_is_tried_too() -> None:
    """The prober also tries a handshake without a subprotocol, because the token is one of them."""
    owner = Identity("ada", protocols=("game.v1", "a-token-of-the-game-9c41e7d2"))
    async with serving(Game) as port:
        assert "no-credential" in slugs(await probed(port, owner=owner))
    async with serving(StrictGame) as port:
        assert "no-credential" not in slugs(await probed(port, owner=owner))


class Ending(Quiet):
    """Compares how an Origin ends; its host is an address."""

    def check_origin(self, origin: str) -> bool:
        return origin.endswith(self.request.host)

    def open(self, *args: str, **kwargs: str) -> None:
        if self.get_cookie("session"):
            self.write_message({"notes": ["buy oil"]})


async def test_an_ending_is_tried_on_an_address() -> None:
    """No browser has such a page today; where the program gets a name, it has."""
    owner = Identity("ada", cookies=(("session", "s-0123456789abcdef"),))
    async with serving(Ending) as port:
        report = await probed(port, owner=owner)
    assert "ends like yours" in next(
        one.message for one in report.findings if one.slug == "foreign-origin"
    )


class Behind(WebSocketHandler):
    """Handler that answers only its member."""

    def prepare(self) -> None:
        if self.get_cookie("session") != "s-0123456789abcdef":
            raise HTTPError(401)


class Application(RequestHandler):
    """Page with a script that does not contain the address of its socket."""

    def get(self) -> None:
        self.write("<body>The plot is drawn by a script that asks the page where it is.</body>")


async def found_at(port: int, path: str, *cookies: tuple[str, str]) -> set[str]:
    """Paths of what is discovered from a page on."""
    start = f"http://127.0.0.1:{port}{path}"
    who = Identity("ada", cookies=cookies)
    found = await discover([start], Web(Budget(200, 1000.0, 20.0), None, (), who, start))
    return {urlsplit(one.url).path for one in found.endpoints}


async def test_endpoints_that_no_script_names() -> None:
    """Below the page's address, at it, at a usual path that answers the owner, and wherever one asks."""
    async with serving(Quiet, ("/app", Application), ("/events", Behind), path="/app/ws") as port:
        assert await found_at(port, "/app") == {"/app/ws"}
        assert await found_at(port, "/app", ("session", "s-0123456789abcdef")) == {
            "/app/ws",
            "/events",
        }
    async with serving(Quiet, path="/") as port:
        assert await found_at(port, "/") == {"/"}
    async with serving(Quiet, path="/.*") as port:
        assert await found_at(port, "/") == {"/"}


def test_packets_are_opened() -> None:
    """Of Socket.IO and SockJS: what is in them counts, and so does a refusal."""
    assert is_refusal('44{"message":"xhr auth"}')
    assert is_refusal('c[3000,"Go away!"]')
    assert shape('40{"sid":"4a1"}') == ""
    assert shape('42["stats",{"cpu":0.3}]') == shape('["stats",{"cpu":0.5}]') != ""
    assert shape('a["{\\"kind\\":\\"panel\\",\\"rows\\":[1]}"]') == shape(
        '{"kind":"panel","rows":[2]}'
    )


def test_what_presents_itself_or_lets_in_is_no_delivery() -> None:
    """A greeting is named by its only field, or says that a login was accepted."""
    assert shape('{"connected": {"version": "1.11", "plugins": 4}}') == ""
    assert shape('{"rows": {"version": "1.11"}}') != ""
    named = shape('{"type": "auth_result", "authenticated": true, "user": "ada", "expires_in": 60}')
    assert named.startswith(GREETING)
    assert not shape('{"authenticated": true, "balance": 12}').startswith(GREETING)
