"""Tornado's conventions hold on a handler that is guarded and does not know it."""

from __future__ import annotations

import contextvars
from typing import Any, ClassVar

import pytest
from tornado import gen
from tornado.web import Application, authenticated
from tornado.websocket import WebSocketHandler

from stormdoor import Principal, protect, public
from stormdoor.guard.endpoint import Public
from stormdoor.tornado.fast import FastProtocol
from tests.guard.fakes import make_guard
from tests.tornado.wire import Wire, connect, request, serving

ALICE = ("Authorization", "Bearer alice")
HELLO = {"type": "stormdoor.authenticate", "token": "alice"}

BOTH = pytest.mark.parametrize("fast", [True, False], ids=["fast", "Tornado's"])


class Telling(WebSocketHandler):
    """Notes its `current_user` at each step."""

    told: ClassVar[list[tuple[str, Any]]]

    def _tell(self, where: str) -> None:
        user = self.current_user
        self.told.append((where, user.id if isinstance(user, Principal) else user))

    def prepare(self) -> None:
        self._tell("prepare")

    def open(self, *args: str, **kwargs: str) -> None:
        self._tell("open")

    def on_message(self, message: str | bytes) -> None:
        self._tell("on_message")
        self.write_message("{}")

    def on_close(self) -> None:
        self._tell("on_close")


async def told_by(
    handler: type[WebSocketHandler],
    *,
    fast: bool,
    declared: str | Public = "chat:connect",
    first: bool = False,
    **settings: Any,
) -> list[tuple[str, Any]]:
    """Return the calls that a handler records in one conversation with alice."""
    told: list[tuple[str, Any]] = []
    served: Any = type(handler.__name__, (handler,), {"told": told})
    guard = make_guard(insecure_allow_any_host=True, fast=fast)
    application = Application([("/ws", served)], **settings)
    protect(application, guard, declared, first_message=[handler] if first else [])
    async with serving(application, guard) as at:
        async with await connect(at.port, "/ws", *([] if first else [ALICE])) as wire:
            if first:
                assert (await wire.ask(HELLO))["type"] == "stormdoor.authenticated"
            await wire.ask("?")
            await wire.close()
            await wire.ended()
    return told


def everywhere(user: object) -> list[tuple[str, object]]:
    """The same user at each step."""
    return [(one, user) for one in ("prepare", "open", "on_message", "on_close")]


@BOTH
@pytest.mark.parametrize("first", [False, True], ids=["handshake", "first message"])
async def test_current_user_is_the_principal(fast: bool, first: bool) -> None:
    """`current_user` is the principal from `prepare` to `on_close`."""
    assert await told_by(Telling, fast=fast, first=first) == everywhere("alice")


@BOTH
async def test_current_user_is_none_at_a_public_endpoint(fast: bool) -> None:
    """A credential that was sent along makes nothing of it."""
    assert await told_by(Telling, fast=fast, declared=public("a test")) == everywhere(None)


@BOTH
async def test_current_user_is_none_before_the_first_message(fast: bool) -> None:
    """`get` runs before the client has said who it is; what it saw is not kept."""

    class Early(Telling):
        async def get(self, *args: str, **kwargs: str) -> None:
            self._tell("get")
            await super().get(*args, **kwargs)

    told = await told_by(Early, fast=fast, first=True)
    assert told == [("get", None), *everywhere("alice")]


@BOTH
async def test_a_handler_keeps_its_own_get_current_user(fast: bool) -> None:
    """A handler's `get_current_user` is called once, as in Tornado, and may use the principal."""
    asked: list[Any] = []

    class Own(Telling):
        def get_current_user(self) -> Any:
            asked.append(super().get_current_user())
            return "own"

    assert await told_by(Own, fast=fast) == everywhere("own")
    assert [one.id for one in asked] == ["alice"]
    asked.clear()
    assert await told_by(Own, fast=fast, declared=public("a test")) == everywhere("own")
    assert asked == [None]


@BOTH
async def test_a_handler_keeps_what_it_assigns(fast: bool) -> None:
    """A value that the handler assigns to `current_user` stays, also None."""

    class Assigning(Telling):
        def prepare(self) -> None:
            super().prepare()
            self.current_user = "assigned"

        def on_message(self, message: str | bytes) -> None:
            super().on_message(message)
            self.current_user = None

    told = await told_by(Assigning, fast=fast)
    assert told == [
        ("prepare", "alice"),
        ("open", "assigned"),
        ("on_message", "assigned"),
        ("on_close", None),
    ]


@BOTH
async def test_a_handler_keeps_a_property_of_its_own(fast: bool) -> None:
    """An override in a base class counts like one in the handler."""

    class Base(WebSocketHandler):
        @property  # type: ignore[misc]
        def current_user(self) -> Any:
            return "a property"

    class Own(Telling, Base):
        pass

    assert await told_by(Own, fast=fast) == everywhere("a property")


class Members(Telling):
    """Serves members only, in Tornado's own words."""

    @authenticated
    async def get(self, *args: str, **kwargs: str) -> None:  # type: ignore[override]
        await super().get(*args, **kwargs)


class Plainly(Telling):
    """A handler with a `get` that is no coroutine."""

    def get(self, *args: str, **kwargs: str) -> Any:
        return super().get(*args, **kwargs)


class MembersPlainly(Telling):
    """A handler with `@authenticated` and a `get` that is no coroutine."""

    @authenticated
    def get(self, *args: str, **kwargs: str) -> Any:  # type: ignore[override]
        return super().get(*args, **kwargs)


class Generator(Telling):
    """A handler with a coroutine of Tornado's old kind."""

    @gen.coroutine
    def get(self, *args: str, **kwargs: str) -> Any:  # type: ignore[override]
        yield super().get(*args, **kwargs)


@BOTH
@pytest.mark.parametrize("handler", [Members, Plainly, MembersPlainly, Generator])
async def test_every_kind_of_get_opens_the_socket(
    handler: type[WebSocketHandler], fast: bool
) -> None:
    """With `@authenticated` or not, a coroutine or not."""
    assert await told_by(handler, fast=fast, login_url="/login") == everywhere("alice")


@BOTH
@pytest.mark.parametrize("handler", [Members, MembersPlainly])
async def test_authenticated_keeps_its_meaning_at_a_public_endpoint(
    handler: type[WebSocketHandler], fast: bool
) -> None:
    """At a public endpoint there is no principal, so `@authenticated` redirects to the login page."""
    guard = make_guard(insecure_allow_any_host=True, fast=fast)
    served: Any = type(handler.__name__, (handler,), {"told": []})
    application = Application([("/ws", served)], login_url="/login")
    protect(application, guard, public("a test"))
    async with serving(application, guard) as at:
        async with await request(at.port, "/ws", ALICE) as wire:
            assert wire.status == 302
            assert (wire.header("Location") or "").startswith("/login?next=")


@BOTH
async def test_an_answer_of_a_get_that_is_no_coroutine(fast: bool) -> None:
    """A `get` that is no coroutine may answer with a page."""

    class Page(WebSocketHandler):
        def get(self, *args: str, **kwargs: str) -> None:  # type: ignore[override]
            self.write("a page")

    guard = make_guard(insecure_allow_any_host=True, fast=fast)
    application = protect(Application([("/ws", Page)]), guard, "chat:connect")
    async with serving(application, guard) as at:
        async with await request(at.port, "/ws", ALICE, upgrade=False) as wire:
            assert (wire.status, wire.body) == (200, b"a page")


@BOTH
async def test_an_instance_is_one_of_the_handlers_own_class(fast: bool) -> None:
    """A value that a handler stores in `self.__class__` is stored in the application's own class."""

    class Counting(WebSocketHandler):
        opened: ClassVar[int] = 0
        kept: ClassVar[list[Any]] = []

        def open(self, *args: str, **kwargs: str) -> None:
            self.__class__.opened += 1
            super(self.__class__, self).open(*args, **kwargs)
            self.kept.append((isinstance(self, Counting), type(self) is Counting))

    guard = make_guard(insecure_allow_any_host=True, fast=fast)
    application = protect(Application([("/ws", Counting)]), guard, "chat:connect")
    async with serving(application, guard) as at:
        async with await connect(at.port, "/ws", ALICE):
            pass
    assert Counting.opened == 1
    assert Counting.kept == [(True, False)]


IN_FORCE: contextvars.ContextVar[str] = contextvars.ContextVar("in_force", default="nothing")


class Entering(WebSocketHandler):
    """Enters something in `prepare`, and leaves it in `on_close`, as tracing does."""

    told: ClassVar[list[tuple[str, Any]]]

    def prepare(self) -> None:
        self.token = IN_FORCE.set("the handshake")

    async def on_message(self, message: str | bytes) -> None:
        self.told.append(("on_message", IN_FORCE.get()))
        await gen.sleep(0)
        self.write_message("{}")

    def on_close(self) -> None:
        IN_FORCE.reset(self.token)
        self.told.append(("on_close", "left"))


@BOTH
@pytest.mark.parametrize("first", [False, True], ids=["handshake", "first message"])
async def test_what_the_handshake_entered_the_end_can_leave(first: bool, fast: bool) -> None:
    """`ContextVar.reset` wants the very context in which the variable was set, or it raises."""
    told = await told_by(Entering, fast=fast, first=first)
    assert told == [("on_message", "the handshake"), ("on_close", "left")]


@pytest.mark.parametrize("early", [False, True], ids=["in turn", "with the handshake"])
async def test_messages_that_come_with_the_handshake(early: bool) -> None:
    """They are delivered after `open`, whether or not the task of the handshake lasts."""
    seen: list[Any] = []

    class Early(Entering):
        told: ClassVar[list[tuple[str, Any]]] = []

        def open(self, *args: str, **kwargs: str) -> None:
            seen.append(type(self.ws_connection))

    guard = make_guard(insecure_allow_any_host=True)
    application = protect(Application([("/ws", Early)]), guard, "chat:connect")
    async with serving(application, guard) as at:
        wire: Wire = await request(at.port, "/ws", ALICE, wait=not early)
        async with wire:
            for _ in range(3):
                wire.send("?")
            if early:
                await wire.read_answer()
            assert [await wire.json() for _ in range(3)] == [{}, {}, {}]
    assert seen == [FastProtocol]
    assert len([one for one in Early.told if one[0] == "on_message"]) == 3
