"""`protect(application, "stormdoor.toml")`: the declarations of a file, and those of Python beside them."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pytest
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler

from stormdoor import ConfigurationError, EndpointLimits, Guard, StartupRefused, protect, public
from stormdoor.config.protection import Protection, SessionOf
from stormdoor.tornado.by_handler import ByHandler
from stormdoor.tornado.declarations import Declarations
from tests.config.files import write
from tests.guard.fakes import make_guard
from tests.tornado.wire import connect, request, serving

ALICE = ("Authorization", "Bearer alice")


class Echo(WebSocketHandler):
    """Minimal handler of an application."""

    def on_message(self, message: str | bytes) -> Any:
        return self.write_message(message)


class Poll(RequestHandler):
    """A handler that carries a conversation over HTTP."""

    def post(self) -> None:
        self.finish({"sid": "s1"})


def guard(**protection: Any) -> Guard:
    """A guard that knows these declarations, for an application on this machine."""
    return make_guard(insecure_allow_any_host=True, protection=Protection(**protection))


async def test_one_line(tmp_path: Path) -> None:
    """The path of a file is enough: plain, the client is in; guarded by the preset, it gets 401."""
    text = """
        preset = "app"
        production = false
        origins = ["http://localhost:1"]
        hosts = ["127.0.0.1", "localhost"]
    """
    path = write(tmp_path, textwrap.dedent(text))
    async with serving([("/ws", Echo)]) as at, await connect(at.port) as ws:
        ws.send("let me in")
        assert await ws.text() == "let me in"
    application = protect(Application([("/ws", Echo)]), str(path))
    made: Guard = application.settings["stormdoor_guard"]
    async with serving(application, made) as at, await request(at.port) as ws:
        assert ws.status == 401
    with pytest.raises(ConfigurationError, match="cannot be read"):
        protect(Application([("/ws", Echo)]), tmp_path / "none.toml")


def test_a_path_without_a_route_is_a_remark_unless_the_preset_has_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A path of a preset may belong to a missing extension. The operator mistyped the others."""
    text = """
        preset = "dask"
        origins = ["http://localhost:1"]

        [protect.permissions]
        "/mistyped/ws" = "status:view"

        [protect.pages]
        ".*/jupyter/.*" = "jupyter:open"
        "GET /mistyped" = "status:view"
    """
    protect(Application([("/status/ws", Echo)]), write(tmp_path, textwrap.dedent(text)))
    remarks = [one.message for one in caplog.records if "no route of that name" in one.message]
    assert remarks == [
        "start-up check: permissions names /mistyped/ws, and no route of that name is there",
        "start-up check: pages names /mistyped, and no route of that name is there",
    ]


class Louder(Echo):
    """A handler of an application, with a base class of a library."""


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ({f"module:{__name__}": 1}, 1),
        ({f"module:{__name__.rpartition('.')[0]}": 1}, 1),
        ({f"module:{__name__[:-1]}": 1}, None),
        ({"module:tornado.websocket": 1}, 1),
        ({"/.*": 1, f"module:{__name__}": 2}, 1),
        ({f"module:{__name__}": 2, "/.*": 1}, 2),
        ({f"module:{__name__}": 2, "/ws": 1}, 1),
        ({f"module:{__name__}": 2, Echo: 1}, 1),
    ],
)
def test_the_handlers_of_a_module(names: dict[Any, int], found: int | None) -> None:
    """A module or package names its handlers and their subclasses; it is no more exact than a pattern."""
    named = ByHandler("permissions", names)
    assert named.find(Louder, "/ws") == found
    assert named.find(RequestHandler, "/elsewhere") == (1 if "/.*" in names else None)
    unused = named.unused([(Louder, "/ws")])
    assert unused == (
        []
        if found
        else [f"permissions names {next(iter(names))}, and no route of that name is there"]
    )


async def test_the_declarations_of_the_guard() -> None:
    """A path with a permission admits those who have it; without one, the application does not start."""
    with pytest.raises(StartupRefused):
        protect(Application([("/ws", Echo)]), guard(permissions={"/other": "chat:connect"}))
    declared = guard(permissions={"/ws": "chat:connect", "/a": "admin:all"})
    async with serving([("/ws", Echo), ("/a", Echo)], declared) as at:
        async with await request(at.port) as ws:
            assert ws.status == 401
        async with await request(at.port, "/a", ALICE) as ws:
            assert ws.status == 403
        async with await connect(at.port, "/ws", ALICE) as ws:
            ws.send("hello")
            assert await ws.text() == "hello"


async def test_a_declared_transport() -> None:
    """A handler that polls is guarded, because the file names the place of its session."""
    declared = guard(permission="chat:connect", transports={"/poll": SessionOf("json", "sid")})
    async with serving([("/ws", Echo), ("/poll", Poll)], declared) as at:
        async with await request(at.port, "/poll", method="POST") as answer:
            assert answer.status == 401
        async with await request(at.port, "/poll", ALICE, method="POST") as answer:
            assert answer.status == 200


@pytest.mark.parametrize("place", ["none", "query", "path"])
async def test_other_places_of_a_session(place: Any) -> None:
    """Each place makes a transport, so that the handler is guarded."""
    name = "sid" if place == "query" else ""
    declared = guard(permission="chat:connect", transports={"/poll": SessionOf(place, name)})
    async with (
        serving([("/poll", Poll)], declared) as at,
        await request(at.port, "/poll", method="POST") as answer,
    ):
        assert answer.status == 401


def test_arguments_of_python_have_priority() -> None:
    """A class or a path that Python names has the value of Python; the rest has that of the guard."""
    made = guard(
        permission="a:b",
        permissions={"/x": "file:x", "/y": "file:y"},
        receive_only=["/r"],
        first_message=["/f"],
        limits={"/x": EndpointLimits(message_bytes=7)},
    )
    found = Declarations(
        made.limits,
        None,
        {"/x": "python:x", Poll: public("it is a test")},
        first_message=["/g"],
        protection=made.protection,
    )
    assert found.of(Echo, "/x").permission == "python:x"
    assert found.of(Echo, "/y").permission == "file:y"
    assert found.of(Echo, "/z").permission == "a:b"
    assert found.of(Poll, "/y").public is not None
    assert found.of(Echo, "/r").receive_only
    assert found.of(Echo, "/f").first_message
    assert found.of(Echo, "/g").first_message
    limits = found.of(Echo, "/x").limits
    assert limits is not None
    assert limits.message_bytes == 7
    assert (
        Declarations(made.limits, "c:d", {}, protection=made.protection).of(Echo, "/z").permission
        == "c:d"
    )
