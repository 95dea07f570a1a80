"""Each probe: it finds what is wrong on a vulnerable server, and nothing on a sound one."""

import json
from typing import Any

import pytest
from tornado.web import HTTPError, RequestHandler
from tornado.websocket import WebSocketHandler

from audit_tests.prober.servers import (
    ALICE,
    BOB,
    KEY,
    SESSIONS,
    Feed,
    jwt,
    probed,
    serving,
    slugs,
    states,
)
from stormdoor_audit.prober.engine import CannotProbe
from stormdoor_audit.prober.identity import Identity
from stormdoor_audit.prober.login import Login

pytestmark = pytest.mark.sampled(5)

SAY = ('{"type":"list"}',)
BEARER = Identity("alice", headers=(("Authorization", f"Bearer {jwt()}"),))


class Open(Feed):
    def allowed(self) -> bool:
        return True


class AnyCookie(Feed):
    def allowed(self) -> bool:
        return self.get_cookie("session") is not None


class AnyOrigin(Feed):
    def check_origin(self, origin: str) -> bool:
        return True


class BeginsLike(Feed):
    def check_origin(self, origin: str) -> bool:
        return origin.startswith("http://127.0.0.1")


class NullOrigin(Feed):
    def check_origin(self, origin: str) -> bool:
        return origin == "null" or super().check_origin(origin)


class AnyPort(Feed):
    def check_origin(self, origin: str) -> bool:
        return origin.rpartition(":")[0] == "http://127.0.0.1"


class TrustsHeader(Feed):
    def allowed(self) -> bool:
        return super().allowed() or "X-Forwarded-User" in self.request.headers


class TrustsAddress(Feed):
    def allowed(self) -> bool:
        return super().allowed() or self.request.headers.get("X-Forwarded-For") == "127.0.0.1"


class Bearer(Feed):
    """Verifies as it should."""

    def token(self) -> str:
        return self.request.headers.get("Authorization", "").removeprefix("Bearer ")

    def allowed(self) -> bool:
        return self.token() == jwt()

    def check_origin(self, origin: str) -> bool:
        return True


class Unsigned(Bearer):
    def allowed(self) -> bool:
        return self.token().count(".") == 2


class NoneAccepted(Bearer):
    def allowed(self) -> bool:
        import base64

        head = self.token().split(".")[0]
        try:
            alg = json.loads(base64.urlsafe_b64decode(head + "=="))["alg"]
        except ValueError:
            return False
        return self.token() == jwt() or alg == "nOnE"


class BearerOrQuery(Bearer):
    def token(self) -> str:
        return self.get_query_argument("access_token", super().token())


class QueryToken(Feed):
    def allowed(self) -> bool:
        return self.get_query_argument("token", "") == KEY


TICKETS: set[str] = set()


class Ticket(Feed):
    def allowed(self) -> bool:
        ticket = self.get_query_argument("ticket", "")
        return ticket in TICKETS and not TICKETS.discard(ticket)  # type: ignore[func-returns-value]


class ClosesLate(WebSocketHandler):
    """Says no after the 101, and goes on reading."""

    def open(self, *args: str, **kwargs: str) -> None:
        if self.get_cookie("session") not in SESSIONS:
            self.close(4401, "no")

    def on_message(self, message: str | bytes) -> None:
        self.write_message({"type": "said", "items": [1]})


class Late(ClosesLate):
    """Acts although it has said no."""

    def open(self, *args: str, **kwargs: str) -> None:
        self.known = self.get_cookie("session") in SESSIONS

    def on_message(self, message: str | bytes) -> None:
        self.write_message({"type": "said", "items": [1]})
        if not self.known:
            self.close(4401)


class Documents(Feed):
    """Handler that sends the document of the address to every member."""

    def open(self, *args: str, **kwargs: str) -> None:
        self.write_message({"type": "doc", "owner": args[0], "text": "account 4711-0815"})


class OwnDocuments(Documents):
    def open(self, *args: str, **kwargs: str) -> None:
        me = SESSIONS[str(self.get_cookie("session"))]
        text = "account 4711-0815" if me == args[0] else "none"
        self.write_message({"type": "doc", "owner": me, "text": text})


class Tells(Feed):
    def prepare(self) -> None:
        if not self.allowed():
            self.set_status(401)
            self.finish('Traceback (most recent call last):\n  File "/srv/app.py", line 3')


VULNERABLE: list[tuple[Any, dict[str, Any], str]] = [
    (Open, {}, "no-credential"),
    (Open, {"owner": ALICE}, "no-credential"),
    (AnyCookie, {"owner": ALICE}, "damaged-credential"),
    (Unsigned, {"owner": BEARER}, "forged-token"),
    (NoneAccepted, {"owner": BEARER}, "forged-token"),
    (TrustsHeader, {"owner": ALICE}, "forged-headers"),
    (TrustsAddress, {}, "forged-headers"),
    (Late, {"owner": ALICE, "say": SAY}, "no-credential"),
    (AnyOrigin, {"owner": ALICE}, "foreign-origin"),
    (BeginsLike, {"owner": ALICE}, "foreign-origin"),
    (NullOrigin, {"owner": ALICE}, "foreign-origin"),
    (AnyPort, {"owner": ALICE}, "foreign-origin"),
    (Open, {}, "rebound-host"),
    (BearerOrQuery, {"owner": BEARER}, "credential-in-url"),
    (QueryToken, {"owner": Identity("alice", query=(("token", KEY),))}, "credential-in-url"),
    (Tells, {}, "error-leakage"),
    (Open, {"active": True}, "malformed-messages"),
    (Open, {"active": True}, "handshake-rate"),
    (Open, {"active": True, "say": SAY}, "message-rate"),
]


@pytest.mark.parametrize(
    ("handler", "plan", "slug"), VULNERABLE, ids=lambda one: getattr(one, "__name__", None)
)
async def test_vulnerable(handler: Any, plan: dict[str, Any], slug: str) -> None:
    """The probe finds it, and shows what went over the wire, without the credential."""
    async with serving(handler) as port:
        report = await probed(port, **plan)
    assert slug in slugs(report)
    for one in report.findings:
        text = "\n".join(one.transcript)
        assert text
        assert not any(secret in text for secret in (*SESSIONS, KEY, jwt()))


SOUND: list[tuple[Any, dict[str, Any]]] = [
    (Feed, {}),
    (Feed, {"owner": ALICE}),
    (Feed, {"owner": ALICE, "other": BOB, "say": SAY}),
    (Bearer, {"owner": BEARER}),
    (ClosesLate, {"owner": ALICE}),
    (ClosesLate, {"owner": ALICE, "say": SAY}),
    (ClosesLate, {}),
]


@pytest.mark.parametrize(("handler", "plan"), SOUND, ids=lambda one: getattr(one, "__name__", None))
async def test_sound(handler: Any, plan: dict[str, Any]) -> None:
    """Nothing is found."""
    async with serving(handler) as port:
        report = await probed(port, **plan)
    assert slugs(report) == set()


async def test_verdicts() -> None:
    """A refused attempt is `guarded`, and an irrelevant check is not needed."""
    async with serving(Feed) as port:
        guarded = states(await probed(port, owner=ALICE))
    assert (guarded["authentication"], guarded["origin"]) == ("guarded", "guarded")
    async with serving(Bearer) as port:
        assert states(await probed(port, owner=BEARER))["origin"] == "not-needed"


async def test_ticket_that_works_once() -> None:
    """It is no credential in the address that works again, and the origin could not be told."""
    TICKETS.add("a-ticket-that-works-once-only")
    owner = Identity("alice", query=(("ticket", "a-ticket-that-works-once-only"),))
    async with serving(Ticket) as port:
        report = await probed(port, owner=owner)
    assert slugs(report) == set()


@pytest.mark.parametrize(
    ("handler", "found"), [(Documents, {"other-identity"}), (OwnDocuments, set())]
)
async def test_other_identity(handler: Any, found: set[str]) -> None:
    """The owner's private data that the second identity receives is a finding."""
    async with serving(handler, path="/doc/(.*)") as port:
        report = await probed(port, "/doc/alice", owner=ALICE, other=BOB, private="4711-0815")
    assert slugs(report) == found


async def test_owner_who_does_not_get_in() -> None:
    """There is nothing to compare with, and that is no clean report."""
    wrong = Identity("alice", cookies=(("session", "gone"),))
    async with serving(Feed) as port:
        with pytest.raises(CannotProbe, match="does not get in"):
            await probed(port, owner=wrong)


@pytest.mark.parametrize("status", [302, 401, 403, 404, 500])
async def test_refusals(status: int) -> None:
    """A refusal with any of these statuses counts as a refusal."""

    class Refuses(Feed):
        def prepare(self) -> None:
            if not self.allowed():
                if status == 302:
                    self.redirect("/login")
                else:
                    raise HTTPError(status)

    async with serving(Refuses) as port:
        report = await probed(port, owner=ALICE)
    assert slugs(report) == set()
    assert states(report)["authentication"] == "guarded"


class SilentFeed(Feed):
    """Opens for all, and speaks to members only."""

    def prepare(self) -> None:
        """Accept every handshake."""

    def open(self, *args: str, **kwargs: str) -> None:
        if self.allowed():
            super().open()

    def on_message(self, message: str | bytes) -> None:
        if self.allowed():
            super().on_message(message)


async def test_silence_is_a_refusal_only_after_a_message_beside_an_owner() -> None:
    """An open and silent socket is refused where the owner is answered what this client is not."""
    async with serving(SilentFeed) as port:
        asked = await probed(port, owner=ALICE, say=SAY)
        beside, alone = await probed(port, owner=ALICE), await probed(port)
    assert slugs(asked) == slugs(beside) == slugs(alone) == set()
    assert states(asked)["authentication"] == "guarded"
    assert states(beside)["authentication"] == states(alone)["authentication"] == "unknown"
    assert any("SP101" in one.what for one in alone.coverage.unresolved)


class PlainChat(WebSocketHandler):
    """Chat of Tornado's own example: silent until a client sends a message."""

    def on_message(self, message: str | bytes) -> None:
        self.write_message({"id": "1", "body": json.loads(message)["body"], "html": "<p>"})


async def test_plain_chat() -> None:
    """An open chat is found by its answer, and Tornado's own origin check refuses the foreign page."""
    async with serving(PlainChat) as port:
        report = await probed(port, say=('{"body":"probe {unique}"}',))
    assert {"no-credential", "rebound-host"} == slugs(report)


class FirstMessage(WebSocketHandler):
    """Greets, waits for a token, then answers."""

    known = False

    def open(self, *args: str, **kwargs: str) -> None:
        self.write_message({"type": "auth_required", "version": 3})

    def on_message(self, message: str | bytes) -> None:
        if self.known:
            self.write_message({"type": "said", "items": [1]})
        elif json.loads(message).get("token") == KEY:
            self.known = True
            self.write_message({"type": "state", "items": [{"name": "oil"}]})
        else:
            self.write_message({"type": "error", "error": "unauthenticated"})


class NeverChecks(FirstMessage):
    def on_message(self, message: str | bytes) -> None:
        self.known = True
        super().on_message(message)


FIRST = Identity("alice", first_message=json.dumps({"type": "auth", "token": KEY}))


async def test_first_message() -> None:
    """A greeting to every client is no delivery; an answered message before the login is a finding."""
    async with serving(FirstMessage) as port:
        for plan in ({}, {"owner": FIRST}, {"owner": FIRST, "say": SAY}):
            assert slugs(await probed(port, **plan)) == set()
    async with serving(NeverChecks) as port:
        assert slugs(await probed(port, say=SAY)) >= {"no-credential"}


class Capability(Feed):
    def allowed(self) -> bool:
        return self.request.path.endswith("b3f1a9c27d5e4a60b3f1a9c27d5e4a61")


async def test_capability() -> None:
    """A path that is the secret is no missing login."""
    async with serving(Capability, path="/share/(.*)") as port:
        report = await probed(port, "/share/b3f1a9c27d5e4a60b3f1a9c27d5e4a61")
    assert slugs(report) == set()
    assert any("the address may be one" in one.what for one in report.coverage.unresolved)


class Protocol(Feed):
    """Feed that refuses a client without its subprotocol."""

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        return "prices.v1" if "prices.v1" in subprotocols else None

    def allowed(self) -> bool:
        offered = self.request.headers.get("Sec-WebSocket-Protocol", "").replace(" ", "").split(",")
        return "prices.v1" in offered and f"token.{KEY}" in offered


async def test_subprotocols() -> None:
    """The credential among the subprotocols is changed, the name of the protocol is not."""
    owner = Identity("alice", protocols=("prices.v1", f"token.{KEY}"))
    async with serving(Protocol) as port:
        report = await probed(port, owner=owner)
    assert slugs(report) == set()
    assert states(report)["origin"] == "not-needed"


# -- logins ---------------------------------------------------------------------------------------

LIMITS = {"connections-per-client", "malformed-frames"}  # Tornado takes frames without a mask
LIVE: set[str] = set()


class LogIn(RequestHandler):
    """A form with an XSRF cookie."""

    session = "s-{}-0123456789abcdef"
    flags: dict[str, Any] = {"httponly": True}  # noqa: RUF012 - a table
    count = 0

    def get(self) -> None:
        self.finish(f"<form><input type=hidden name=_xsrf value={self.xsrf_token.decode()}></form>")

    def post(self) -> None:
        if self.get_body_argument("password") != "right":
            raise HTTPError(403)
        LogIn.count += 1
        value = self.session.format(LogIn.count)
        LIVE.add(value)
        self.set_cookie("session", value, **self.flags)


class LogInForScripts(LogIn):
    flags: dict[str, Any] = {}  # noqa: RUF012


class LogInKeeps(LogIn):
    """The cookie of the stranger becomes that of the member."""

    def get(self) -> None:
        self.set_cookie("session", f"kept-{id(self)}-0123456789abcdef", httponly=True)
        super().get()

    def post(self) -> None:
        LIVE.add(str(self.get_cookie("session")))


class LogOut(RequestHandler):
    def post(self) -> None:
        LIVE.discard(str(self.get_cookie("session")))


class LogOutInTheBrowser(RequestHandler):
    def post(self) -> None:
        self.clear_cookie("session")


class Members(Feed):
    def allowed(self) -> bool:
        return self.get_cookie("session") in LIVE

    def on_message(self, message: str | bytes) -> None:
        if self.allowed():
            super().on_message(message)
        else:
            self.close(3000)


@pytest.mark.parametrize(
    ("log_in", "log_out", "plan", "found"),
    [
        (LogIn, LogOut, {}, set()),
        (LogInForScripts, LogOut, {}, {"cookie-flags"}),
        (LogInKeeps, LogOut, {}, {"session-fixation"}),
        (LogIn, LogOutInTheBrowser, {"logout": "/logout"}, {"after-logout"}),
        (LogIn, LogOut, {"logout": "/logout"}, set()),
        (LogIn, LogOut, {"active": True}, LIMITS | {"password-guessing", "malformed-messages"}),
    ],
)
async def test_logins(log_in: Any, log_out: Any, plan: dict[str, Any], found: set[str]) -> None:
    """The prober checks the cookies of a login and the end by a logout, and sends the XSRF cookie."""
    LIVE.clear()
    fields = (("username", "alice"), ("password", "right"))
    more = [("/login", log_in), ("/logout", log_out)]
    async with serving(Members, *more, xsrf_cookies=True) as port:
        login = Login(f"http://127.0.0.1:{port}/login", fields)
        report = await probed(port, login=login, say=SAY[:0] if "active" in plan else SAY, **plan)
    assert slugs(report) == found


class LooksLater(WebSocketHandler):
    """Handler that requires a cookie at the handshake, and verifies it at the first message."""

    def prepare(self) -> None:
        if self.get_cookie("session") is None:
            raise HTTPError(401)

    def on_message(self, message: str | bytes) -> None:
        if self.get_cookie("session") in SESSIONS:
            self.write_message({"type": "said", "items": [1]})
        else:
            self.close(3000)


async def test_credential_that_is_looked_at_later() -> None:
    """While nothing is delivered it could not be told; with a message it is refused."""
    async with serving(LooksLater) as port:
        silent, spoken = await probed(port, owner=ALICE), await probed(port, owner=ALICE, say=SAY)
    assert slugs(silent) == slugs(spoken) == set()
    assert any("SP102" in one.what for one in silent.coverage.unresolved)
    assert not any("SP102" in one.what for one in spoken.coverage.unresolved)


async def test_foreign_origin_of_a_silent_socket() -> None:
    """The credential is good, and strangers are refused: that the socket stays open is enough."""

    class Silent(LooksLater):
        def check_origin(self, origin: str) -> bool:
            return True

    async with serving(Silent) as port:
        assert slugs(await probed(port, owner=ALICE)) == {"foreign-origin"}
