"""The method resolution order, also past classes that were not read."""

from stormdoor_audit.auditor.classes.classinfo import ClassInfo
from stormdoor_audit.auditor.naming.lexicon import words_of
from stormdoor_audit.auditor.naming.words import words
from stormdoor_audit.auditor.reading.project import External

__all__ = ["REQUEST", "REQUEST_METHODS", "SOCKET_METHODS", "WEBSOCKET", "defines", "linearised"]

WEBSOCKET = "tornado.websocket.WebSocketHandler"
REQUEST = "tornado.web.RequestHandler"
SOCKET_METHODS = words(
    """
    check_origin close get get_compression_options get_websocket_protocol on_close on_message
    on_ping on_pong open ping select_subprotocol set_nodelay write_message
    """
)
"""Methods that `WebSocketHandler` itself defines; the rest is `RequestHandler`'s, and comes later."""
REQUEST_METHODS = words(
    """
    current_user finish get_argument get_arguments get_cookie get_current_user get_login_url
    get_secure_cookie get_signed_cookie get_template_namespace initialize log_exception
    on_finish prepare redirect send_error set_default_headers set_status settings write_error
    """
)


def defines(base: External, name: str) -> bool:
    """Return True if one of Tornado's own classes defines a method."""
    if base.name == WEBSOCKET:
        return name in SOCKET_METHODS
    return base.name == REQUEST and name in REQUEST_METHODS | SOCKET_METHODS


def linearised(info: ClassInfo) -> "list[ClassInfo | External]":
    """C3; where that fails, depth first without repeats."""
    sequences: list[list[ClassInfo | External]] = [
        *(
            _of_external(base) if isinstance(base, External) else list(base.mro or [base])
            for base in info.bases
        ),
        list(info.bases),
    ]
    result: list[ClassInfo | External] = [info]
    pending = [list(one) for one in sequences if one]
    while pending:
        head = next(
            (one[0] for one in pending if not any(_in(one[0], other[1:]) for other in pending)),
            None,
        )
        if head is None:
            head = pending[0][0]
        if not _in(head, result):
            result.append(head)
        pending = [[one for one in seq if not _same(one, head)] for seq in pending]
        pending = [seq for seq in pending if seq]
    return _request_handler_last(result)


def _request_handler_last(order: "list[ClassInfo | External]") -> "list[ClassInfo | External]":
    """Place RequestHandler after the unread classes that may derive from it.

    Only those can override `prepare()` from behind WebSocketHandler, and they are called handlers. What
    another class defines there, a mixin for example, never runs in place of Tornado's.
    """
    request = next(
        (one for one in order if isinstance(one, External) and one.name == REQUEST), None
    )
    if request is None:
        return order
    rest = [one for one in order if one is not request]
    at = order.index(request)
    behind = [i for i, one in enumerate(rest) if i >= at and _may_derive(one)]
    where = max(behind, default=at - 1) + 1
    return [*rest[:where], request, *rest[where:]]


def _may_derive(one: "ClassInfo | External") -> bool:
    if isinstance(one, External):
        return "handler" in words_of(one.name.rpartition(".")[2])
    return bool(one.unresolved) or any(
        isinstance(base, External) and _may_derive(base) for base in one.bases
    )


def _of_external(base: External) -> "list[ClassInfo | External]":
    """Return the known part of the resolution order of an unread class."""
    if base.name == WEBSOCKET:
        return [base, External(REQUEST)]
    return [base]


def _same(left: ClassInfo | External, right: ClassInfo | External) -> bool:
    return left is right or (isinstance(left, External) and left == right)


def _in(one: ClassInfo | External, sequence: "list[ClassInfo | External]") -> bool:
    return any(_same(one, other) for other in sequence)
