"""Choose the class that serves each request of an application, or answer 503."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, Protocol, cast

from tornado.httputil import HTTPMessageDelegate, HTTPServerRequest
from tornado.ioloop import IOLoop
from tornado.web import Application, RequestHandler, stream_request_body
from tornado.websocket import WebSocketHandler

from stormdoor.core.denial import Denial, Refusal
from stormdoor.guard.operator_log import LogLimiter
from stormdoor.guard.references import referenced
from stormdoor.tornado.answer_check import check_answer, wants_socket
from stormdoor.tornado.passed_on import PassedOn
from stormdoor.tornado.transports.table import TransportTable

__all__ = [
    "Interception",
    "Unavailable",
    "Wrapper",
    "intercept",
    "intercepted",
    "leads_to_guarded",
    "limit_body_bytes",
    "upgrades",
]

_ATTRIBUTE = "_stormdoor_interception"
_RETRY_SECONDS = 5

_log = logging.getLogger("stormdoor.protect")
_shown = LogLimiter()


class Wrapper(Protocol):
    """Interface of the code that replaces handler classes by guarded ones.

    Attributes:
        known: The class that serves instead, by the class that the application has chosen and the path. It
            has the sockets without other transports; for these, `wrap` is called once.
    """

    known: dict[tuple[type[RequestHandler], str], type[RequestHandler]]

    def wrap(
        self,
        request: HTTPServerRequest,
        target: type[RequestHandler],
        arguments: Mapping[str, Any],
    ) -> type[RequestHandler]:
        """Return the class that serves `request` instead of `target`.

        Args:
            request: The request.
            target: The class that the application has chosen.
            arguments: The keyword arguments of its route.
        """
        ...

    def wrap_unknown(
        self, request: HTTPServerRequest, delegate: HTTPMessageDelegate
    ) -> type[RequestHandler] | None:
        """Return the class that answers instead of `delegate`, which has no handler class.

        Returns:
            None if the request may pass.
        """
        ...


@stream_request_body  # so that the answer does not wait for a body
class Unavailable(RequestHandler):
    """Answers 503: `protect` was called and has not succeeded."""

    def initialize(self, **_: Any) -> None:
        """Take the arguments of any route."""

    def check_xsrf_cookie(self) -> None:
        """Not needed: the request is refused in any case."""

    def prepare(self) -> None:
        """Refuse the request."""
        refusal = referenced(Refusal(Denial.UNAVAILABLE, "protect() has not succeeded"))
        hidden = _shown.show("unavailable", IOLoop.current().time())
        if hidden is not None:
            _log.warning("refused a request: %s (reference %s)", refusal.detail, refusal.ref)
        self.set_status(refusal.answer.status)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.set_header("Cache-Control", "no-store")
        self.set_header("Retry-After", str(_RETRY_SECONDS))
        self.finish(refusal.text + "\n")

    def data_received(self, chunk: bytes) -> None:
        """Ignore the body."""


class Interception:
    """Wraps the two public methods through which an application chooses a handler.

    Every router, nested or hand-written, calls one of them: `get_handler_delegate` of the application that
    serves, or `find_handler` of the outermost application. So routes that are added later are covered, too.

    Attributes:
        wrapper: Puts the guard in front of handlers. INVARIANT: while it is None, no WebSocket opens.
        transports: The HTTP transports of the application. Until they are known every request gets 503.
    """

    def __init__(self, application: Application) -> None:
        self.wrapper: Wrapper | None = None
        self.transports: TransportTable | None = None
        self._serve = application.get_handler_delegate
        self._find: Callable[..., HTTPMessageDelegate | None] = application.find_handler
        setattr(application, "get_handler_delegate", self._get_handler_delegate)  # noqa: B010
        setattr(application, "find_handler", self._find_handler)  # noqa: B010
        self._application = application

    @property
    def is_outermost(self) -> bool:
        """Whether only this object is around the methods of Tornado: no other library has wrapped them."""
        own = vars(self._application)
        return (
            own.get("find_handler") == self._find_handler
            and own.get("get_handler_delegate") == self._get_handler_delegate
            and getattr(self._find, "__func__", None) is Application.find_handler
            and getattr(self._serve, "__func__", None) is Application.get_handler_delegate
        )

    def _get_handler_delegate(
        self,
        request: HTTPServerRequest,
        target_class: type[RequestHandler],
        target_kwargs: dict[str, Any] | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> HTTPMessageDelegate:
        chosen = self._choose(request, target_class, target_kwargs)
        return self._serve(request, chosen, target_kwargs, *args, **kwargs)

    def _find_handler(
        self, request: HTTPServerRequest, **kwargs: Any
    ) -> HTTPMessageDelegate | None:
        delegate = self._find(request, **kwargs)
        target = getattr(delegate, "handler_class", None)
        if isinstance(target, type) and issubclass(target, RequestHandler):
            arguments = getattr(delegate, "handler_kwargs", None)
            setattr(delegate, "handler_class", self._choose(request, target, arguments))  # noqa: B010
            return delegate
        if delegate is None:
            return None
        instead = self._choose_for_unknown(request, delegate)
        if instead is None:
            return delegate
        return self._serve(
            request, instead, {"delegate": delegate} if issubclass(instead, PassedOn) else None
        )

    def _choose(
        self,
        request: HTTPServerRequest,
        target: type[RequestHandler],
        arguments: Mapping[str, Any] | None,
    ) -> type[RequestHandler]:
        wrapper = self.wrapper
        known = None if wrapper is None else wrapper.known.get((target, request.path))
        # Without code of the application before the 101, nothing else can answer.
        if known is None or getattr(known, "_door_answers", True):
            check_answer(request.connection, target)
        if wrapper is not None:
            if known is None:
                return wrapper.wrap(request, target, arguments or {})
            limit_body_bytes(request, target)
            return known
        if (
            self.transports is None
            or upgrades(request)
            or issubclass(target, WebSocketHandler)
            or self.transports.find(target, request.path, arguments or {}) is not None
        ):
            return Unavailable
        return target

    def _choose_for_unknown(
        self, request: HTTPServerRequest, delegate: HTTPMessageDelegate
    ) -> type[RequestHandler] | None:
        check_answer(request.connection, delegate)
        if self.wrapper is not None:
            return self.wrapper.wrap_unknown(request, delegate)
        return Unavailable if self.transports is None or upgrades(request) else None


def limit_body_bytes(
    request: HTTPServerRequest, handler: type[RequestHandler], most: int | None = None
) -> None:
    """Limit the body that Tornado reads before the client is authenticated; its default is 100 MiB.

    Args:
        request: The request.
        handler: The class that the application has chosen.
        most: Bytes of the body of a poll; None for a handshake, which has no body at all.
    """
    limit = getattr(request.connection, "set_max_body_size", None)
    if limit is None:
        return
    if most is None and request.method != "GET":
        method = (request.method or "").lower()
        own = getattr(handler, method, None) is not getattr(RequestHandler, method, None)
        if own and method != "get":
            return
    limit(most or 0)


def upgrades(request: HTTPServerRequest) -> bool:
    """Return whether the client asks for a WebSocket."""
    return wants_socket(request.headers)


def intercept(application: Application) -> Interception:
    """Return the interception of `application`. If there is none, install one that answers 503."""
    found = vars(application).get(_ATTRIBUTE)
    if found is None:
        found = Interception(application)
        setattr(application, _ATTRIBUTE, found)
    return cast(Interception, found)


def intercepted(application: Application) -> bool:
    """Return whether `application` has an interception."""
    return _ATTRIBUTE in vars(application)


def leads_to_guarded(delegate: HTTPMessageDelegate) -> bool:
    """Return whether a request goes on to an application that decides about it."""
    router = getattr(delegate, "router", None)
    return isinstance(router, Application) and intercepted(router)
