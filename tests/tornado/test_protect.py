"""Existing applications: guarded without a change to their code, and nothing of them left outside."""

from __future__ import annotations

import abc
import asyncio
from typing import Any, ClassVar

import pytest
from tornado import gen
from tornado.routing import HostMatches, PathMatches, Router, Rule, RuleRouter
from tornado.web import Application, HTTPError, RequestHandler, authenticated
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from stormdoor import ConfigurationError, Guard, GuardedHandler, protect, public
from stormdoor.tornado.handshake_state import AFTER_HANDSHAKE, CREATED_ON_ACCESS
from stormdoor.tornado.socket.handler import HandlerCalls, HandlerOutput
from tests.guard.fakes import Tokens, authentication, events, make_guard
from tests.support.clock import FakeClock
from tests.tornado.wire import (
    CLOSE,
    connect,
    log_lines,
    request,
    serving,
    settled,
    until,
)

ALICE = ("Authorization", "Bearer alice")
EVE = ("Authorization", "Bearer eve")
CONNECT = "chat:connect"


def door(**options: Any) -> Guard:
    """A guard for an application on this machine."""
    return make_guard(**{"insecure_allow_any_host": True, **options})


class Echo(WebSocketHandler):
    """Minimal handler of an application."""

    def on_message(self, message: str | bytes) -> Any:
        return self.write_message(message, binary=isinstance(message, bytes))


# -- the attack, and that it ends -------------------------------------------------------------------


async def test_a_client_without_a_credential() -> None:
    """Plain: it is in and is answered. Guarded: 401, and the handler has not even begun."""
    began: list[str] = []

    class Begun(Echo):
        def prepare(self) -> None:
            began.append("prepare")

    async with serving([("/ws", Begun)]) as at, await connect(at.port) as ws:
        ws.send("let me in")
        assert await ws.text() == "let me in"
    assert began == ["prepare"]
    async with serving([("/ws", Begun)], door(), CONNECT) as at:
        async with await request(at.port) as ws:
            assert ws.status == 401
        async with await connect(at.port, "/ws", ALICE) as ws:
            ws.send("hello")
            assert await ws.text() == "hello"
    assert began == ["prepare", "prepare"]


async def test_a_hostile_page_that_claims_to_be_same_origin() -> None:
    """Plain (6.6): in. Guarded: 403."""
    hostile = [("Origin", "https://evil.example"), ("Sec-Fetch-Site", "same-origin")]
    async with serving([("/ws", Echo)], door(), CONNECT) as at:
        async with await request(at.port, "/ws", ALICE, *hostile) as ws:
            assert ws.status == 403
        async with await connect(at.port, "/ws", ALICE, ("Origin", "https://app.example")):
            pass


async def test_a_page_whose_origin_is_the_host() -> None:
    """Plain Tornado accepts a page with Origin equal to Host over any scheme; the guard answers 403."""
    async with serving([("/ws", Echo)]) as at:
        origin = ("Origin", f"http://127.0.0.1:{at.port}")
        async with await connect(at.port, "/ws", origin):
            pass
    async with serving([("/ws", Echo)], door(), CONNECT) as at:
        origin = ("Origin", f"http://127.0.0.1:{at.port}")
        async with await request(at.port, "/ws", ALICE, origin) as ws:
            assert ws.status == 403


async def test_a_hostile_rebinding_host() -> None:
    """Plain: any name will do. Guarded: only names of the application."""
    async with serving([("/ws", Echo)]) as at:
        async with await connect(at.port, "/ws", host="evil.example"):
            pass
    async with serving([("/ws", Echo)], door(hosts=["127.0.0.1"]), CONNECT) as at:
        async with await request(at.port, "/ws", ALICE, host="evil.example") as ws:
            assert ws.status == 403
        async with await connect(at.port, "/ws", ALICE):
            pass


# -- nothing in the code changes --------------------------------------------------------------------


class Mixin:
    """Comes first and wraps everything."""

    told: ClassVar[list[str]] = []

    def prepare(self) -> None:
        self.told.append("mixin prepare")
        super().prepare()  # type: ignore[misc]

    async def get(self, *args: Any, **kwargs: Any) -> None:
        self.told.append("mixin get")
        await super().get(*args, **kwargs)  # type: ignore[misc]

    def open(self, *args: Any) -> None:
        self.told.append(f"mixin open {args}")

    def on_close(self) -> None:
        self.told.append("mixin on_close")


class Mixed(Mixin, Echo):
    def set_default_headers(self) -> None:
        self.set_header("X-Mine", "yes")

    def check_origin(self, origin: str) -> bool:
        self.told.append(f"check {origin}")
        return origin == "https://app.example"

    def on_finish(self) -> None:
        self.told.append(f"on_finish {self.get_status()}")


async def test_mixins_own_methods_and_headers() -> None:
    """Methods and headers of a mixin work unchanged and in order after the handshake."""
    Mixin.told.clear()
    async with serving([("/ws/(.*)", Mixed)], door(), CONNECT) as at:
        origin = ("Origin", "https://app.example")
        async with await connect(at.port, "/ws/a", ALICE, origin) as ws:
            assert ws.header("X-Mine") == "yes"
            await ws.close()
        await until(lambda: "mixin on_close" in Mixin.told)
    assert Mixin.told == [
        "mixin prepare",
        "mixin get",
        "check https://app.example",
        "on_finish 101",
        "mixin open ('a',)",
        "mixin on_close",
    ]


async def test_an_origin_check_of_ones_own_stays_in_force() -> None:
    """Beside the guard's: both must agree."""

    class Never(Echo):
        def check_origin(self, origin: str) -> bool:
            return False

    async with serving([("/ws", Never)], door(), CONNECT) as at:
        async with await request(at.port, "/ws", ALICE, ("Origin", "https://app.example")) as ws:
            assert ws.status == 403


async def test_authenticated_keeps_asking() -> None:
    """`@authenticated` and `get_current_user` of an existing handler are its own business."""

    class Asking(Echo):
        def get_current_user(self) -> str | None:
            return self.get_argument("user", None)

        @authenticated
        async def get(self, *args: Any, **kwargs: Any) -> None:  # type: ignore[override]
            await super().get(*args, **kwargs)

        def on_message(self, message: str | bytes) -> Any:
            return self.write_message(f"{self.current_user}: {message!s}")

    async with serving([("/ws", Asking)], door(), CONNECT, login_url="/login") as at:
        async with await request(at.port, "/ws", ALICE) as ws:
            assert ws.status == 302
        async with await request(at.port, "/ws?user=u") as ws:
            assert ws.status == 401
        async with await connect(at.port, "/ws?user=u", ALICE) as ws:
            ws.send("hi")
            assert await ws.text() == "u: hi"


async def test_coroutines_of_the_old_kind() -> None:
    """`gen.coroutine`, and a list of futures, wherever Tornado takes them."""
    told: list[str] = []

    class Old(WebSocketHandler):
        @gen.coroutine
        def prepare(self) -> Any:
            yield gen.moment
            told.append("prepare")

        @gen.coroutine
        def open(self) -> Any:
            yield gen.moment
            told.append("open")

        def on_message(self, message: str | bytes) -> Any:
            return [self.write_message("one"), self.write_message("two")]

    async with serving([("/ws", Old)], door(), CONNECT) as at:
        async with await connect(at.port, "/ws", ALICE) as ws:
            ws.send("x")
            assert [await ws.text(), await ws.text()] == ["one", "two"]
            ws.send("x")
            assert [await ws.text(), await ws.text()] == ["one", "two"]
    assert told == ["prepare", "open"]


async def test_names_of_the_handler_are_its_own() -> None:
    """The door adds nothing to a handler that it might have, or set, itself."""

    class Named(Echo):
        guard = "guard"
        endpoint = "endpoint"
        parser = actions = behind_a_door = message_permission = "mine"

        def initialize(self) -> None:
            self.connection = "a database"
            self.sink = "a kitchen's"

        def deliver(self, payload: str) -> str:
            return f"delivered {payload}"

        def shut(self) -> str:
            return "shut"

        def stalled(self) -> str:
            return "stalled"

        def _reply(self) -> str:
            return f"{self.deliver('x')} {self.shut()} {self.stalled()} {self.connection}"

        def on_message(self, message: str | bytes) -> Any:
            return self.write_message(self._reply())

    async with serving([("/ws", Named)], door(), CONNECT) as at:
        async with await connect(at.port, "/ws", ALICE) as ws:
            ws.send("x")
            assert await ws.text() == "delivered x shut stalled a database"


@pytest.mark.parametrize("made", [HandlerCalls, HandlerOutput])
def test_every_name_of_the_mixins_has_the_prefix(made: type) -> None:
    """The test above then holds for every name that a mixin adds later."""
    # What every handler of Tornado has, but as its own: see `stormdoor.tornado.handshake_state`.
    own = set(AFTER_HANDSHAKE) | set(CREATED_ON_ACCESS) | {"_headers"}
    added = {
        name
        for base in made.__mro__
        if base.__module__.startswith("stormdoor")
        for name in (*vars(base), *base.__dict__.get("__annotations__", {}))  # noqa: RUF063 - of a class that may have none
        if not hasattr(WebSocketHandler, name)
    }
    python = {name for name in added if name.startswith("__")}
    assert {name for name in added - python - own if not name.startswith("_door_")} == set()


async def test_what_a_handler_overrides_on_the_way_out_still_runs() -> None:
    """Its own `write_message` and `close`, with signatures of its own, before the door's."""

    class Polite(Echo):
        def write_message(self, message: Any, *, loudly: bool = False) -> Any:  # type: ignore[override]
            return super().write_message({"said": message.upper() if loudly else message})

        def close(self) -> None:  # type: ignore[override]
            self.write_message("bye")
            super().close(4000, "said bye")

        def on_message(self, message: str | bytes) -> Any:
            if message == "go":
                self.close()
            else:
                self.write_message(message, loudly=True)

    async with serving([("/ws", Polite)], door(), CONNECT) as at:
        async with await connect(at.port, "/ws", ALICE) as ws:
            assert await ws.ask("hi") == {"said": "HI"}
            assert await ws.ask("go") == {"said": "bye"}
            assert await ws.close_code() == 4000


async def test_an_asynchronous_write_message_of_ones_own() -> None:
    """Returns what it likes."""

    class Later(Echo):
        async def write_message(self, message: Any, binary: bool = False) -> None:  # type: ignore[override]
            await asyncio.sleep(0)
            await super().write_message(message, binary)

    async with serving([("/ws", Later)], door(), CONNECT) as at:
        async with await connect(at.port, "/ws", ALICE) as ws:
            ws.send("x")
            assert await ws.text() == "x"


async def test_the_guard_closes_past_a_close_that_refuses() -> None:
    """A handler cannot keep a revoked connection open, nor keep another's from being closed."""
    from stormdoor import Target

    class Stubborn(Echo):
        def close(self, *args: Any) -> None:
            raise RuntimeError("no")

    guard = door()
    async with serving([("/ws", Stubborn)], guard, CONNECT) as at:
        wires = [await connect(at.port, "/ws", ALICE) for _ in range(3)]
        await until(lambda: all(one.open for one in guard.registry))
        assert (await guard.admin.revoke(Target.PRINCIPAL, "alice")).closed == 3
        for ws in wires:
            assert await ws.close_code() == 3000
            await ws.hang_up()


async def test_classes_that_watch_their_subclasses() -> None:
    """`__init_subclass__` with a duty, an abstract base, and what is kept on the class."""
    made: list[str] = []

    class Registered(Echo, abc.ABC):
        clients: ClassVar[set[Any]] = set()

        def __init_subclass__(cls, *, name: str) -> None:
            assert name not in made, "twice"
            made.append(name)
            super().__init_subclass__()

        @abc.abstractmethod
        def greet(self) -> str: ...

        def open(self) -> None:
            self.clients.add(self)
            type(self).clients.add(self)
            self.write_message(self.greet())

        def on_close(self) -> None:
            self.clients.discard(self)

    class One(Registered, name="one"):
        def greet(self) -> str:
            return f"{type(self).__name__} {type(self).__module__} {isinstance(self, One)}"

    async with serving([("/ws", One)], door(), CONNECT) as at:
        async with await connect(at.port, "/ws", ALICE) as ws:
            assert await ws.text() == f"One {__name__} True"
            assert len(Registered.clients) == 1
        await until(lambda: not Registered.clients)
    assert made == ["one"]


async def test_handlers_with_arguments() -> None:
    """The third part of a route reaches `initialize`."""

    class Given(Echo):
        def initialize(self, answer: str) -> None:
            self.answer = answer

        def on_message(self, message: str | bytes) -> Any:
            return self.write_message(self.answer)

    async with serving([("/ws", Given, {"answer": "42"})], door(), CONNECT) as at:
        async with await connect(at.port, "/ws", ALICE) as ws:
            ws.send("?")
            assert await ws.text() == "42"


async def test_messages_of_an_existing_protocol_are_refused_by_closing() -> None:
    """The door does not speak a protocol that it does not know."""
    guard = door(limits={"messages_per_connection": "2/h burst 2"})
    async with serving([("/ws", Echo)], guard, CONNECT) as at:
        async with await connect(at.port, "/ws", ALICE) as ws:
            for _ in range(3):
                ws.send("x")
            assert [await ws.text(), await ws.text()] == ["x", "x"]
            frame = await ws.receive()
            assert (frame.opcode, frame.code) == (CLOSE, 1008)


SIZES: list[tuple[str, int | None, int | None, int, int]] = [
    ("the guard's", None, None, 1000, 1000),
    ("the application's is smaller", 100, None, 1000, 100),
    ("the application's is greater", 10_000, None, 1000, 1000),
    ("the handler's is smaller", None, 100, 1000, 100),
    ("the handler's is greater", None, 10_000, 1000, 1000),
    ("beyond Tornado's own default", None, None, 11_000_000, 11_000_000),
]


@pytest.mark.parametrize(
    ("setting", "own", "limit", "size"), [case[1:] for case in SIZES], ids=[c[0] for c in SIZES]
)
async def test_the_smallest_size_counts(
    setting: int | None, own: int | None, limit: int, size: int
) -> None:
    """A door must never make an application accept more than before."""

    class Sized(Echo):
        def on_message(self, message: str | bytes) -> Any:
            return self.write_message(str(len(message)))

    if own is not None:
        Sized.max_message_size = own  # type: ignore[assignment, method-assign]
    settings = {} if setting is None else {"websocket_max_message_size": setting}
    rate = f"{max(limit, 65_536)}/s burst {max(limit, 65_536) * 3}"
    guard = door(limits={"message_bytes": limit, "bytes_per_connection": rate})
    async with serving([("/ws", Sized)], guard, CONNECT, **settings) as at:  # type: ignore[arg-type]
        async with await connect(at.port, "/ws", ALICE) as ws:
            ws.send(b"x" * size)
            assert await ws.text() == str(size)
            if size > 1_000_000:
                return  # cut off while megabytes are still on their way: a reset may win the race
            ws.send(b"x" * (size + 1))
            assert await ws.close_code() == 1009


# -- every way to a handler -------------------------------------------------------------------------


class Page(RequestHandler):
    def get(self) -> None:
        self.write("page")


async def _guarded(port: int, path: str = "/ws", host: str | None = None) -> None:
    async with await request(port, path, host=host) as ws:
        assert ws.status == 401
    async with await request(port, path, EVE, host=host) as ws:
        assert ws.status == 403
    async with await connect(port, path, ALICE, host=host) as ws:
        ws.send("x")
        assert await ws.text() == "x"


async def test_nested_routers() -> None:
    """At any depth, and ordinary pages are left alone."""
    application = Application(
        [
            Rule(PathMatches("/a.*"), [Rule(PathMatches("/a/ws"), Echo), ("/a/page", Page)]),
            Rule(PathMatches("/r.*"), RuleRouter([Rule(PathMatches("/r.*"), Page)])),
            ("/page", Page),
        ]
    )
    application.wildcard_router.add_rules([Rule(PathMatches("/x.*"), [("/x/ws", Echo)])])
    async with serving(application, door(), CONNECT) as at:
        for path in ("/a/ws", "/x/ws"):
            await _guarded(at.port, path)
        for path in ("/page", "/a/page"):
            async with await request(at.port, path, upgrade=False) as http:
                assert http.body == b"page"


async def test_nested_applications() -> None:
    """Each serves its own handlers, and each is guarded."""
    deepest = Application([("/a/b/ws", Echo)])
    deeper = Application([("/a/ws", Echo), Rule(PathMatches("/a/b.*"), deepest)])
    application = Application([Rule(PathMatches("/a.*"), deeper), ("/ws", Echo)])
    async with serving(application, door(), CONNECT) as at:
        for path in ("/ws", "/a/ws", "/a/b/ws"):
            await _guarded(at.port, path)


async def test_what_is_added_later() -> None:
    """`add_handlers` after `protect`: guarded by the default, by class, by path; else closed."""

    class Other(Echo):
        """Not named."""

    class ByClass(Echo):
        """Named by class."""

    class Declares(GuardedHandler):
        permission = CONNECT

        def on_message(self, message: str | bytes) -> Any:
            return self.write_message(message)

    guard = door()
    application = Application([("/ws", Echo)])
    protect(application, guard, permissions={"/ws": CONNECT, "/path": CONNECT, ByClass: CONNECT})
    async with serving(application, guard) as at:
        application.add_handlers(
            ".*",
            [("/path", Other), ("/class", ByClass), ("/self", Declares), ("/none", Other)],
        )
        for path in ("/path", "/class", "/self"):
            await _guarded(at.port, path)
        async with await request(at.port, "/none", ALICE) as ws:
            assert ws.status == 403
        # An application that the guard has not inspected at the start.
        late = Application([("/late/(.*)", Echo)])
        application.add_handlers(".*", [Rule(PathMatches("/late.*"), late)])
        async with await request(at.port, "/late/ws", ALICE) as ws:
            assert ws.status == 403
        [*_, event] = await events(guard)
        assert event.cause == "undeclared-endpoint"


async def test_a_whole_application_that_is_added_later() -> None:
    """The default permission reaches it."""
    guard = door()
    application = Application([("/ws", Echo)])
    protect(application, guard, CONNECT)
    async with serving(application, guard) as at:
        late = Application([("/late/ws", Echo)])
        application.add_handlers(".*", [Rule(PathMatches("/late.*"), late)])
        await _guarded(at.port, "/late/ws")


async def test_hosts() -> None:
    """Handlers of one host, and of the default host."""
    application = Application([("/ws", Echo)], default_host="app.example")
    application.add_handlers("app.example", [("/app", Echo)])
    application.default_router.add_rules([Rule(HostMatches("127.0.0.1"), [("/local", Echo)])])
    async with serving(application, door(insecure_allow_plaintext=True), CONNECT) as at:
        await _guarded(at.port, "/ws")
        await _guarded(at.port, "/app", host="app.example")
        await _guarded(at.port, "/local")


async def test_a_router_made_by_hand() -> None:
    """It chooses a class that is in no table: guarded all the same."""

    class Hidden(Echo):
        """In no table."""

    class ByHand(Router):
        def __init__(self, application: Application) -> None:
            self.application = application

        def find_handler(self, request: Any, **kwargs: Any) -> Any:
            return self.application.get_handler_delegate(request, Hidden)

    application = Application()
    application.add_handlers(".*", [Rule(PathMatches("/hand"), ByHand(application))])
    async with serving(application, door(), CONNECT) as at:
        await _guarded(at.port, "/hand")


async def test_the_handler_for_everything_else() -> None:
    """`default_handler_class` may be a socket, too."""
    application = Application([("/page", Page)], default_handler_class=Echo)
    async with serving(application, door(), CONNECT) as at:
        await _guarded(at.port, "/anywhere")


async def test_one_class_on_two_routes_with_two_permissions() -> None:
    """A permission that is declared for a path applies to that path."""
    permissions = {"/ws/(.*)": CONNECT, "/ws/admin": "chat:kick"}
    routes = [("/ws/admin", Echo), ("/ws/(.*)", Echo)]
    async with serving(routes, door(), permissions=permissions) as at:
        await _guarded(at.port, "/ws/lobby")
        async with await request(at.port, "/ws/admin", ALICE) as ws:
            assert ws.status == 403
        async with await connect(at.port, "/ws/admin", ("Authorization", "Bearer mia")):
            pass


async def test_a_path_written_in_another_way_is_not_another_path() -> None:
    """The handler sees `admin`, however it was written: so must the permission."""
    seen: list[str] = []

    class Rooms(Echo):
        def open(self, room: str) -> None:
            seen.append(room)

    permissions = {"/ws/admin": "chat:kick", "/ws/(.*)": CONNECT}
    async with serving([("/ws/(.*)", Rooms)], door(), permissions=permissions) as at:
        for path in (
            "/ws/admin",
            "/ws/%61dmin",
            "/ws/%61%64%6Din",
            "/ws/./admin",
            "/ws//x/../admin",
        ):
            async with await request(at.port, path, ALICE) as ws:
                assert ws.status == 403, path
        for path, room in (("/ws/x%20y", "x y"), ("/ws/%2561dmin", "%61dmin")):
            async with await connect(at.port, path, ALICE):
                await until(lambda room=room: room in seen)


async def test_classes_go_before_paths_and_the_nearest_class_counts() -> None:
    """A class is more certain than a text."""

    class Base(Echo):
        pass

    class Derived(Base):
        pass

    permissions = {"/ws": CONNECT, Base: CONNECT, Derived: "chat:kick"}
    async with serving([("/ws", Derived), ("/base", Base)], door(), permissions=permissions) as at:
        async with await request(at.port, "/ws", ALICE) as ws:
            assert ws.status == 403
        await _guarded(at.port, "/base")


# -- public -----------------------------------------------------------------------------------------


async def test_a_public_handler_keeps_tornados_origin_check() -> None:
    """A public handler accepts only an Origin that is the host or listed."""
    async with serving([("/ws", Echo)], door(), public("a test of origins")) as at:
        async with await connect(at.port):
            pass
        for origin, status in (
            (f"http://127.0.0.1:{at.port}", 101),
            ("https://app.example", 101),
            ("https://evil.example", 403),
        ):
            async with await request(at.port, "/ws", ("Origin", origin)) as ws:
                assert ws.status == status, origin


async def test_a_public_handler_has_no_permission_for_its_messages() -> None:
    """Limits hold; a credential that comes along is not looked at."""
    guard = door(limits={"messages_per_connection": "1/h burst 1"})
    async with serving([("/ws", Echo)], guard, public("a test of limits")) as at:
        async with await connect(at.port, "/ws", ("Authorization", "Bearer wrong")) as ws:
            ws.send("x")
            assert await ws.text() == "x"
            ws.send("x")
            assert await ws.close_code() == 1008


# -- mistakes ---------------------------------------------------------------------------------------


def test_an_application_is_guarded_once() -> None:
    """Nor one that has a guarded one in it: which guard should decide?"""
    application = Application([("/ws", Echo)])
    protect(application, door(), CONNECT)
    with pytest.raises(ConfigurationError, match="guarded already"):
        protect(application, door(), CONNECT)
    outer = Application([Rule(PathMatches("/.*"), application)])
    with pytest.raises(ConfigurationError, match="guarded already"):
        protect(outer, door(), CONNECT)


@pytest.mark.parametrize(
    ("permission", "permissions"),
    [("Chat Connect", None), (CONNECT, {"/ws": "chat:*"}), (CONNECT, {"/ws(": CONNECT})],
)
def test_what_is_not_well_formed_is_refused(permission: str, permissions: Any) -> None:
    """At start-up, and nothing has been changed then."""
    application = Application([("/ws", Echo)])
    with pytest.raises(ConfigurationError):
        protect(application, door(), permission, permissions=permissions)
    protect(application, door(), CONNECT)


async def test_a_handler_that_raises_in_prepare_is_answered_as_ever() -> None:
    """The application's own refusals stay its own."""

    class Refusing(Echo):
        def prepare(self) -> None:
            raise HTTPError(418)

    guard = door()
    async with serving([("/ws", Refusing)], guard, CONNECT) as at:
        async with await request(at.port, "/ws", ALICE) as ws:
            assert ws.status == 418
        assert len(guard.registry) == 0


async def test_the_principal_expires_for_an_existing_handler_too() -> None:
    """After the expiry a send raises as on any closed socket, and the client gets 3000."""
    clock = FakeClock()
    tokens = Tokens({"alice": authentication("alice", expires_at=clock.now() + 10)})
    guard = make_guard(tokens, clock=clock, insecure_allow_any_host=True)
    handlers: list[Any] = []

    class Kept(Echo):
        def open(self) -> None:
            handlers.append(self)

    async with serving([("/ws", Kept)], guard, CONNECT) as at:
        async with await connect(at.port, "/ws", ALICE) as ws:
            await until(lambda: handlers)
            clock.advance(10)
            with pytest.raises(WebSocketClosedError):
                handlers[0].write_message("too late")
            assert await ws.close_code() == 3000


async def test_a_slow_reader_is_closed_also_if_it_is_sent_dictionaries() -> None:
    """The send queue counts bytes also for dictionaries that `write_message` encodes."""
    handlers: list[Any] = []

    class Kept(Echo):
        def open(self) -> None:
            handlers.append(self)

    guard = door(limits={"outbound_bytes": 100_000})
    async with serving([("/ws", Kept)], guard, CONNECT) as at:
        ws = await connect(at.port, "/ws", ALICE, receive_buffer=2048)
        async with ws:
            await until(lambda: handlers)
            with pytest.raises(WebSocketClosedError):
                for _ in range(100_000):
                    handlers[0].write_message({"text": "\U0001f600" * 1000})
                    await settled(2)
            assert len(guard.registry) == 0
        assert guard.statistics.closed.total() == 1
        [*_, event] = await events(guard)
        assert event.cause == "slow-consumer"


async def test_a_router_that_nobody_can_look_into_is_named() -> None:
    """The start names a router that the guard cannot inspect, because the router is unguarded."""
    from tornado.httputil import HTTPServerConnectionDelegate

    class Opaque(HTTPServerConnectionDelegate):
        pass

    application = Application([("/ws", Echo), Rule(PathMatches("/other"), Opaque())])
    with log_lines("stormdoor") as lines:
        protect(application, door(), CONNECT)
    assert any("Opaque" in line and "serves requests by itself" in line for line in lines)
