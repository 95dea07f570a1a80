"""Lessons from the third set of programs; each open variant has a guarded twin."""

from __future__ import annotations

import contextlib
import json
import secrets
from dataclasses import replace
from typing import Any, ClassVar

import pytest
from tornado.ioloop import IOLoop
from tornado.web import HTTPError, RequestHandler
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from audit_tests.prober.servers import ALICE, SESSIONS, Feed, probed, serving, slugs
from stormdoor_audit.prober.delivered import is_bare, leaves, shape
from stormdoor_audit.prober.identity import Identity
from stormdoor_audit.prober.script import Script
from stormdoor_audit.report.finding import Report

pytestmark = pytest.mark.sampled(5)

CHECKED = {"no-credential", "foreign-origin"}


def _came(report: Report, rule: str) -> set[str]:
    return {one.outcome for one in report.tried if one.rule_id == rule}


class Browsers(Feed):
    """Refuses who names no browser."""

    guarded = False

    def allowed(self) -> bool:
        """A browser, and where it is guarded a member."""
        browser = bool(self.request.headers.get("User-Agent"))
        return browser and (not self.guarded or super().allowed())


class MembersBrowsers(Browsers):
    """The same for members."""

    guarded = True


async def test_a_server_that_asks_for_a_browser() -> None:
    """It is looked at as by one; what it refuses then is refused."""
    async with serving(Browsers) as port:
        assert "no-credential" in slugs(await probed(port))
    async with serving(MembersBrowsers) as port:
        assert "no-credential" not in slugs(await probed(port, owner=ALICE))


class Bound(Feed):
    """A session that is bound to the browser it was given to."""

    def check_origin(self, origin: str) -> bool:
        return True

    def allowed(self) -> bool:
        return super().allowed() and self.request.headers.get("User-Agent") == "Looms/1.0"


async def test_a_browsers_own_headers_are_no_credential() -> None:
    """It sends them for a foreign page, too."""
    owner = replace(ALICE, headers=(("User-Agent", "Looms/1.0"),))
    assert owner.ambient
    assert owner.nobody().empty
    async with serving(Bound) as port:
        report = await probed(port, owner=owner)
    assert slugs(report) & CHECKED == {"foreign-origin"}


class InTurn(WebSocketHandler):
    """Ends the connection of who subscribes before the first message was answered, as GraphQL does."""

    guarded = False

    def open(self, *args: str, **kwargs: str) -> None:
        self.ready = False

    def check_origin(self, origin: str) -> bool:
        return True

    def acknowledge(self) -> None:
        """Later than the next message comes from who does not wait."""
        with contextlib.suppress(WebSocketClosedError):
            if self.guarded and self.get_cookie("session") not in SESSIONS:
                self.close(4403, "Forbidden")
                return
            self.ready = True
            self.write_message({"type": "connection_ack"})

    def on_message(self, message: str | bytes) -> None:
        if json.loads(message)["type"] == "init":
            IOLoop.current().call_later(0.03, self.acknowledge)
        elif self.ready:
            self.write_message({"type": "next", "payload": {"price": 71}})
        else:
            self.close(4401, "Unauthorized")


class MembersInTurn(InTurn):
    """The same for members."""

    guarded = True


async def test_messages_are_said_in_turn_where_they_must_be() -> None:
    """A page waits for the answer before it goes on; so does the probe, if nothing comes otherwise."""
    say = ('{"type": "init"}', '{"type": "subscribe", "id": "{unique}"}')
    async with serving(InTurn) as port:
        assert slugs(await probed(port, say=say)) >= CHECKED
        assert slugs(await probed(port, say=say, owner=ALICE)) >= CHECKED
    async with serving(MembersInTurn) as port:
        assert not slugs(await probed(port, say=say)) & CHECKED
        report = await probed(port, say=say, owner=ALICE)
    assert "no-credential" not in slugs(report)
    assert "foreign-origin" in slugs(report)


class Tab(Feed):
    """Its credential is a short word of chance among the subprotocols."""

    word = "tok-4fa1c9"

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        return "ledger.v1"

    def allowed(self) -> bool:
        offered = self.request.headers.get("Sec-WebSocket-Protocol", "")
        return "ledger.v1" in offered and self.word in offered


class NoTab(Tab):
    """Asks for the name alone."""

    word = ""


async def test_a_short_word_of_chance_among_the_subprotocols() -> None:
    """A short random subprotocol is the credential, and the name beside it is not."""
    owner = Identity("alice", protocols=("ledger.v1", Tab.word))
    async with serving(Tab) as port:
        assert not slugs(await probed(port, owner=owner)) & CHECKED
    async with serving(NoTab) as port:
        assert "no-credential" in slugs(await probed(port, owner=owner))


@pytest.mark.parametrize(
    ("name", "credential"),
    [
        ("ledger.v1", False),
        ("graphql-transport-ws", False),
        ("v12.stomp", False),
        ("ocpp1.6", False),
        ("v4.channel.k8s.io", False),
        ("2024-11-05", False),
        ("base64.binary", False),
        ("tok-4fa1c9", True),
        ("csrf.9e01f7", True),
        ("pin-482913", True),
    ],
)
def test_names_and_words_of_chance(name: str, credential: bool) -> None:
    """A version in a name is no credential."""
    assert (Identity("", protocols=(name,)).nobody().protocols == ()) is credential


class Challenges(WebSocketHandler):
    """Handler that answers every message with another challenge, until a client solves it."""

    def open(self, *args: str, **kwargs: str) -> None:
        self.ask()

    def ask(self) -> None:
        """Once more."""
        self.write_message({"state": "waiting", "number": f"7a{secrets.token_hex(8)}"})

    def on_message(self, message: str | bytes) -> None:
        self.ask()


async def test_a_challenge_is_no_delivery() -> None:
    """Nothing but chance is in it."""
    async with serving(Challenges) as port:
        report = await probed(port, say=('{"list": true}',))
    assert _came(report, "SP101") == {"not-determined"}


@pytest.mark.parametrize(
    ("message", "bare"),
    [
        ({"state": "waiting", "number": "7a01bc22d4"}, True),
        ({"type": "joined", "peer": "a1b2c3d4e5"}, True),
        ({"id": 1, "method": "rows", "word": "a1b2c3d4e5f6"}, True),
        ({"price": 71}, False),
        ({"file": "report2024-final.pdf", "size": 12}, False),
        ({"text": "the looms are running"}, False),
    ],
)
def test_bare(message: Any, bare: bool) -> None:
    """Beside what is made of chance there is nothing."""
    assert is_bare(json.dumps(message)) is bare


class Hello(WebSocketHandler):
    """A feed of one word, as in a tutorial."""

    seconds = 0.25

    def open(self, *args: str, **kwargs: str) -> None:
        self.greet()

    def greet(self) -> None:
        """Once more."""
        with contextlib.suppress(WebSocketClosedError):
            self.write_message("hello!")
            IOLoop.current().call_later(self.seconds, self.greet)


class OneHello(Hello):
    """A greeting, and silence."""

    seconds = 60.0


async def test_a_greeting_that_goes_on_is_a_feed() -> None:
    """One greeting says nothing."""
    async with serving(Hello) as port:
        assert _came(await probed(port, listen=0.4), "SP101") == {"open"}
    async with serving(OneHello) as port:
        assert _came(await probed(port, listen=0.4), "SP101") == {"not-determined"}


class Quiet(WebSocketHandler):
    """Says nothing by itself."""

    def check_origin(self, origin: str) -> bool:
        return True


class Injecting(RequestHandler):
    """A page that puts a script of its own into itself."""

    def get(self) -> None:
        self.write("<script>s.src = '//' + location.host + '/reload.js?port=' + port</script>")


class Reload(RequestHandler):
    """The script."""

    login = ""

    def get(self) -> None:
        self.set_header("Content-Type", "application/javascript")
        self.write(f"{self.login}new WebSocket(`ws://${{location.host}}/ws`)")


class ReloadForMembers(Reload):
    """Knows of a login."""

    login = "const token = kept();"


async def test_a_script_that_a_page_puts_into_itself() -> None:
    """It is read like the others; one word about a login is enough to say nothing."""
    for script, came in ((Reload, "open"), (ReloadForMembers, "not-determined")):
        async with serving(Quiet, ("/", Injecting), ("/reload.js", script)) as port:
            assert _came(await probed(port), "SP101") == {came}


def test_an_answer_without_content() -> None:
    """The number that it belongs to is none."""
    assert not shape('{"jsonrpc": "2.0", "id": 7, "result": null}')
    assert shape('{"jsonrpc": "2.0", "id": 7, "result": ["looms"]}')


class Example(WebSocketHandler):
    """Shows strangers an example, which has the form of what the owner sees."""

    guarded = True

    def check_origin(self, origin: str) -> bool:
        return True

    def open(self, *args: str, **kwargs: str) -> None:
        known = not self.guarded or self.get_cookie("session") in SESSIONS
        mine = [
            {"who": f"customer {one}", "memo": f"looms for {one}", "sum": 9} for one in "abcdef"
        ]
        sample = [{"who": "demo", "memo": "what stands here is an example", "sum": 1}] * 9
        self.write_message({"kind": "ledger", "rows": mine if known else sample})


class NoExample(Example):
    """Handler that sends the same to every client."""

    guarded = False


async def test_an_example_is_not_what_the_owner_sees() -> None:
    """Its form is the same, and none of its texts is; the owner is told the same each time."""
    async with serving(Example) as port:
        report = await probed(port, owner=ALICE)
    assert _came(report, "SP101") == {"not-determined"}
    assert "foreign-origin" in slugs(report)
    async with serving(NoExample) as port:
        assert "no-credential" in slugs(await probed(port, owner=ALICE))


def test_leaves() -> None:
    """Texts of a message, without the words for its kind."""
    text = '{"type": "row", "who": "ada", "all": [{"memo": "looms"}, 3], "x": "no"}'
    assert leaves(text) == {"ada", "looms"}


class FirstMessage(WebSocketHandler):
    """Reads a token in the first message."""

    good: ClassVar[set[str]] = {"hb-20c7"}

    def on_message(self, message: str | bytes) -> None:
        given = json.loads(message)
        if given.get("op") != "hello" or given.get("token") not in self.good:
            self.close(4401)
        else:
            self.write_message({"kind": "tides", "levels": [1.2, 3.4]})


class TakesNothing(FirstMessage):
    """Also takes an empty one."""

    good: ClassVar[set[str]] = {"hb-20c7", ""}


class TakesNull(FirstMessage):
    """Also takes what a page sends that has kept none."""

    good: ClassVar[set[str]] = {"hb-20c7", "null"}


async def test_a_credential_is_changed_where_it_stands_in_a_message() -> None:
    """The rest of the message is left, or else nothing would be said of the token."""
    owner = Identity("alice", first_message='{"op": "hello", "token": "hb-20c7"}')
    for handler, came in ((FirstMessage, "closed"), (TakesNothing, "open"), (TakesNull, "open")):
        async with serving(handler) as port:
            assert _came(await probed(port, owner=owner), "SP102") == {came}, handler


def test_a_login_without_a_field_for_a_secret() -> None:
    """Every text is changed, except for what says of which kind it is; also behind a packet's number."""
    owner = Identity("ada", first_message='40/chat,{"type": "enter", "user": "ada"}')
    changed = owner.changed("x", lambda _: "somebody")
    assert changed.first_message == '40/chat,{"type": "enter", "user": "somebody"}'


KERNELS: set[str] = set()


class Kernel(WebSocketHandler):
    """Handler with an unguessable id in its address."""

    def prepare(self) -> None:
        if self.request.path.split("/")[3] not in KERNELS:
            raise HTTPError(404)

    def on_message(self, message: str | bytes) -> None:
        self.write_message({"kind": "info", "language": "python"})


class Kernels(RequestHandler):
    """Handler that creates an id for every client that asks."""

    def post(self) -> None:
        made = f"k1{secrets.token_hex(12)}"
        KERNELS.add(made)
        self.set_status(201)
        self.write({"id": made})

    def delete(self, name: str = "") -> None:
        KERNELS.discard(name)


class MembersKernels(Kernels):
    """Makes one for who is logged in."""

    def prepare(self) -> None:
        if self.get_cookie("session") not in SESSIONS:
            raise HTTPError(403)


async def _kernels(handler: type[Kernels], **plan: Any) -> Report:
    KERNELS.clear()
    KERNELS.add("k13f0c7a9e52d84b16a1c0de7")
    more = [("/api/kernels", handler), (r"/api/kernels/(\w+)", handler)]
    say = ('{"ask": "info"}',)
    async with serving(Kernel, *more, path=r"/api/kernels/\w+/channels") as port:
        path = "/api/kernels/k13f0c7a9e52d84b16a1c0de7/channels"
        return await probed(port, path, say=say, **plan)


async def test_an_address_that_is_made_for_everybody() -> None:
    """An id that every client can create is no secret; the prober tries that only with `active`."""
    assert _came(await _kernels(Kernels), "SP101") == {"not-determined"}
    assert sorted(KERNELS) == ["k13f0c7a9e52d84b16a1c0de7"]
    assert _came(await _kernels(Kernels, active=True), "SP101") == {"open"}
    # What was made for it is gone again.
    assert sorted(KERNELS) == ["k13f0c7a9e52d84b16a1c0de7"]
    assert _came(await _kernels(MembersKernels, active=True), "SP101") == {"not-determined"}


@pytest.mark.parametrize(
    "text",
    [
        (
            "let u = new URL(document.location.href); let { protocol, host } = u;\n"
            'let p = protocol.replace("http", "ws"); new WebSocket(`${p}//${host}/live`)'
        ),
        (
            "const { protocol, host } = new URL(import.meta.url);\n"
            "const a = `ws${protocol === 'https:' ? 's' : ''}://${host}/live`; new WebSocket(a)"
        ),
    ],
)
def test_what_is_taken_apart_is_known(text: str) -> None:
    """As people write it today."""
    found = Script(text, "http://127.0.0.1:8000/page").addresses()
    assert ("ws://127.0.0.1:8000/live", True) in [(one.url, one.certain) for one in found]
