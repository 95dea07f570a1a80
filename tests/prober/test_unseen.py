"""What the prober learned from programs that it had not seen; each with its sound twin."""

from __future__ import annotations

import json
from typing import ClassVar

from tornado.web import HTTPError, RequestHandler
from tornado.websocket import WebSocketHandler

from stormdoor.prober.delivered import GREETING, is_refusal, shape
from stormdoor.prober.identity import Identity
from stormdoor.prober.made_up import alike
from tests.prober.servers import probed, serving, slugs, states


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
    """Whatever stands there is let in, so that anybody is; where it must be the right one, it is one."""
    async with serving(OneTab) as port:
        report = await probed(port, "/ws?session_id=s_4f7a91c3")
    assert {"no-credential", "foreign-origin"} <= slugs(report)
    async with serving(OneSession) as port:
        report = await probed(port, "/ws?session_id=s_4f7a91c3")
    assert not {"no-credential", "foreign-origin"} & slugs(report)
    assert states(report)["authentication"] == "weak"  # It is in the address, again and again.


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


class Ledger(WebSocketHandler):
    """Asks for a token in the first message, and has told everything before."""

    tells_all = True

    def open(self, *args: str, **kwargs: str) -> None:
        if self.tells_all:
            self.entry()

    def entry(self) -> None:
        """What is worth protecting."""
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
    """What everybody was told before is all there is; it is not left out of what the owner gets."""
    owner = Identity("ada", first_message='{"token": "tk-4f9d2c71b8e0a635"}')
    async with serving(Ledger) as port:
        assert "no-credential" in slugs(await probed(port, owner=owner))
    async with serving(QuietLedger) as port:
        assert "no-credential" not in slugs(await probed(port, owner=owner))


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
