"""The rights of handlers: each override of a handler works with the front as without it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from tornado.web import Application, HTTPError, OutputTransform, RequestHandler
from tornado.websocket import WebSocketHandler

from stormdoor import public
from tests.guard.fakes import ORIGIN
from tests.tornado.front.ways import BEARER, HANDSHAKE, HELLO, Told, observed
from tests.tornado.wire import log_lines

ADMITTED = (HANDSHAKE + BEARER + "\r\n").encode()
REFUSED = (HANDSHAKE + "\r\n").encode()
OFFERING = (
    HANDSHAKE + BEARER + "Sec-WebSocket-Protocol: one, two\r\n"
    "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
).encode()


class Plain(WebSocketHandler):
    """Tells everything that happens after the 101."""

    told: Told

    def open(self, *args: str, **kwargs: str) -> Any:
        self.told.append(("open", args, kwargs, self.get_status(), self.selected_subprotocol))

    def on_message(self, message: str | bytes) -> None:
        self.told.append(("message", message))
        self.write_message(message)

    def on_close(self) -> None:
        self.told.append(("close", self.close_code))


class Initialize(Plain):
    """Sets headers and a cookie."""

    def initialize(self, value: str) -> None:
        self.told.append(("initialize", value, self.request.path, self.get_status()))
        self.set_header("X-Value", value)
        self.set_cookie("seen", "yes")


class Refusing(Plain):
    """Refuses in `initialize`."""

    def initialize(self, value: str) -> None:
        raise HTTPError(418)


class Failing(Plain):
    """Fails in `initialize`."""

    def initialize(self, value: str) -> None:
        raise RuntimeError(value)


class Answering(Plain):
    """Answers in `initialize`."""

    def initialize(self, value: str) -> None:
        self.set_status(202)
        self.finish(value)


class Inquiring(Plain):
    """Reads the connection in `initialize`."""

    def initialize(self, value: str) -> None:
        connection: Any = self.request.connection
        self.told.append((type(connection).__name__, connection.context.remote_ip))
        self.told.append(type(connection.stream).__name__)


class Reading(Plain):
    """Reads the whole request, and its connection, when it is open."""

    def open(self, *args: str, **kwargs: str) -> None:
        request = self.request
        connection: Any = request.connection
        server_connection: Any = request.server_connection
        self.told.append(
            [
                *(request.method, request.uri, request.version, request.path, request.query),
                *(
                    request.host,
                    request.host_name,
                    request.remote_ip,
                    request.protocol,
                    request.body,
                ),
                *(
                    request.arguments,
                    request.query_arguments,
                    request.body_arguments,
                    request.files,
                ),
                *(sorted(request.headers.get_all()), dict(request.cookies), request.full_url()),
                *(type(connection).__name__, connection.stream, connection.context.protocol),
                *(type(server_connection).__name__, request.get_ssl_certificate()),
                *(
                    0 < request.request_time() < 60,
                    isinstance(connection.context.address, tuple),
                ),
            ]
        )


class Init(Plain):
    """Has an `__init__`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.told.append("init")


class Prepare(Plain):
    """Waits in `prepare`, in a Task."""

    async def prepare(self) -> None:
        async with asyncio.timeout(5):
            await asyncio.sleep(0)
        self.set_header("X-Prepared", "yes")


class Get(Plain):
    """Adds to its `get`."""

    async def get(self, *args: Any, **kwargs: Any) -> None:
        self.set_header("X-Got", "yes")
        await super().get(*args, **kwargs)


class Execute(Plain):
    """Has an `_execute`."""

    async def _execute(self, *args: Any, **kwargs: Any) -> None:
        self.told.append("execute")
        await super()._execute(*args, **kwargs)


class Finish(Plain):
    """Adds to every answer at its end."""

    def finish(self, chunk: Any = None) -> Any:
        self.set_header("X-Finished", "yes")
        return super().finish(chunk)


class Flush(Plain):
    """Adds to every answer when it is sent."""

    def flush(self, include_footers: bool = False) -> Any:
        self.set_header("X-Flushed", "yes")
        return super().flush(include_footers)


class Clear(Plain):
    """Adds to every answer when it begins."""

    def clear(self) -> None:
        super().clear()
        self.set_header("X-Cleared", "yes")


class SetHeader(Plain):
    """Adds a header to each header."""

    def set_header(self, name: str, value: Any) -> None:
        super().set_header(name, value)
        super().set_header("X-Set", "yes")


class DefaultHeaders(Plain):
    """Has a header in every answer."""

    def set_default_headers(self) -> None:
        self.set_header("X-Frame-Options", "DENY")


class CheckOrigin(Plain):
    """Refuses each origin."""

    def check_origin(self, origin: str) -> bool:
        self.told.append(("origin", origin))
        return False


class Subprotocol(Plain):
    """Chooses the last offer, with a header."""

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        self.told.append(("offers", list(subprotocols)))
        self.set_header("X-Chosen", "yes")
        self.set_cookie("chosen", "yes")
        return subprotocols[-1] if subprotocols else None


class WrongSubprotocol(Plain):
    """Fails to choose."""

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        raise RuntimeError("no choice")


class Compression(Plain):
    """Compresses."""

    def get_compression_options(self) -> dict[str, Any] | None:
        return {"compression_level": 1}


class OpenLater(Plain):
    """Opens in a coroutine, in a Task."""

    async def open(self, *args: str, **kwargs: str) -> None:
        task = asyncio.current_task()
        assert task is not None
        async with asyncio.timeout(5), asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(0.01))
        self.told.append("opened")


class OpenFails(Plain):
    """Fails to open."""

    def open(self, *args: str, **kwargs: str) -> None:
        raise RuntimeError("not open")


class OpenFailsLater(Plain):
    """Fails to open, later."""

    async def open(self, *args: str, **kwargs: str) -> None:
        await asyncio.sleep(0)
        raise RuntimeError("not open")


class OpenCloses(Plain):
    """Closes at once."""

    def open(self, *args: str, **kwargs: str) -> None:
        self.close(4001, "not now")


class OpenSends(Plain):
    """Sends at once."""

    def open(self, *args: str, **kwargs: str) -> None:
        self.write_message("welcome")


class OnFinish(Plain):
    """Has an `on_finish`."""

    def on_finish(self) -> None:
        self.told.append(("finish", self.get_status(), self._finished))


class OnFinishFails(Plain):
    """Fails in `on_finish`."""

    def on_finish(self) -> None:
        raise RuntimeError("not finished")


class Decode(Plain):
    """Decodes the arguments of its path."""

    def decode_argument(self, value: bytes, name: str | None = None) -> str:
        return super().decode_argument(value, name).upper()


class DecodeRefuses(Plain):
    """Refuses each argument of its path, before its `prepare`."""

    def decode_argument(self, value: bytes, name: str | None = None) -> str:
        raise HTTPError(400, name)


class PrepareLater(Plain):
    """Waits in `prepare`."""

    async def prepare(self) -> None:
        await asyncio.sleep(0.001)
        self.told.append(("prepared", self.request.path))


class PrepareRefuses(Plain):
    """Answers in `prepare`."""

    def prepare(self) -> None:
        self.set_status(402)
        self.finish("later")


class GetPage(Plain):
    """Serves a page at the address of its socket."""

    def get(self) -> None:  # type: ignore[override]
        self.finish("page")


class Attributes(Plain):
    """Watches its attributes."""

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)


VALUE = {"value": "seven"}
RIGHTS: dict[str, tuple[type[WebSocketHandler], dict[str, Any]]] = {
    "nothing": (Plain, {}),
    "initialize": (Initialize, VALUE),
    "initialize refuses": (Refusing, VALUE),
    "initialize fails": (Failing, VALUE),
    "initialize without its argument": (Initialize, {}),
    "an argument without initialize": (Plain, VALUE),
    "initialize answers": (Answering, VALUE),
    "initialize reads the connection": (Inquiring, VALUE),
    "the request": (Reading, {}),
    "__init__": (Init, {}),
    "prepare": (Prepare, {}),
    "get": (Get, {}),
    "_execute": (Execute, {}),
    "finish": (Finish, {}),
    "flush": (Flush, {}),
    "clear": (Clear, {}),
    "set_header": (SetHeader, {}),
    "set_default_headers": (DefaultHeaders, {}),
    "check_origin": (CheckOrigin, {}),
    "select_subprotocol": (Subprotocol, {}),
    "select_subprotocol fails": (WrongSubprotocol, {}),
    "get_compression_options": (Compression, {}),
    "open waits": (OpenLater, {}),
    "open fails": (OpenFails, {}),
    "open fails later": (OpenFailsLater, {}),
    "open closes": (OpenCloses, {}),
    "open sends": (OpenSends, {}),
    "on_finish": (OnFinish, {}),
    "decode_argument": (Decode, {}),
    "__setattr__": (Attributes, {}),
    "prepare waits": (PrepareLater, {}),
    "prepare refuses": (PrepareRefuses, {}),
    "get serves a page": (GetPage, {}),
    "decode_argument refuses": (DecodeRefuses, {}),
}
"""The handler, and the arguments of its route."""


def application(
    handler: type[WebSocketHandler], arguments: dict[str, Any], path: str = r"/ws"
) -> Callable[[Told], Application]:
    """An application with the handler, and a log function."""

    def make(told: Told) -> Application:
        derived = type(handler.__name__, (handler,), {"told": told, "__module__": __name__})

        def log(logged: RequestHandler) -> None:
            request = logged.request
            kind = type(logged).__name__
            told.append((kind, logged.get_status(), request.uri, request.remote_ip))

        return Application([(path, derived, arguments)], log_function=log)

    return make


@pytest.mark.parametrize(("handler", "arguments"), RIGHTS.values(), ids=RIGHTS)
async def test_a_right_is_kept(handler: type[WebSocketHandler], arguments: dict[str, Any]) -> None:
    """Answers, calls, log and trail are the same. The front decides each handshake."""
    make = application(handler, arguments)
    requests = ([ADMITTED], [REFUSED], [OFFERING])
    without, none = await observed(make, *requests, front=False)
    found, count = await observed(make, *requests, front=True)
    assert found == without
    assert (count, none) == (3, 0)


class Marking(OutputTransform):
    """Adds a header to each answer."""

    def transform_first_chunk(
        self, status_code: int, headers: Any, chunk: bytes, finishing: bool
    ) -> tuple[int, Any, bytes]:
        headers["X-Transformed"] = "yes"
        return status_code, headers, chunk


@pytest.mark.parametrize(
    "settings",
    [{"transforms": [Marking]}, {"compress_response": True}],
    ids=["a transform of its own", "compressed answers"],
)
async def test_output_transforms_are_applied(settings: dict[str, Any]) -> None:
    """The front decides, and Tornado answers."""

    def make(told: Told) -> Application:
        own = type("Own", (Plain,), {"told": told, "__module__": __name__})
        return Application([("/ws", own)], **settings)

    without, _ = await observed(make, [ADMITTED], [REFUSED], front=False)
    found, count = await observed(make, [ADMITTED], [REFUSED], front=True)
    assert found == without
    assert count == 2


async def test_a_handshake_that_fails_before_prepare_leaves_no_connection() -> None:
    """The guard has admitted it, and Tornado answers 400."""
    make = application(DecodeRefuses, {}, r"/(ws)")
    with log_lines("tornado.general"):
        without, _ = await observed(make, [ADMITTED], front=False)
        found, count = await observed(make, [ADMITTED], front=True)
    assert [one[0][0][0][9:12] for one in (without[0], found[0])] == [b"400", b"400"]
    assert count == 1
    assert [one[0] for one in found[2]] == ["connection_opened", "connection_closed"]


async def test_arguments_of_the_path_are_decoded() -> None:
    """Positional and named ones, empty ones, and bytes that are not UTF-8, which get 400."""
    for pattern in (r"/ws/(\w*)/?(.+)?", r"/ws/(?P<name>[^/]*)/?(?P<rest>.+)?"):
        make = application(Plain, {}, pattern)
        requests = [
            [ADMITTED.replace(b"/ws", path)] for path in (b"/ws/a/b", b"/ws/", b"/ws/a/%C3%A4?x=1")
        ]
        requests.append([ADMITTED.replace(b"/ws", b"/ws/a/%E4")])
        without, _ = await observed(make, *requests, front=False)
        found, count = await observed(make, *requests, front=True)
        assert found == without
        assert count == 3


def _with(*lines: str, credential: str = "") -> bytes:
    return (HANDSHAKE + credential + "".join(f"{line}\r\n" for line in lines) + "\r\n").encode()


ORIGINS = {
    "none": (),
    "a listed one": (f"Origin: {ORIGIN}",),
    "that of the Host": ("Origin: http://127.0.0.1",),
    "a foreign one": ("Origin: http://attacker.example",),
    "null": ("Origin: null",),
    "an empty one": ("Origin:",),
    "no URL": ("Origin: http://[",),
    "of a draft": ("Sec-WebSocket-Origin: http://attacker.example",),
    "same-origin": ("Origin: http://attacker.example", "Sec-Fetch-Site: same-origin"),
    "same-site": ("Origin: http://attacker.example", "Sec-Fetch-Site: same-site"),
    "cross-site, and listed": (f"Origin: {ORIGIN}", "Sec-Fetch-Site: cross-site"),
}


class AllowsAttacker(Plain):
    """Adds an origin."""

    def check_origin(self, origin: str) -> bool:
        self.told.append(("origin", origin))
        return origin == "http://attacker.example" or super().check_origin(origin)


class FailsToCheck(Plain):
    """Fails to check the origin."""

    def check_origin(self, origin: str) -> bool:
        raise RuntimeError(origin)


class AnswersOrigin(Plain):
    """Sets a header in its check, and refuses."""

    def check_origin(self, origin: str) -> bool:
        self.set_header("X-Origin", origin)
        return False


CHECKS = [Plain, AllowsAttacker, CheckOrigin, FailsToCheck, AnswersOrigin]


@pytest.mark.parametrize("declared", [public("a test"), "chat:connect"], ids=["public", "guarded"])
@pytest.mark.parametrize("handler", CHECKS)
async def test_the_check_of_an_origin_is_that_of_tornado(
    handler: type[WebSocketHandler], declared: Any
) -> None:
    """Of a public endpoint it is the only one; elsewhere it comes after that of the guard."""
    requests = [[_with(*lines, credential=BEARER)] for lines in ORIGINS.values()]
    make = application(handler, {})
    with log_lines("tornado.application", "tornado.general"):
        without, _ = await observed(make, *requests, front=False, declared=declared)
        found, count = await observed(make, *requests, front=True, declared=declared)
    assert found == without
    assert count == len(requests)
    foreign = found[0][list(ORIGINS).index("a foreign one")][0][0]
    attacker_is_in = handler is AllowsAttacker and declared != "chat:connect"
    assert (b" 101 " in foreign) is attacker_is_in


FIRST = {
    "a credential": b'{"type":"stormdoor.authenticate","token":"alice"}',
    "a wrong one": b'{"type":"stormdoor.authenticate","token":"mallory"}',
    "no credential": b"hi",
}


def _text(data: bytes) -> bytes:
    return b"\x81" + bytes([0x80 | len(data)]) + bytes(4) + data


@pytest.mark.parametrize("first", FIRST.values(), ids=FIRST)
@pytest.mark.parametrize("handler", [Plain, OpenLater, OpenSends, Compression, Prepare])
async def test_authentication_by_the_first_message(
    handler: type[WebSocketHandler], first: bytes
) -> None:
    """The front serves the handshake; nothing of the handler runs before the credential."""
    requests = [
        [_with(f"Origin: {ORIGIN}")],
        [_with("Origin: http://attacker.example")],
        [ADMITTED],
    ]
    make = application(handler, {})
    options: dict[str, Any] = {"first_message": ["/ws"], "hello": _text(first) + HELLO}
    without, _ = await observed(make, *requests, front=False, **options)
    found, count = await observed(make, *requests, front=True, **options)
    assert found == without
    assert count == len(requests)
    opened = [one[0] for one in found[2]].count("connection_opened")
    assert opened == (2 if b'"alice"' in first else 1)


async def test_a_failure_of_on_finish_closes_the_connection() -> None:
    """Without the front it stays open, without a handler."""
    found, _ = await observed(application(OnFinishFails, {}), [ADMITTED], front=True)
    answers, told, trail, _ = found
    frames = answers[0][1]
    assert frames == b""
    assert told == [("OnFinishFails", 101, "/ws", "127.0.0.1")]
    assert [one[0] for one in trail] == ["connection_opened", "connection_closed"]
