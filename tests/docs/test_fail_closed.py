"""The rows of "When a part fails": each is made to fail, and what the page says happens."""

import asyncio
import json
import time
from typing import Any

import pytest
from tornado.web import Application
from websockets.asyncio.client import connect

from stormdoor import (
    ApiKeyAuthenticator,
    Authentication,
    Command,
    Guard,
    GuardedHandler,
    JwtAuthenticator,
    JwtIssuer,
    JwtKey,
    Limits,
    PolicySet,
    Rejected,
    SessionAuthenticator,
    StoreUnavailable,
    action,
    permit,
    protect,
    public,
    role,
)
from stormdoor.core.credential import Credential, Place, Source
from stormdoor.core.event import Event
from stormdoor.core.handshake import Handshake
from stormdoor.core.revocation import Revocation
from stormdoor.core.session import Session
from stormdoor.ports import Store, StoredState
from stormdoor.stores.memory import MemoryStore
from tests.docs.pages import closed, refused, serving

KEY = JwtKey("HS256", "k3Jd8sPq0aLwZx7vB2nM5tR9yU4iO1eC6gF")


class Do(Command, tag="do"):
    how: str = ""


class Odd(Command, tag="odd"):
    pass


class Twice(Command, tag="twice"):
    pass


class Handler(GuardedHandler):
    permission = "x:connect"

    @action("x:do")
    def do(self, command: Do) -> object:
        if command.how == "raise":
            raise ValueError(command.how)
        return object() if command.how == "odd" else {"type": "done"}

    @action[Odd]("x:odd", resource=lambda odd: ("thing", odd.missing))  # type: ignore[attr-defined]
    def odd(self, command: Odd) -> None:
        """Its resource can never be named."""

    @action("x:twice")
    def twice(self, command: Twice) -> None:
        """Its condition raises."""


class Fragile(MemoryStore):
    """A store that stops answering when it is told to."""

    down = False

    def _look(self) -> None:
        if self.down:
            raise StoreUnavailable("down")

    async def open(self) -> None:
        self._look()
        await super().open()

    async def revocations(self, after: int = 0) -> list[Revocation]:
        self._look()
        return await super().revocations(after)

    async def append_events(self, events: Any, **options: Any) -> None:
        self._look()
        await super().append_events(events, **options)

    async def key(self, id: str) -> Any:
        self._look()
        return await super().key(id)

    async def session(self, id: str) -> tuple[Session, Any] | None:
        self._look()
        return await super().session(id)


class Whatever:
    """An authenticator that raises, or takes its time."""

    kind: str = "whatever"

    def __init__(self) -> None:
        self.places: Any = (Place(Source.HEADER, "x-whatever"),)

    def recognises(self, credential: Credential) -> bool:
        return True

    async def authenticate(
        self, credential: Credential, handshake: Handshake, *, state: StoredState, now: float
    ) -> Authentication | Rejected:
        if credential.secret == "raise":
            raise RuntimeError(credential.secret)
        await asyncio.sleep(3600)
        raise AssertionError


POLICIES = PolicySet(
    [
        role("member", "x:connect", "x:do", "x:odd", "x:twice"),
        permit("x:twice", when="principal.nothing == 1", id="broken"),
    ]
)


def setting(store: Store | None = None, **options: Any) -> tuple[Guard, Application]:
    """A guard with every kind of part that can fail, and its application."""
    guard = Guard(
        authenticators=[
            JwtAuthenticator(keys=[KEY], issuer="i", audience="a"),
            ApiKeyAuthenticator(),
            Whatever(),
            SessionAuthenticator(),
        ],
        origins=["http://127.0.0.1"],
        policies=POLICIES,
        store=store,
        **options,
    )
    return guard, protect(Application([("/x", Handler)]), guard)


def token(name: str = "alice") -> dict[str, Any]:
    """Return the header of a principal with the role."""
    issued = JwtIssuer(KEY, "i", "a").issue(name, now=time.time(), claims={"roles": ["member"]})
    return {"additional_headers": {"Authorization": f"Bearer {issued.token}"}}


async def test_store_down_at_the_start() -> None:
    """`async with guard:` raises, and without it handshakes are 503."""
    store = Fragile()
    store.down = True
    guard, app = setting(store)
    with pytest.raises(StoreUnavailable):
        await guard.start()
    async with serving(app) as host:
        assert await refused(f"ws://{host}/x", **token()) == 503
    await guard.close()


async def test_store_down_while_running() -> None:
    """With the store down a look-up gets 503, open connections stay, and self-contained tokens work."""
    store = Fragile()
    guard, app = setting(store)
    async with serving(app, guard) as host:
        await guard.admin.add_principal("sensor", roles=["member"])
        issued = await guard.admin.issue_key("sensor", name="x", scopes=["*"])
        key: Any = {"additional_headers": {"X-API-Key": issued.secret}}
        async with connect(f"ws://{host}/x", **key) as client:
            store.down = True
            assert await refused(f"ws://{host}/x", **key) == 503
            await client.send('{"type":"do"}')
            assert json.loads(await client.recv()) == {"type": "done"}
            assert await refused(f"ws://{host}/x", **token()) == 101
            store.down = False


async def test_lost_entries_shut_the_door() -> None:
    """After a lost entry the guard admits no client; when the store answers, the trail records a gap."""
    store = Fragile()
    guard, app = setting(store)
    async with serving(app, guard) as host:
        store.down = True
        for number in range(10_001):
            guard.trail.note(Event(time=0.0, name="made_up", endpoint=str(number), proven=True))
        assert await refused(f"ws://{host}/x", **token()) == 503
        assert guard.trail.lost > 0
        store.down = False
        await guard.trail.flush()
        assert await store.entries(event="trail_gap", newest_first=True)
        assert await refused(f"ws://{host}/x", **token()) == 101


@pytest.mark.parametrize(("what", "status"), [("raise", 500), ("sleep", 503)])
async def test_failing_authenticator(what: str, status: int) -> None:
    """One that raises is 500, one that takes too long 503."""
    guard, app = setting(limits=Limits(authentication_seconds=0.05))
    async with serving(app, guard) as host:
        headers = {"X-Whatever": what}
        assert await refused(f"ws://{host}/x", additional_headers=headers) == status


@pytest.mark.parametrize("message", ["odd", "twice"])
async def test_failing_resource_or_condition(message: str) -> None:
    """A `resource=` or a condition that raises refuses the message, though a role grants it."""
    guard, app = setting()
    async with serving(app, guard) as host, connect(f"ws://{host}/x", **token()) as client:
        await client.send(json.dumps({"type": message, "id": 1}))
        assert json.loads(await client.recv()) == {"type": "error", "error": "forbidden", "id": 1}


@pytest.mark.parametrize("how", ["raise", "odd"])
async def test_failing_action(how: str) -> None:
    """An action that raises, or returns what cannot be encoded, closes with 1011 and no word."""
    guard, app = setting()
    async with serving(app, guard) as host, connect(f"ws://{host}/x", **token()) as client:
        await client.send(json.dumps({"type": "do", "how": how}))
        assert await closed(client) == 1011
        assert how not in (client.close_reason or "")


async def test_stop_in_order() -> None:
    """A stopping process closes every connection with 1001, and admits no client."""
    guard, app = setting()
    async with serving(app) as host:
        await guard.start()
        async with connect(f"ws://{host}/x", **token()) as client:
            await guard.close()
            assert await closed(client) == 1001
        assert await refused(f"ws://{host}/x", **token()) == 503


async def test_unguarded_handler_lets_nobody_in() -> None:
    """A `GuardedHandler` without `protect` answers 500, as its threat page says."""
    async with serving(Application([("/x", Handler)])) as host:
        assert await refused(f"ws://{host}/x", **token()) == 500


async def test_two_credentials() -> None:
    """Two credentials get 400: two cookies, or a token beside a cookie."""
    guard, app = setting()
    name = "__Host-stormdoor"
    bearer = token()["additional_headers"]
    async with serving(app, guard) as host:
        for headers in (
            {"Cookie": f"{name}={'a' * 43}; {name}={'b' * 43}"},
            {"Cookie": f"{name}={'a' * 43}", **bearer},
        ):
            options: Any = {"origin": "http://127.0.0.1", "additional_headers": headers}
            assert await refused(f"ws://{host}/x", **options) == 400


async def test_public_endpoint_with_actions() -> None:
    """A client of a public endpoint is `anonymous` without a role, and only a permit lets it act."""

    class Public(Handler):
        permission = public("everybody may look")  # type: ignore[assignment]

    allowed = permit("x:do", when='principal.id == "anonymous"')
    for policies, answer in ((POLICIES, "error"), (PolicySet([allowed]), "done")):
        guard = Guard(policies=policies)
        app = protect(Application([("/x", Public)]), guard)
        async with serving(app, guard) as host, connect(f"ws://{host}/x") as client:
            await client.send('{"type":"do"}')
            assert json.loads(await client.recv())["type"] == answer


async def test_token_in_the_address_is_redacted(caplog: pytest.LogCaptureFixture) -> None:
    """With `insecure_query` the token counts, and the access log shows `redacted`."""
    caplog.set_level("INFO")
    guard = Guard(
        authenticators=[
            JwtAuthenticator(keys=[KEY], issuer="i", audience="a", insecure_query="token")
        ],
        policies=POLICIES,
    )
    app = protect(Application([("/x", Handler)]), guard)
    secret = token()["additional_headers"]["Authorization"].removeprefix("Bearer ")
    async with serving(app, guard) as host:
        assert await refused(f"ws://{host}/x?token={secret}") == 101
    assert "token=redacted" in caplog.text
    assert secret not in caplog.text


async def test_idle_session_and_no_store() -> None:
    """A connection with an idle session ends with 1013 if the store does not answer."""
    store = Fragile()
    guard, app = setting(store, sessions={"idle_seconds": 0.5, "absolute_seconds": 60.0})
    async with serving(app, guard) as host:
        await guard.admin.add_principal("alice", roles=["member"])
        issued = await guard.sessions.create("alice")
        options: Any = {
            "origin": "http://127.0.0.1",
            "additional_headers": {"Cookie": f"__Host-stormdoor={issued.secret}"},
        }
        async with connect(f"ws://{host}/x", **options) as client:
            store.down = True
            assert await closed(client) == 1013
            store.down = False
