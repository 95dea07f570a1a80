"""Methods of Tornado's handlers."""

import ast

from stormdoor_audit.auditor.connection.attributes import TornadoAttributes
from stormdoor_audit.auditor.interpreter.calls.records import copied_with
from stormdoor_audit.auditor.interpreter.outcomes import PathEnd, Thrown
from stormdoor_audit.auditor.interpreter.values import (
    ClassRef,
    Const,
    Instance,
    Mapping,
    Nobody,
    Sequence,
    Setting,
    Special,
    Unknown,
    Value,
    labels_of,
    settled,
    text_of,
)
from stormdoor_audit.auditor.naming.words import words
from stormdoor_audit.auditor.reading.project import External

__all__ = ["TornadoMethods"]

_BY_CLIENT = frozenset({"get_argument", "get_query_argument", "get_body_argument"})
_LISTS = frozenset(f"{name}s" for name in _BY_CLIENT)
_HTTP_ONLY = words(
    "finish flush redirect render set_cookie set_header set_status write write_error"
)


class TornadoMethods(TornadoAttributes):
    """Methods that a handler inherits."""

    def special_call(
        self, function: Special, args: list[Value], words: dict[str, Value], node: ast.AST
    ) -> Value:
        """A call of one of Tornado's methods."""
        kind = function.kind
        if kind == "foreign-check":
            return self._foreign_check(function, args, words, node)
        if kind == "identity":
            return args[0] if args else Const(None)
        if kind == "replace" and isinstance(args[0], Instance):
            return copied_with(args[0], words)
        if kind == "fill" and isinstance(args[0], Instance):
            return self.filled_with(args[0], args[1:], words, node)
        if kind == "subclasses" and isinstance(args[0], ClassRef):
            return self._subclasses(args[0])
        if kind == "new-class" and self.making is not None:
            return ClassRef(self.making, text=self.making.name)
        if kind == "protocol.accept_connection":
            return self.connect()
        if kind.startswith("thread."):
            return self.thread_call(kind, args, words, node)
        if kind == "request.certificate":
            return self.identity(text_of(function), node, certain=True)
        if kind == "request.full_url":
            self.looked_at.add("host")
            if self.mode != "origin":
                return Unknown(frozenset({"client", "query", "host"}), "self.request.full_url()")
            return Const(f"http://{self.host}/", frozenset({"host"}), text_of(function))
        if not kind.startswith("handler."):
            return self.unknown_call(function, text_of(function), args, words, node)
        name = kind.removeprefix("handler.")
        self.record("call", node, f"handler.{name}", values=tuple(args), words=tuple(words.items()))
        return self._handler_call(name, args, words, node)

    def _subclasses(self, base: ClassRef) -> Value:
        """`Action.__subclasses__()`: those of the project; a plugin may add others."""
        found = [one for one in self.hierarchy.heirs(base.info) if base.info in one.bases]
        return Sequence([ClassRef(one, text=one.name) for one in found], exact=bool(found))

    def _foreign_check(
        self, function: Special, args: list[Value], words: dict[str, Value], node: ast.AST
    ) -> Value:
        inner, place, *rest = args
        if self.mode == "anonymous":
            site = (
                place.value
                if isinstance(place, Const) and isinstance(place.value, ast.AST)
                else node
            )
            self.check(site, text_of(function), presumed=True)
            raise Thrown("?", site, self.frame.module, check=True, presumed=True)
        self.record("check", node, text_of(function), presumed=True)
        return self.awaited(self.call(inner, rest, words, node), node)

    def _handler_call(
        self, name: str, args: list[Value], words: dict[str, Value], node: ast.AST
    ) -> Value:
        first = settled(args[0] if args else words.get("name"))
        key = first.value if isinstance(first, Const) and isinstance(first.value, str) else ""
        if name in _BY_CLIENT | _LISTS and "body" not in name:
            self.record("query", node, key)
        if name in _BY_CLIENT:
            asked = self.from_client("query", key or "argument", f"{name}({key!r})")
            asked.present = len(args) < 2 and "default" not in words
            return asked
        if name in _LISTS:
            return self.from_client("query", key or "argument", f"{name}({key!r})")
        match name:
            case "get_cookie":
                return self.from_client("cookie", key or "cookie", f"get_cookie({key!r})")
            case "get_secure_cookie" | "get_signed_cookie":
                if self.mode == "anonymous" and key in self.hierarchy.visitors:
                    return self.visitors_cookie(key, f"{name}({key!r})", node)
                return self.identity(f"{name}({key!r})", node, certain=True)
            case "get_current_user":
                if self.mode == "anonymous":
                    return Nobody("get_current_user()", node, self.frame.module, certain=True)
                return self.principal("get_current_user()")
            case "get":
                return self.accept(args, words, node)
            case "__init__":
                return self.constructed({k: v for k, v in words.items() if k != "request"})
            case "_execute":
                return self.serve(args[1:])
            case "get_websocket_protocol":
                return Special("protocol", text="get_websocket_protocol()")
            case "check_origin":
                return self.default_origin(args)
            case "get_websocket_protocol":
                return Special("protocol", text="self.get_websocket_protocol()")
            case "on_message":
                return self._heard_by_base(args, node)
            case "send_error" | "close":
                return self._close(name, node)
            case "write_message" | "send" | "emit" | "broadcast":
                self._send(args, node)
                return Const(None)
            case "render_string":
                filled = labels_of(*args, *words.values())
                # What is filled in stands in the page; without it the template is the page.
                return Unknown(filled, "self.render_string()") if filled else Const(key)
            case _ if name in _HTTP_ONLY:
                return self._http(name, args, node)
            case _:
                return Const(None)

    def _heard_by_base(self, args: list[Value], node: ast.AST) -> Value:
        """Effect of an unread base on a message, as far as it is known: it types it.

        Who is let in has a terminal of its own: that is what the base is there for.
        """
        if self.handler is not None and self.mode == "anonymous":
            for one in self.handler.info.mro:
                known = (
                    self.hierarchy.knowledge.about(one.name) if isinstance(one, External) else None
                )
                if known is not None and known.acts:
                    self.record("act", node, known.acts, values=tuple(args))
                    break
        return Const(None)

    def _close(self, name: str, node: ast.AST) -> Value:
        if name == "send_error" and not self.accepted:
            self.finished = True
            self.record("finish", node, name)
        elif self.accepted:
            self.closed = True
            self.record("close", node, name)
            if name == "send_error":
                raise Thrown("RuntimeError", node, self.frame.module)
        return Const(None)

    def _send(self, args: list[Value], node: ast.AST) -> None:
        if self.closed:
            raise Thrown("WebSocketClosedError", node, self.frame.module)
        labels = labels_of(*args)
        constant = all(_is_constant(one) for one in args) and not labels & {"client", "principal"}
        self.record("send", node, "write_message", values=tuple(args), constant=constant)

    def _http(self, name: str, args: list[Value], node: ast.AST) -> Value:
        if self.accepted:
            # Tornado 5+: `Method not supported for Web Sockets`; the exception ends the connection.
            if name in {"finish", "redirect", "write"}:
                raise Thrown("RuntimeError", node, self.frame.module)
            return Const(None)
        if name in {"finish", "redirect", "render", "write_error"}:
            self.finished = True
            self.record("finish", node, name)
        elif (
            name == "set_status"
            and args
            and isinstance(args[0], Const)
            and isinstance(args[0].value, int)
        ):
            self.status = args[0].value
        return Const(None)

    def default_origin(self, args: list[Value]) -> Value:
        """Tornado compares the Origin's host and port with the Host header."""
        if self.mode == "origin":
            return Const(self.origin.partition("://")[2] == self.host, frozenset({"origin"}))
        return Const(value=True)

    def accept(self, args: list[Value], words: dict[str, Value], node: ast.AST) -> Value:
        """`WebSocketHandler.get`: answers 101, opens, and returns when the connection is over."""
        raise PathEnd

    def constructed(self, words: dict[str, Value]) -> Value:
        """`RequestHandler.__init__`: calls `initialize`."""
        raise NotImplementedError

    def serve(self, arguments: list[Value]) -> Value:
        """`RequestHandler._execute`: prepare, then the method of the request."""
        raise NotImplementedError

    def connect(self) -> Value:
        """`WebSocketProtocol.accept_connection`: the 101."""
        raise NotImplementedError


def _is_constant(value: Value) -> bool:
    match value:
        case Const() | Setting(default=Const(value=str())):
            return True
        case Nobody():
            return True  # that no user is known, or that the password was wrong
        case Sequence(items=items):
            return all(_is_constant(one) for one in items)
        case Mapping(items=items):
            return all(_is_constant(one) for one in items.values())
        case Unknown(labels=labels) if labels == {"drawn"}:
            return True
        case Unknown(labels=labels, text=text):
            return (
                not labels
                and text.startswith(("json.dumps", "tornado.escape.json_encode"))
                and "'" in text
            )
        case _:
            return False
