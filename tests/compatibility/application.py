"""The application of the recording: accounts, a login, and endpoints of each kind."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta
from tornado.web import Application
from tornado.websocket import WebSocketHandler

from stormdoor import (
    ApiKeyAuthenticator,
    Command,
    Guard,
    GuardedHandler,
    JwtAuthenticator,
    JwtIssuer,
    JwtKey,
    Limits,
    PolicySet,
    Reply,
    Resource,
    SecondFactor,
    SessionAuthenticator,
    TicketAuthenticator,
    action,
    forbid,
    login_routes,
    protect,
    role,
)
from stormdoor.auth.password.passwords import Argon2Cost, Passwords
from tests.support.clock import FakeClock

__all__ = ["HOST", "ISSUER", "ORIGIN", "TRAIL_KEY", "make_application", "make_guard"]

HOST = "app.example"
ORIGIN = "https://app.example"
TRAIL_KEY = b"the trail key of the recording, 32 bytes or more"
SECRETS_KEYS = (
    b"the secrets key of the recording, 32 bytes+",
    b"the key before it, of 32 bytes or more",
)
_KEY = JwtKey("HS256", "the token key of the recording, 32 bytes", kid="first")
_ISSUER, _AUDIENCE = "https://issuer.example", "chat"
ISSUER = JwtIssuer(_KEY, _ISSUER, _AUDIENCE, seconds=300)

_Text = Annotated[str, Meta(max_length=40)]


class Say(Command, tag="say"):
    room: _Text
    text: _Text


class Kick(Command, tag="kick"):
    principal: _Text


class Pay(Command, tag="pay"):
    amount: int


class Fail(Command, tag="fail"):
    pass


class Said(Reply, tag="said"):
    room: str
    text: str


class Chat(GuardedHandler):
    permission = "chat:connect"

    @action[Say](
        "chat:say", resource=lambda command: Resource("room", command.room), limit="1/s burst 3"
    )
    def say(self, command: Say) -> Said:
        return Said(room=command.room, text=command.text)

    @action("chat:kick")
    def kick(self, command: Kick) -> None:
        """Do nothing: only the decision counts here."""

    @action("chat:pay", strength=2, fresh="5min")
    def pay(self, command: Pay) -> Said:
        return Said(room="", text=str(command.amount))

    @action("chat:fail")
    def fail(self, command: Fail) -> None:
        raise RuntimeError("a defect of the handler")


class Later(Chat):
    first_message = True


class Echo(WebSocketHandler):
    def on_message(self, message: str | bytes) -> Any:
        return self.write_message(message, binary=isinstance(message, bytes))


POLICIES = PolicySet(
    [
        role("member", "chat:connect", "chat:say", "chat:pay", "chat:fail"),
        role("moderator", "chat:kick", inherits=["member"]),
        role("visitor", "chat:connect"),
        role("stranded", "other:connect"),
        forbid("closed-room", "chat:say", when=lambda request: _room(request) == "closed"),
    ]
)


def _room(request: Any) -> str:
    return "" if request.resource is None else request.resource.id


def make_guard(store: Path, clock: FakeClock) -> Guard:
    """A guard on a SQLite file, with fixed keys and the time of `clock`."""
    return Guard(
        origins=[ORIGIN],
        authenticators=[
            SessionAuthenticator(),
            TicketAuthenticator(),
            ApiKeyAuthenticator(),
            JwtAuthenticator(keys=[_KEY], issuer=_ISSUER, audience=_AUDIENCE, principals="store"),
        ],
        policies=POLICIES,
        limits=Limits(
            handshakes_per_address="1000/min burst 60",
            logins_per_address="1000/min burst 1000",
            failures_per_address="1/min burst 12",
            message_bytes=512,
            messages_per_connection="1/s burst 8",
            hold_seconds=0,
            offences=6,
        ),
        store=f"sqlite:///{store}",
        trusted_proxies=["127.0.0.1/32"],
        production=False,
        trail_key=TRAIL_KEY,
        passwords=Passwords(cost=Argon2Cost(memory_kib=7_168, passes=5)),
        second_factor=SecondFactor(name="recording"),
        secrets_key=list(SECRETS_KEYS),
        node="recording",
        clock=clock,
    )


def make_application(guard: Guard) -> Application:
    """The application, guarded."""
    application = Application(
        [
            *login_routes(
                guard, endpoint="/ws/chat", issuer=ISSUER, after_login="/in", after_logout="/out"
            ),
            ("/ws/chat", Chat),
            ("/ws/later", Later),
            ("/ws/echo", Echo),
        ],
        websocket_ping_interval=20,
    )
    protect(application, guard, permissions={Echo: "chat:connect"})
    return application
