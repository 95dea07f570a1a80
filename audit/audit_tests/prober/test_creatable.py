"""A credential that any client can create is no credential; one that a login makes, or a key signs, is."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from typing import Any, ClassVar
from uuid import uuid4

import pytest
from tornado.web import HTTPError, RequestHandler
from tornado.websocket import WebSocketHandler

from audit_tests.prober.servers import probed, serving, slugs
from audit_tests.prober.test_four_results import outcomes
from stormdoor_audit.prober.identity import Identity

DATA = {"orders": [{"number": 7003, "city": "Oslo"}]}
KEY = b"k-6d21f0"


class Kept:
    """Values that the server has given out."""

    def __init__(self) -> None:
        self.values: set[str] = set()

    def new(self) -> str:
        """Another one."""
        made = secrets.token_urlsafe(24)
        self.values.add(made)
        return made


KEPT = Kept()


class Page(RequestHandler):
    """Gives a token to every visitor, in a `meta` element."""

    def get(self) -> None:
        self.write(f'<html><meta name="ws-token" content="{KEPT.new()}"><p>Orders</p></html>')


class Members(Page):
    """Gives it to members only."""

    def get(self) -> None:
        if self.get_cookie("member") != "m-0123456789":
            raise HTTPError(401)
        super().get()


class CookiePage(RequestHandler):
    """Gives a session to every visitor."""

    def get(self) -> None:
        self.set_cookie("visit", KEPT.new(), httponly=True)
        self.write("<p>Orders</p>")


class EmptySession(RequestHandler):
    """Gives a session to every visitor that the socket does not know."""

    def get(self) -> None:
        self.set_cookie("visit", secrets.token_urlsafe(24))
        self.write("<p>Log in</p>")


class Orders(WebSocketHandler):
    """Delivers to a client that shows something which was given out, wherever it stands."""

    def shown(self) -> str:
        """The credential."""
        return self.get_argument("ws-token", "") or self.get_cookie("visit") or ""

    def allowed(self) -> bool:
        """Return whether the server knows the value."""
        return self.shown() in KEPT.values

    def prepare(self) -> None:
        if not self.allowed():
            raise HTTPError(401)

    def open(self, *args: str, **kwargs: str) -> None:
        self.write_message(DATA)

    def on_message(self, message: str | bytes) -> None:
        """Messages say nothing here."""


class BySubprotocol(Orders):
    """Reads a token of JSON from the subprotocols, and asks for no signature."""

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        return "bokeh" if "bokeh" in subprotocols else None

    def payload(self, token: str) -> dict[str, Any]:
        """Return the payload of the token."""
        padded = token + "=" * (-len(token) % 4)
        found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(padded))
        return found

    def token(self) -> str:
        """The last subprotocol."""
        return self.request.headers.get("Sec-WebSocket-Protocol", "").rpartition(",")[2].strip()

    def allowed(self) -> bool:
        try:
            read = self.payload(self.token())
        except ValueError:
            return False
        return isinstance(read.get("session_id"), str) and read["session_expiry"] > time.time()


class Signed(BySubprotocol):
    """The same, with a signature that is verified."""

    def allowed(self) -> bool:
        token, _, signature = self.token().partition(".")
        return hmac.compare_digest(signature, sign(token)) and bool(self.payload(token))


def sign(token: str) -> str:
    """The signature of the server's key."""
    return hmac.new(KEY, token.encode(), hashlib.sha256).hexdigest()


def made(*, signed: bool) -> str:
    """A token as the server's own page has it."""
    claims = {"session_id": "Xk29sPq4LmZ7", "session_expiry": int(time.time()) + 300}
    token = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"{token}.{sign(token)}" if signed else token


@pytest.mark.parametrize(
    ("handler", "page", "outcome"),
    [
        (Orders, Page, "open"),
        (Orders, Members, "closed"),
        (Orders, CookiePage, "open"),
        (Orders, EmptySession, "closed"),
        (BySubprotocol, EmptySession, "open"),
        (Signed, EmptySession, "closed"),
    ],
)
async def test_without_an_owner(handler: Any, page: Any, outcome: str) -> None:
    """A value that a page gives every visitor, or that is unsigned, does not count as a credential."""
    KEPT.values.clear()
    async with serving(handler, ("/", page), path="/orders") as port:
        report = await probed(port, "/orders")
    assert outcomes(report, "SP101") == {outcome}


@pytest.mark.parametrize(("handler", "signed"), [(BySubprotocol, False), (Signed, True)])
async def test_beside_an_owner(handler: Any, signed: bool) -> None:
    """A token in the owner's own format, with another session and without a signature."""
    token = made(signed=signed)
    owner = Identity("ada", protocols=("bokeh", token), secret_protocols=(token,))
    async with serving(handler) as port:
        report = await probed(port, owner=owner)
    assert ("no-credential" in slugs(report)) is not signed


class Feed(Orders):
    """Asks for a cookie of a visitor, and takes every origin."""

    seen: ClassVar[list[str]] = []

    def check_origin(self, origin: str) -> bool:
        return True


async def test_a_foreign_page_has_it_as_well() -> None:
    """The probes that follow go on as the client that any other can be."""
    KEPT.values.clear()
    async with serving(Feed, ("/", CookiePage)) as port:
        report = await probed(port)
    assert {"no-credential", "foreign-origin"} <= slugs(report)


class Visit(RequestHandler):
    """A page that makes an id for each visitor, and puts it into the address of its socket."""

    made: ClassVar[set[str]] = set()
    asks = False

    def get(self) -> None:
        key = str(uuid4())
        self.write(f"<script>start({{client: '{key}'}})</script>")
        if not self.asks:
            self.made.add(key)


class MembersVisit(Visit):
    """The same; an id counts after a login only."""

    asks = True


class Tab(WebSocketHandler):
    """Knows its clients by the id in the address."""

    def prepare(self) -> None:
        if self.get_argument("client", "") not in Visit.made:
            raise HTTPError(403)

    def open(self, *args: str, **kwargs: str) -> None:
        self.write_message({"type": "prices", "items": [{"name": "oil", "price": 71}]})


@pytest.mark.parametrize(("page", "outcome"), [(Visit, "open"), (MembersVisit, "not-determined")])
async def test_a_page_gives_an_id_to_each_visitor(page: Any, outcome: str) -> None:
    """A long id in the address is no credential if a page without a login gives others that get in."""
    Visit.made.add(known := str(uuid4()))
    async with serving(Tab, ("/", page)) as port:
        report = await probed(port, f"/ws?client={known}")
    assert outcomes(report, "SP101") == {outcome}
