"""Wrong passwords count against the account of a real user: a default run sends one at most."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from tornado.web import Application, HTTPError, RequestHandler

from audit_tests.prober.adversary.logout import LogIn, LogOut, Session
from audit_tests.prober.servers import Feed, listening, probed, serving, slugs
from stormdoor_audit.prober.identity import Identity
from stormdoor_audit.prober.login import Login
from stormdoor_audit.prober.passwords import passwords_of
from stormdoor_audit.report.finding import Report

pytestmark = pytest.mark.sampled(4)

PASSWORD = "correct horse"
PRICES = {"type": "prices", "items": [{"name": "oil", "price": 71}]}


class Recorder(Feed):
    """A server that writes down each password it is sent."""

    seen: ClassVar[list[str]] = []
    accepts: ClassVar[Callable[[str], bool]] = PASSWORD.__eq__

    def judge(self, password: str) -> bool:
        """Write the password down, and judge it."""
        self.seen.append(password)
        return type(self).accepts(password)


class Basic(Recorder):
    """HTTP Basic."""

    def prepare(self) -> None:
        scheme, _, given = self.request.headers.get("Authorization", "").partition(" ")
        if scheme != "Basic":
            raise HTTPError(401)
        try:
            password = base64.b64decode(given).decode().partition(":")[2]
        except ValueError:
            password = f"(malformed) {given}"
        if not self.judge(password):
            raise HTTPError(401)


class InAddress(Recorder):
    """A parameter of the address."""

    def prepare(self) -> None:
        given = self.get_argument("password", None)
        if given is None or not self.judge(given):
            raise HTTPError(401)


class FirstMessage(Recorder):
    """A field of the first message."""

    def prepare(self) -> None:
        """Accept every handshake."""

    def open(self, *args: str, **kwargs: str) -> None:
        """Wait for the first message."""

    def password(self, message: str) -> str:
        return str(json.loads(message)["auth"]["password"])

    def on_message(self, message: str | bytes) -> None:
        if "password" not in str(message) and "LOGIN" not in str(message):
            self.close(4401, "log in first")
        elif self.judge(self.password(str(message))):
            self.write_message(json.dumps(PRICES))
        else:
            self.close(4401, "wrong password")


class Line(FirstMessage):
    """A line such as `LOGIN ada password=…`."""

    def password(self, message: str) -> str:
        return message.partition("password=")[2]


_BASIC = "Basic " + base64.b64encode(f"ada:{PASSWORD}".encode()).decode()
_FIRST = json.dumps({"type": "login", "auth": {"user": "ada", "password": PASSWORD}})
_PLACES: list[Any] = [
    (Basic, Identity("ada", headers=(("Authorization", _BASIC),))),
    (Basic, Identity("ada", headers=(("Authorization", _BASIC),), cookies=(("theme", "dark"),))),
    (InAddress, Identity("ada", query=(("password", "correct%20horse"),))),
    (FirstMessage, Identity("ada", first_message=_FIRST)),
    (FirstMessage, Identity("ada", first_message=_FIRST, cookies=(("sid", "a1b2c3d4e5f6"),))),
    (Line, Identity("ada", first_message=f"LOGIN ada password={PASSWORD}")),
]


class Page(RequestHandler):
    """A page with a token for every visitor, which is tried in the place of a credential."""

    def get(self) -> None:
        self.set_cookie("visit", "v-7f3a91c2d4e5")
        self.write('<script>const token = "t-4fa1c97d20e83b5566aa"</script>')


def _recording(handler: type[Recorder], **own: Any) -> Any:
    return type(handler.__name__, (handler,), {"seen": [], **own})


def _said(report: Report, rule: str) -> dict[str, str]:
    return {one.outcome: one.what for one in report.tried if one.rule_id == rule}


@pytest.mark.parametrize(("kind", "owner"), _PLACES)
async def test_one_wrong_password(kind: type[Recorder], owner: Identity) -> None:
    """One in the whole run, with all its probes; the forms left out are named with `--active`."""
    handler = _recording(kind)
    async with serving(handler, ("/", Page)) as port:
        report = await probed(port, owner=owner)
    wrong = [one for one in handler.seen if one != PASSWORD]
    assert len(wrong) == 1, wrong
    said = _said(report, "SP102")
    assert set(said) == {"closed", "not-tried"}
    assert "--active" in said["not-tried"]
    assert "cut in half" in said["not-tried"]


async def test_one_wrong_password_at_all_endpoints() -> None:
    """The account is the same at each of them."""
    handler = _recording(Basic)
    async with serving(handler, ("/other", handler)) as port:
        urls = tuple(f"ws://127.0.0.1:{port}/{path}" for path in ("ws", "other"))
        report = await probed(port, owner=_PLACES[0][1], urls=urls)
    assert len(report.endpoints) == 2
    assert len([one for one in handler.seen if one != PASSWORD]) == 1


@pytest.mark.extended
async def test_more_wrong_passwords_with_active() -> None:
    """All forms are tried then."""
    handler = _recording(Basic)
    async with serving(handler) as port:
        report = await probed(port, owner=_PLACES[0][1], active=True)
    assert len({*handler.seen} - {PASSWORD}) > 3
    assert set(_said(report, "SP102")) == {"closed"}


async def test_a_server_that_takes_any_password() -> None:
    """It is found with the one that may be sent, which is sent again because it was accepted."""
    handler = _recording(Basic, accepts=lambda _: True)
    async with serving(handler) as port:
        report = await probed(port, owner=_PLACES[0][1])
    assert "damaged-credential" in slugs(report)


async def test_a_login_form_gets_no_wrong_password() -> None:
    """The form is sent as it was given, and the password of a login is guessed with `--active` only."""
    sent: list[str] = []

    class Form(LogIn):
        def post(self) -> None:
            sent.append(self.get_body_argument("password"))
            super().post()

    known: set[str] = set()
    shared: dict[str, Any] = {"known": known, "sockets": []}
    routes: list[Any] = [
        ("/login", Form, shared), ("/logout", LogOut, shared), ("/ws", Session, shared)
    ]  # fmt: skip

    async with listening(Application(routes)) as port:
        login = Login(f"http://127.0.0.1:{port}/login", (("user", "ada"), ("password", PASSWORD)))
        await probed(port, login=login, logout="/logout")
    assert set(sent) == {PASSWORD}


@pytest.mark.parametrize(
    ("who", "count"),
    [
        (Identity("a", headers=(("X-Password", "x"),)), 1),
        (Identity("a", first_message='CONNECT {"user": "a", "pass": "x"}'), 1),
        (Identity("a", first_message='42["login", {"pwd": "x"}]'), 1),
        (Identity("a", cookies=(("password", "x"),)), 0),
        (Identity("a", headers=(("Authorization", "Bearer pass=x"),)), 0),
        (Identity("a", first_message='{"passenger": "x", "token": "y"}'), 0),
    ],
)
def test_what_is_a_password(who: Identity, count: int) -> None:
    """Basic, and what is named like one outside of cookies; tokens and keys are tried in all forms."""
    assert len(passwords_of(who)) == count
