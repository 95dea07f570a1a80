"""The steps of a handshake in the adapter, in order, from the request to the open socket or the refusal.

Tornado calls `decide` (as its `prepare`), `get`, `switch` (as its `finish`), `end_unless_switched` (as its
`on_finish`) and `open_socket`. The front of `guarded_server` decides before it makes the handler, and calls
`admit`, `initialize`, `prepare`, `fast_protocol` and `open_socket`. The steps of the decision are those of
`stormdoor.guard.handshake.list_steps`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from functools import partial
from typing import Any

from tornado.httputil import HTTPServerRequest
from tornado.web import Finish
from tornado.websocket import WebSocketHandler, WebSocketProtocol, WebSocketProtocol13

from stormdoor.core.applied_limits import AppliedLimits
from stormdoor.core.connection import State
from stormdoor.core.credential import SUBPROTOCOL
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.handshake import Handshake
from stormdoor.core.origin import quote
from stormdoor.guard.connection import Connection
from stormdoor.guard.endpoint import Endpoint
from stormdoor.guard.lease_waits import OnWait
from stormdoor.runtime.guard import Guard
from stormdoor.tornado.answer_check import admit_socket
from stormdoor.tornado.answers import ANSWERING, finish_refusal, switch_protocols, write_refusal
from stormdoor.tornado.client_left import end_with_client
from stormdoor.tornado.fast import FastProtocol, fits_request
from stormdoor.tornado.handshake_parser import find_malformed, is_upgrade
from stormdoor.tornado.handshake_state import release_handshake_state
from stormdoor.tornado.socket.facts import InFront
from stormdoor.tornado.socket.output import SocketOutput
from stormdoor.tornado.stream_check import StreamCheck
from stormdoor.tornado.tornado_protocol import TornadoProtocol

__all__ = [
    "admit",
    "ask",
    "check_origin",
    "decide",
    "end_foreign",
    "end_unless_switched",
    "enter",
    "fast_protocol",
    "get",
    "initialize",
    "new_protocol",
    "new_socket",
    "open_own",
    "open_socket",
    "prepare",
    "refuse",
    "refuses_origin",
    "select_subprotocol",
    "size_limit",
    "size_setting",
    "stop_if_ended",
    "switch",
]

_LEAST_CUT_OFF = 128 * 1024
_SECRET_PREFIX = "stormdoor."  # noqa: S105 - of subprotocols that carry one


def new_socket(handler: Any) -> Any:
    """Return the `GuardedSocket` of a new handler."""
    facts = handler._door_facts  # noqa: SLF001 - of a guarded handler
    return facts.socket(facts)


# -- the decision ----------------------------------------------------------------------------------


async def decide(handler: Any) -> None:
    """Decide about the handshake, and only then let the handler process the request."""
    socket = handler._door_socket  # noqa: SLF001 - of a guarded handler
    facts, guard = socket.facts, socket.guard
    handshake = facts.parser.parse(handler.request)
    on_wait = partial(end_with_client, handler)
    outcome = await ask(guard, facts.endpoint, handler.request, handshake, on_wait)
    if isinstance(outcome, Refusal):
        refuse(socket, handler, outcome)
        return
    if guard.credentials.exclusive_headers or handshake.peer_certificate is not None:
        # Headers that only a proxy may send were removed from the request, and the certificate is lost
        # with the socket, which moves to the WebSocket. A refresh needs both again.
        socket.kept_handshake = handshake
    await enter(handler, outcome)


async def enter(handler: Any, connection: Connection) -> None:
    """Run the handler's own code before the 101: the guard has admitted the connection."""
    socket = handler._door_socket  # noqa: SLF001 - of a guarded handler
    admit(socket, handler, connection)
    try:
        stop_if_ended(socket, handler)
        arguments, socket.arguments = socket.arguments, None
        initialize(handler, arguments)
        if connection.awaiting_authentication:
            return  # its `prepare` runs after the first message
        prepared = prepare(socket, handler)
        if prepared is not None:
            await prepared
        stop_if_ended(socket, handler)
    except BaseException:
        socket.guard.registry.end(connection)
        raise


async def ask(
    guard: Guard,
    endpoint: Endpoint,
    request: HTTPServerRequest,
    handshake: Handshake,
    on_wait: OnWait | None = None,
) -> Connection | Refusal:
    """Return the decision of the guard about a handshake.

    Args:
        guard: The guard.
        endpoint: The endpoint.
        request: The request.
        handshake: Its facts.
        on_wait: See `OnWait`.
    """
    malformed = find_malformed(request)
    if malformed is None and (guard.running or await guard.ready()):
        return await guard.admission.admit(handshake, endpoint, on_wait)
    refusal = Refusal(Denial.UNAVAILABLE, "the store does not answer", retry_after=5)
    if malformed is not None:
        refusal = Refusal(Denial.MALFORMED, malformed)
    return guard.admission.refused(handshake, refusal, permission=endpoint.permission or "")


def refuse(socket: SocketOutput, handler: WebSocketHandler, refusal: Refusal) -> None:
    """Refuse the handshake: a status and a generic line, without the handler and without a 101."""
    now = socket.guard.clock.now()
    if "clear" in socket.facts.own or not write_refusal(handler, refusal, now):
        finish_refusal(handler, refusal)


def admit(socket: SocketOutput, handler: WebSocketHandler, connection: Connection) -> None:
    """Connect the admitted connection and the handler."""
    socket.connection, socket.handler = connection, handler
    connection.sink = socket  # type: ignore[assignment]  # its subclasses have the other methods


def stop_if_ended(socket: SocketOutput, handler: WebSocketHandler) -> None:
    """Stop if, during a wait, the client disconnected or its credential was revoked.

    Raises:
        Finish: It has ended. The refusal was sent.
    """
    connection = socket.connection
    if connection is None:
        return
    if socket.disconnected:
        socket.guard.registry.end(connection, code=1006)
    if connection.state is State.ENDED and not handler._finished:  # noqa: SLF001 - there is no other way to see it
        refuse(socket, handler, connection.closed_by or Refusal(Denial.ENDED, "it has ended"))
        raise Finish


def _own(handler: WebSocketHandler) -> Any:
    """Return the handler's own methods."""
    return super(InFront, handler)


def initialize(handler: WebSocketHandler, arguments: Mapping[str, Any]) -> None:
    """Call the handler's own `initialize`."""
    _own(handler).initialize(**arguments)


def prepare(socket: SocketOutput, handler: WebSocketHandler) -> Any:
    """Call the handler's own `prepare`."""
    facts = socket.facts
    if facts.declares:
        handler.connection = socket.connection  # type: ignore[attr-defined]  # of a `GuardedHandler`
    if facts.before_prepare is not None:
        facts.before_prepare(socket, handler)
    return _own(handler).prepare()


# -- the protocol ----------------------------------------------------------------------------------


async def get(handler: Any, *args: Any, **kwargs: Any) -> None:
    """Do the work of Tornado's `get`, without the checks that were made already."""
    socket = handler._door_socket  # noqa: SLF001 - of a guarded handler
    if socket.connection is None:
        _refuse_undecided(socket, handler)
        return
    fast = "get" not in socket.facts.own and _is_ordinary(handler)
    protocol = handler.get_websocket_protocol() if fast else None
    if not await _is_fresh(socket, handler, socket.connection):
        return
    if type(protocol) is not FastProtocol:
        if socket.facts.endpoint.public is not None:
            admit_socket(handler.request.connection)
        # As in Tornado: a `get` need not be a coroutine, and one with `@authenticated` may return nothing.
        result = _own(handler).get(*args, **kwargs)
        if result is not None:
            await result
        return
    if socket.facts.checks_origin and refuses_origin(handler):
        refuse(socket, handler, end_foreign(socket, handler, socket.connection))
        return
    handler.open_args, handler.open_kwargs = args, kwargs
    handler.ws_connection = protocol
    await protocol.accept_connection(handler)


def _refuse_undecided(socket: SocketOutput, handler: WebSocketHandler) -> None:
    """Refuse the handshake: an `_execute` of the handler's own has not called `prepare`."""
    if handler._finished:  # noqa: SLF001 - there is no other way to see it
        return
    why = Refusal(
        Denial.INTERNAL,
        f"{type(handler).__qualname__}._execute has not called prepare(), where the guard "
        "decides; let it call super()._execute()",
    )
    handshake, endpoint = socket.facts.parser.parse(handler.request), socket.facts.endpoint
    permission = endpoint.permission or ""
    why = socket.guard.admission.refused(handshake, why, permission=permission)
    refuse(socket, handler, why)


def _is_ordinary(handler: WebSocketHandler) -> bool:
    """Return whether the handshake is valid."""
    values = handler.request.headers.get_list
    return not (
        ",".join(values("Upgrade")).lower() != "websocket"
        or not is_upgrade(",".join(values("Connection")).lower())
        # Tornado requires an Origin with it, and calls an overridden check.
        or (values("Sec-Fetch-Site") and not values("Origin"))
    )


def refuses_origin(handler: Any) -> bool:
    """Return whether Tornado refuses the origin, by the `check_origin` of the handler."""
    if hasattr(handler, "_check_cross_origin"):  # since Tornado 6.6
        return handler._check_cross_origin(handler.check_origin) is not None  # noqa: SLF001 - see `compat`
    headers = handler.request.headers
    origin = headers.get("Origin", headers.get("Sec-Websocket-Origin"))
    return origin is not None and not handler.check_origin(origin)


def end_foreign(socket: SocketOutput, handler: Any, connection: Connection) -> Refusal:
    """End an admitted connection, because the handler refuses its origin. Returns the refusal."""
    origin = quote(handler.request.headers.get("Origin", ""))
    where = f"check_origin of {socket.facts.name}"
    if "check_origin" not in socket.facts.own:
        where = "the public endpoint, whose pages must come from its own Host or from origins of the guard,"
    why = Refusal(Denial.ORIGIN, f"{where} refuses the origin {origin}")
    socket.guard.registry.end(connection, why)
    return connection.closed_by or why


async def _is_fresh(socket: SocketOutput, handler: Any, connection: Connection) -> bool:
    """Refuse the handshake if the lease has lapsed since its admission, for example during `prepare`.

    If a `prepare` has blocked the event loop, the handshake waits for the next beat.
    """
    if connection.monotonic() < connection.lease.until:
        return True
    guard = socket.guard
    why = await guard.waits.until_renewed(connection.lease, partial(end_with_client, handler))
    if why is not None:
        guard.registry.end(connection, why)
    stop_if_ended(socket, handler)
    return not bool(handler._finished)  # noqa: SLF001 - there is no other way to see it


def new_protocol(handler: Any) -> WebSocketProtocol | None:
    """Return the fast protocol if it fits, else the handler's or Tornado's own.

    None, which Tornado answers with 426, for versions other than 13. Tornado 6.5 would accept the drafts
    7 and 8, in which clients send their origin in another header.
    """
    socket = handler._door_socket  # noqa: SLF001 - of a guarded handler
    request = handler.request
    if request.headers.get_list("Sec-WebSocket-Version") != ["13"]:
        return None
    if socket.connection is not None:
        admit_socket(request.connection)
    if socket.facts.fast and fits_request(request):
        return fast_protocol(socket, handler)
    protocol: WebSocketProtocol | None = _own(handler).get_websocket_protocol()
    if type(protocol) is WebSocketProtocol13:
        instead = TornadoProtocol(protocol.handler, protocol.mask_outgoing, protocol.params)
        vars(instead).update(vars(protocol))  # the handler may have set attributes
        return instead
    return protocol


def fast_protocol(socket: Any, handler: WebSocketHandler) -> FastProtocol:
    """Return the fast protocol."""
    return FastProtocol(
        handler,
        socket,
        max_message_size=size_limit(handler),
        ping_interval=handler.ping_interval,
        ping_timeout=handler.ping_timeout,
        compression=handler.get_compression_options(),
    )


def check_origin(handler: Any, origin: str) -> bool:
    """Repeat the result: the guard checked the origin exactly, before anything else.

    A check of the handler's own is used beside it. For a public endpoint it is the only one.
    """
    socket = handler._door_socket  # noqa: SLF001 - of a guarded handler
    if "check_origin" in socket.facts.own:
        return bool(_own(handler).check_origin(origin))
    if socket.facts.endpoint.public is not None:
        origins = socket.guard.handshake_policy.origins
        return origins.allows(origin) or bool(_own(handler).check_origin(origin))
    return socket.connection is not None


def select_subprotocol(handler: Any, subprotocols: list[str]) -> str | None:
    """Let the handler choose among the client's offers, except those that contain secrets."""
    offered = [one for one in subprotocols if not one.startswith(_SECRET_PREFIX)]
    chosen: str | None = _own(handler).select_subprotocol(offered)
    if chosen is not None:
        return chosen
    return SUBPROTOCOL if SUBPROTOCOL in subprotocols else None


def size_limit(handler: Any) -> int:
    """Return the bytes after which Tornado itself aborts a message (1009).

    A size that the handler or the application sets applies if it is the smaller one. If the handler has
    its own protocol, that size also has priority over the default.
    """
    socket = handler._door_socket  # noqa: SLF001 - of a guarded handler
    connection = socket.connection
    if connection is not None and connection.awaiting_authentication:
        # A little more than is read, so that a larger message gets an ordinary refusal.
        return 2 * int(socket.guard.limits.first_message_bytes)
    limits: AppliedLimits = socket.facts.limits
    limit = limits.message_bytes
    if socket.answers_errors:
        # A command that is too long is answered and recorded; only one far beyond is aborted.
        limit = max(4 * limit, _LEAST_CUT_OFF)
    if "max_message_size" in socket.facts.own or "websocket_max_message_size" in handler.settings:
        own: int = _own(handler).max_message_size
        # The application knows its protocol better than the default does.
        return own if limits.own_protocol and not limits.message_bytes_set else min(own, limit)
    return limit


def size_setting(socket: SocketOutput, handler: WebSocketHandler) -> str:
    """Return the setting that `size_limit` comes from, and its value."""
    connection = socket.connection
    if connection is not None and connection.awaiting_authentication:
        return f"limits.first_message_bytes = {socket.guard.limits.first_message_bytes}"
    size = size_limit(handler)
    if "max_message_size" in socket.facts.own and _own(handler).max_message_size == size:
        return f"max_message_size = {size} of the handler"
    if handler.settings.get("websocket_max_message_size") == size:
        return f"websocket_max_message_size = {size} of the application"
    return socket.facts.limits.setting("message_bytes")


# -- the 101, and the open socket ------------------------------------------------------------------

_NOTHING: Mapping[str, str] = {}


def switch(
    socket: SocketOutput, handler: WebSocketHandler, answer: Mapping[str, str] = _NOTHING
) -> bool:
    """Write the whole 101 in one system call, with these headers; False if Tornado must write it."""
    headers = vars(handler).get("_door_headers")
    return socket.facts.own.isdisjoint(ANSWERING) and switch_protocols(
        handler, headers, socket.guard.clock.now(), answer
    )


def end_unless_switched(handler: Any) -> None:
    """End the connection if the answer that was sent is not the 101.

    The handler's own `on_finish` runs only if the handshake was admitted, since it may need attributes
    that `initialize` sets.
    """
    socket = handler._door_socket  # noqa: SLF001 - of a guarded handler
    if socket.connection is None:
        return
    if handler.get_status() != 101:
        socket.leave(handler.close_code)
    try:
        _own(handler).on_finish()
    except BaseException:
        # Tornado would neither open the connection nor report its end.
        socket.fail()
        raise


def open_socket(handler: Any, *args: Any, **kwargs: Any) -> Awaitable[None] | None:
    """Mark the connection as open after the 101, unless it was ended meanwhile."""
    socket = handler._door_socket  # noqa: SLF001 - of a guarded handler
    connection = socket.connection
    if connection is None:
        WebSocketHandler.close(handler, 1011)
        return None
    if connection.awaiting_authentication and connection.state is State.PENDING:
        _check_stream(socket, handler, connection)
        socket.arguments = (args, kwargs)
        return None
    if not socket.guard.registry.opened(connection):
        why = connection.closed_by
        code, text = (why.answer.close_code, why.close_reason) if why else (1011, "")
        WebSocketHandler.close(handler, code, text)
        return None
    _check_stream(socket, handler, connection)
    try:
        opened = open_own(socket, handler, *args, **kwargs)
    except BaseException:
        socket.fail()
        raise
    if opened is not None:
        return _finish_open(socket, handler, opened)
    release_handshake_state(handler)
    return None


def _check_stream(socket: SocketOutput, handler: WebSocketHandler, connection: Connection) -> None:
    """Check each `send()` of Tornado's own protocol; the fast one does so itself."""
    protocol: Any = handler.ws_connection
    if isinstance(protocol, TornadoProtocol) and protocol.stream_check is None:
        hold = partial(socket.guard.fence.hold, connection)
        protocol.stream_check = StreamCheck(protocol.stream, connection, hold)


def open_own(socket: SocketOutput, handler: WebSocketHandler, *args: Any, **kwargs: Any) -> Any:
    """Call the handler's own `open`."""
    socket.opened = True
    return _own(handler).open(*args, **kwargs)


async def _finish_open(
    socket: SocketOutput, handler: WebSocketHandler, opened: Awaitable[None]
) -> None:
    try:
        await opened
    except BaseException:
        socket.fail()
        raise
    release_handshake_state(handler)
