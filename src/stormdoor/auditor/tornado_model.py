"""What Tornado's own objects do: request, cookies, settings, and the methods of its handlers.

Read in the sources of Tornado 3.2 to 6.5: `web.RequestHandler`, `websocket.WebSocketHandler`.
"""

import ast
import re

from stormdoor.auditor import lexicon
from stormdoor.auditor.hierarchy import ClassInfo
from stormdoor.auditor.hierarchy import Member as ClassMember
from stormdoor.auditor.machine import PathEnd, Stage, Thrown
from stormdoor.auditor.module import Module
from stormdoor.auditor.project import External
from stormdoor.auditor.shaping import Shaping
from stormdoor.auditor.values import (
    Authenticated,
    Bound,
    ClassRef,
    Const,
    Function,
    Instance,
    Mapping,
    Member,
    ModuleRef,
    Named,
    Nobody,
    Partial,
    Sequence,
    Setting,
    Special,
    Unknown,
    Value,
    labels_of,
    text_of,
)

__all__ = ["HOST", "TornadoModel"]

HOST = "app.example:8888"
"""The Host header of every simulated request."""

_METHODS = frozenset(
    [
        "prepare",
        "get",
        "open",
        "on_message",
        "on_close",
        "on_ping",
        "on_pong",
        "on_finish",
        "initialize",
        "check_origin",
        "finish",
        "send_error",
        "redirect",
        "write",
        "write_error",
        "write_message",
        "close",
        "ping",
        "set_status",
        "get_status",
        "set_header",
        "add_header",
        "clear_header",
        "clear_cookie",
        "set_cookie",
        "set_secure_cookie",
        "set_signed_cookie",
        "get_cookie",
        "get_secure_cookie",
        "get_signed_cookie",
        "get_argument",
        "get_arguments",
        "get_query_argument",
        "get_query_arguments",
        "get_body_argument",
        "get_body_arguments",
        "get_current_user",
        "get_login_url",
        "require_setting",
        "reverse_url",
        "static_url",
        "render",
        "render_string",
        "flush",
        "set_nodelay",
        "select_subprotocol",
        "get_compression_options",
        "check_xsrf_cookie",
        "check_etag_header",
        "get_template_path",
        "get_template_namespace",
        "log_exception",
        "data_received",
        "on_connection_close",
        "detach",
        "get_websocket_protocol",
        "get_user_locale",
        "get_browser_locale",
        "decode_argument",
        "clear",
        "set_default_headers",
        "head",
        "post",
        "put",
        "delete",
        "options",
        "patch",
        "get_secure_cookie_key_version",
        "__init__",
        "_execute",
        "xsrf_form_html",
        "create_signed_value",
    ]
)
_BY_CLIENT = frozenset({"get_argument", "get_query_argument", "get_body_argument"})
_HTTP_ONLY = frozenset(
    {"finish", "redirect", "write", "set_status", "set_header", "set_cookie", "flush", "render"}
)


class TornadoModel(Shaping):
    """Tornado's objects."""

    # the client -----------------------------------------------------------------------------

    def from_client(self, label: str, name: str, text: str) -> Unknown:
        """Something the client sends under a name."""
        labels = {"client", label}
        words = set(lexicon.words_of(name))
        if lexicon.is_credential_name(name):
            labels.add("credential")
        if words & {"origin", "referer"}:
            labels.add("origin")
        if name.lower() == "host":
            labels.add("host")
        if words & {"ip", "forwarded"} and "user" not in words:
            labels.add("address")
        return Unknown(frozenset(labels), text)

    def current_user(self, handler: Instance, node: ast.AST) -> Value:
        """What was assigned to it, what a property gives, or `get_current_user` returns."""
        known = handler.attrs.get("current_user") or handler.attrs.get("_current_user")
        if known is not None:
            return known
        if self.mode == "member":
            return self.principal("self.current_user")
        found = self._member(handler.info, "current_user", None)
        base = self._names_everybody(handler)
        if found is not None:
            value = self._bound_member(found, handler, "current_user", node)
        elif base and not self.assume(
            Setting(f"an authentication for {base}", Const(value=False)), node
        ):
            value = Unknown(text="self.current_user", truthy=True)
        else:
            getter = self.instance_attribute(handler, "get_current_user", node)
            value = self.call(getter, [], {}, node)
        handler.attrs["_current_user"] = value
        return value

    def _names_everybody(self, handler: Instance) -> str:
        """The base that was not read and, as shipped, makes a user of anybody; "" if there is none."""
        if self._member(handler.info, "get_current_user", None) is not None:
            return ""
        for one in handler.info.mro:
            known = self.hierarchy.knowledge.about(one.name) if isinstance(one, External) else None
            if known is not None and known.authentication == "optional":
                return one.name
        return ""

    def principal(self, text: str) -> Value:
        """An identity that was proven."""
        return Unknown(frozenset({"principal"}), text, truthy=True)

    def identity(
        self, text: str, node: ast.AST, *, presumed: bool = False, certain: bool = False
    ) -> Value:
        """Where the program asks who the client is."""
        if self.mode == "anonymous":
            return Nobody(text, node, self.frame.module, presumed=presumed, certain=certain)
        return self.principal(text)

    # attributes -----------------------------------------------------------------------------

    def missing_attribute(self, value: Instance, name: str, node: ast.AST) -> Value:
        """An attribute that no class that was read defines."""
        if value.handler:
            return self.tornado_method(value, name, node)
        text = f"{text_of(value)}.{name}"
        if node is not self.called:
            stored = self.stored_attribute(value, name)
            if value.shared and isinstance(stored, Const):
                stored = Setting(text, stored, text=name)
            if stored is None and value.info in self.hierarchy.applications:
                stored = self._application_attribute(name)
            if stored is not None:
                return stored
        return self.by_words(Unknown(text=text_of(value)), name, text, node)

    def tornado_method(self, handler: Instance, name: str, node: ast.AST) -> Value:
        """A method or attribute that Tornado's handlers define."""
        if name in _METHODS or (name in {"send", "broadcast"} and self.is_sockjs()):
            return Special(f"handler.{name}", frozenset({"self"}), f"self.{name}")
        match name:
            case "request":
                return Special("request", text="self.request")
            case "settings":
                return Special("settings", text="self.settings")
            case "application":
                return self.application(node)
            case "current_user":
                return self.current_user(handler, node)
            case "cookies":
                return Special("cookies", text="self.cookies")
            case "path_args" | "path_kwargs" | "open_args" | "open_kwargs":
                return Unknown(frozenset({"client", "url"}), f"self.{name}")
            case "ws_connection" | "stream":
                return Unknown(text=f"self.{name}", truthy=not self.closed or None)
            case "_finished":
                return Const(self.finished)
            case _:
                pass
        return self.by_words(handler, name, f"self.{name}", node)

    def application(self, node: ast.AST) -> Value:
        """`self.application`: the project's only Application class, or Tornado's."""
        if len(self.hierarchy.applications) == 1:
            return Instance(self.hierarchy.applications[0], text="self.application")
        return Special("application", text="self.application")

    def _application_attribute(self, name: str) -> Value | None:
        """What some function stores on the application: `app.auth = Authenticator(...)`."""
        found = self.hierarchy.attributes.get(name, [])
        if len({ast.dump(expr) for _, expr in found}) != 1:
            return None
        module, expr = found[0]
        if id(expr) not in self.placed:
            self.placed[id(expr)] = Unknown(text=name)  # it may be made of itself
            self.placed[id(expr)] = self.in_place(module, expr)
        value = self.placed[id(expr)]
        return None if isinstance(value, Unknown) else value

    def special_attribute(self, value: Special, name: str, node: ast.AST) -> Value:
        """An attribute of one of Tornado's objects."""
        text = f"{text_of(value)}.{name}"
        match value.kind, name:
            case "request", "headers" | "cookies":
                return Special(name, text=text)
            case "request", "remote_ip":
                return Unknown(frozenset({"address"}), text)
            case "request", "host" | "host_name":
                if self.mode == "origin":
                    host = self.host if name == "host" else self.host.partition(":")[0]
                    return Const(host, frozenset({"host"}), text)
                return Unknown(frozenset({"client", "host"}), text)
            case "request", "protocol":
                return Const("http", text=text) if self.mode == "origin" else Unknown(text=text)
            case (
                "request",
                "arguments"
                | "query_arguments"
                | "body_arguments"
                | "query"
                | "uri"
                | "path"
                | "body"
                | "files",
            ):
                return Unknown(frozenset({"client", "query"}), text)
            case "request", "method":
                return Const("GET")
            case "request", "get_ssl_certificate":
                return Special("request.certificate", text=text)
            case "application", "settings":
                return Special("settings", text="self.settings")
            case "application", _ if node is not self.called:
                stored = self._application_attribute(name)
                if stored is not None:
                    return stored
                return self.by_words(value, name, text, node)
            case (("headers" | "cookies" | "settings"), _):
                return Member(value, name, value.labels, text)
            case _:
                if node is self.called:
                    return Member(Unknown(value.labels, text_of(value)), name, value.labels, text)
                return self.by_words(value, name, text, node)

    def special_item(self, value: Special, index: Value, node: ast.AST) -> Value:
        """An item of one of Tornado's objects."""
        name = index.value if isinstance(index, Const) and isinstance(index.value, str) else ""
        text = self.frame.module.source(node)
        match value.kind:
            case "headers":
                return self.header(name, text)
            case "cookies":
                return self.from_client("cookie", name, text)
            case "settings":
                if self.mode == "anonymous" and self.is_proof(index):
                    return self.lookup(node, text, index)
                return self.setting_named(text, name, node)
            case _:
                return Unknown(labels_of(index), text)

    def special_method(
        self, value: Special, name: str, args: list[Value], node: ast.AST
    ) -> Value | None:
        """`get` and its kin of headers, cookies and settings."""
        key = args[0].value if args and isinstance(args[0], Const) else None
        text = (
            f"{text_of(value)}.{name}({key!r})" if key is not None else f"{text_of(value)}.{name}()"
        )
        if not isinstance(key, str) or name not in {"get", "get_list", "pop", "setdefault"}:
            if value.kind in {"headers", "cookies"}:
                return Unknown(frozenset({"client", "header"}), text)
            return None
        match value.kind:
            case "headers":
                return self.header(key, text)
            case "cookies":
                return self.from_client("cookie", key, text)
            case "settings":
                found = self.setting_named(f"settings.{key}", key, node)
                if (
                    isinstance(found, Setting)
                    and found.default is None
                    and key not in self.project.settings
                ):
                    found.default = args[1] if len(args) > 1 else Const(None)
                return found
            case _:
                return None

    def header(self, name: str, text: str) -> Value:
        """A header of the request."""
        if self.mode == "origin" and name.lower() in {"origin", "sec-websocket-origin"}:
            return Const(self.origin, frozenset({"client", "origin"}), text)
        if self.mode == "origin" and name.lower() == "host":
            return Const(self.host, frozenset({"host"}), text)
        return self.from_client("header", name or "header", text)

    origin = "https://attacker.example"
    host = HOST

    def setting_named(self, text: str, name: str, node: ast.AST) -> Value:
        """A configured value by its name, with the default the project gives it."""
        choices = [
            (module, expr)
            for key in (_dotted(text, name), name)
            for module, expr in self.project.settings.get(key, [])
            if not _passes_on(expr, name)
        ]
        if _dotted(text, name) in self.project.settings:
            choices = choices[:1]
        default: Value | None = None
        if (
            len(
                {self.project.path_of(module.file) + ast.dump(expr) for module, expr in choices[:8]}
            )
            == 1
        ):
            module, expr = choices[0]
            if len(self.frames) < 20 and not any(frame.node is expr for frame in self.frames):
                value = self.in_module(module, expr)
                if isinstance(value, Setting):
                    return value
                if not isinstance(value, Unknown) or value.truthy:
                    default = value
        labels = {"setting"}
        if lexicon.is_credential_name(name):
            labels.add("secret")
        return Setting(text or name, default, frozenset(labels), text or name)

    def by_words(self, value: Value, name: str, text: str, node: ast.AST) -> Value:
        """An attribute or item that cannot be resolved, judged by its name."""
        labels = labels_of(value)
        if "answer" in labels and lexicon.is_verdict(name):
            return self.identity(text, node, presumed=True)
        if "client" in labels:
            return self.client_field(value, name, text)
        if "principal" in labels:
            return Unknown(labels, text)
        parts = text.replace("(", ".").replace("[", ".").split(".")
        if lexicon.is_setting_chain(parts[:-1]) or lexicon.is_setting_name(name):
            return self.setting_named(text, name, node)
        if node is self.called:
            return Member(Unknown(labels, text_of(value)), name, labels - {"self"}, text)
        of_connection = isinstance(value, Instance | Special) or parts[0] in {"self", "request"}
        # What the library calls a session is the connection, and says nothing about who it is.
        of_connection = of_connection and not (name == "session" and self.is_sockjs())
        if self._is_application(value):
            # What hangs on the application is a part of the program, and nobody's identity.
            if lexicon.is_authenticator(name):
                return Setting(text, None, text=text)
            of_connection = False
        if lexicon.is_identity_name(name) and of_connection and len(parts) <= 3:
            return self.identity(text, node, presumed=True)
        labels = labels - {"self"}
        if lexicon.is_credential_name(name):
            labels |= {"secret"}
        return Unknown(labels, text)

    def _is_application(self, value: Value) -> bool:
        if isinstance(value, Special):
            return value.kind == "application"
        if isinstance(value, Instance):
            return value.info in self.hierarchy.applications
        return text_of(value) == "self.application"

    # methods --------------------------------------------------------------------------------

    def special_call(
        self, function: Special, args: list[Value], words: dict[str, Value], node: ast.AST
    ) -> Value:
        """A call of one of Tornado's methods."""
        kind = function.kind
        if kind == "foreign-check":
            return self._foreign_check(function, args, words, node)
        if kind == "identity":
            return args[0] if args else Const(None)
        if kind == "new-class" and self.making is not None:
            return ClassRef(self.making, text=self.making.name)
        if kind == "protocol.accept_connection":
            return self.connect()
        if kind == "request.certificate":
            return self.identity(text_of(function), node, certain=True)
        if not kind.startswith("handler."):
            return self.unknown_call(function, text_of(function), args, words, node)
        name = kind.removeprefix("handler.")
        self.record("call", node, f"handler.{name}", values=tuple(args), words=tuple(words.items()))
        return self._handler_call(name, args, words, node)

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
        first = args[0] if args else words.get("name")
        key = first.value if isinstance(first, Const) and isinstance(first.value, str) else ""
        if name in _BY_CLIENT:
            asked = self.from_client("query", key or "argument", f"{name}({key!r})")
            asked.present = len(args) < 2 and "default" not in words
            return asked
        if name in {"get_arguments", "get_query_arguments", "get_body_arguments"}:
            return self.from_client("query", key or "argument", f"{name}({key!r})")
        match name:
            case "get_cookie":
                return self.from_client("cookie", key or "cookie", f"get_cookie({key!r})")
            case "get_secure_cookie" | "get_signed_cookie":
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
            case "check_origin":
                return self.default_origin(args)
            case "send_error" | "close":
                return self._close(name, node)
            case "write_message" | "send" | "broadcast":
                self._send(args, node)
                return Const(None)
            case _ if name in _HTTP_ONLY:
                return self._http(name, args, node)
            case _:
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
        if name in {"finish", "redirect", "render"}:
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

    def is_sockjs(self) -> bool:
        """A connection class of sockjs-tornado."""
        return False

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

    # libraries ------------------------------------------------------------------------------

    def library_call(
        self, name: str, args: list[Value], words: dict[str, Value], node: ast.AST
    ) -> Value | None:
        """A call of a library whose meaning matters."""
        last = name.rpartition(".")[2]
        match name:
            case "getattr":
                return self._getattr(args, node)
            case "hasattr":
                return self._hasattr(args)
            case "inspect.getmodule" if len(args) == 1 and (made := _made_in(args[0])):
                return ModuleRef(made)
            case "setattr" if len(args) == 3 and isinstance(args[1], Const):
                self.store(args[0], str(args[1].value), args[2], node)
                return Const(None)
            case "bool" if len(args) == 1 and isinstance(args[0], Unknown):
                return args[0]
            case "callable":
                return (
                    Const(value=True)
                    if isinstance(args[0] if args else None, Function | Bound)
                    else Unknown()
                )
            case "dict":
                return self._dict(args, words)
            case "functools.partial" if args:
                return Partial(args[0], args[1:], words)
            case "os.getenv" | "os.environ.get":
                return self._setting_get("environ", args, node)
            case "type.__new__" if self.making is not None:
                return ClassRef(self.making, text=self.making.name)
            case "tornado.web.authenticated" if args:
                return Authenticated(args[0], node, self.frame.module)
            case "hmac.compare_digest" | "secrets.compare_digest" if len(args) == 2:
                if isinstance(node, ast.Call):
                    left, right = (_shown(one) for one in args)
                    for one, other in ((left, right), (right, left)):
                        if (
                            isinstance(one, Const)
                            and isinstance(other, Setting)
                            and (self.truth_of_default(other) is None)
                        ):
                            return Nobody(self.frame.module.source(node), node, self.frame.module)
                    return self.compare(left, ast.Eq(), right, node)
            case (
                "tornado.ioloop.IOLoop.current"
                | "asyncio.get_event_loop"
                | "asyncio.get_running_loop"
            ):
                return Unknown(text=name)
            case "tornado.web.decode_signed_value" | "tornado.web.get_signed_cookie":
                return self.identity(name, node, certain=True)
            case _:
                pass
        if last == "wraps" or name in {
            "functools.lru_cache",
            "functools.cache",
            "functools.update_wrapper",
        }:
            if last == "update_wrapper" and args:
                return args[0]
            return Special("identity", text=last)
        if name.startswith("traitlets") and last[:1].isupper():
            default = args[0] if args else words.get("default_value", Const(None))
            return Setting(last, default if isinstance(default, Const) else None, text="")
        if name in {"any", "all"} and len(args) == 1 and isinstance(args[0], Sequence):
            return self._any(name, args[0])
        if last == "gather":
            return Sequence([self.awaited(one, node) for one in args])
        return None

    def _any(self, name: str, items: Sequence) -> Value | None:
        """What `any` and `all` make of an identity that is asked for among other things."""
        decides = name == "any"
        for item in items.items:
            if isinstance(item, Nobody) and item.truthy is decides:
                return item
            if isinstance(item, Const) and bool(item.value) is decides:
                return Const(value=decides)
        return next((one for one in items.items if isinstance(one, Nobody)), None)

    def _dict(self, args: list[Value], words: dict[str, Value]) -> Value:
        entries: dict[object, Value] = {}
        exact = True
        for one in args:
            if isinstance(one, Mapping):
                entries.update(one.items)
            else:
                exact = False
        entries.update(words)
        return Mapping(entries, exact)

    def _hasattr(self, args: list[Value]) -> Value:
        """What a class or a constructor gave is there; of the connection, also what is not there yet."""
        target, name = (args[0], args[1]) if len(args) == 2 else (None, None)
        if isinstance(target, Instance) and isinstance(name, Const) and isinstance(name.value, str):
            if name.value in target.attrs or isinstance(
                self.hierarchy.find(target.info, name.value), ClassMember
            ):
                return Const(value=True)
            if target.handler and self._is_stored_later(target.info, name.value):
                return Const(value=False)
        return Unknown(text="hasattr()")

    def _is_stored_later(self, info: ClassInfo, name: str) -> bool:
        """Only methods of the handler's own classes make this attribute, and none has yet."""
        return (
            name not in _METHODS
            and name in self.stored_names(info)
            and all(
                one.name.startswith("tornado.") or self.hierarchy.is_inert(one)
                for one in info.mro
                if isinstance(one, External)
            )
            and not any(isinstance(one, ClassInfo) and one.unresolved for one in info.mro)
        )

    def _getattr(self, args: list[Value], node: ast.AST) -> Value:
        if len(args) < 2:
            return Unknown(text="getattr()")
        target, name = args[0], args[1]
        if isinstance(name, Const) and isinstance(name.value, str):
            if isinstance(target, Instance) and len(args) > 2:
                known = name.value in target.attrs or self._member(target.info, name.value, None)
                if not known and not target.handler:
                    stored = self.stored_attribute(target, name.value)
                    return args[2] if stored is None else stored
                if not known and name.value != "current_user" and name.value not in _METHODS:
                    found = self.tornado_method(target, name.value, node)
                    if isinstance(found, Nobody):
                        return found
                    return Setting(name.value, args[2], text=f"getattr {name.value}")
            if len(args) > 2 and isinstance(
                target, Function | Bound | Authenticated | Partial | Special
            ):
                marked = _marks(target).get(name.value)
                if marked is not None:
                    return marked
                if not isinstance(target, Special) or target.kind.startswith("handler."):
                    return args[2]
            if len(args) > 2 and isinstance(target, Unknown | Setting | Special):
                found = self.attribute(target, name.value, node)
                if isinstance(found, Setting) and found.default is None:
                    found.default = args[2]
                if (
                    isinstance(found, Nobody)
                    and isinstance(target, Special)
                    and target.kind == "application"
                ):
                    # What the application may have is a part of it, and nobody's identity.
                    return Setting(f"application.{name.value}", args[2], text=found.text)
                return found
            return self.attribute(target, name.value, node)
        if "client" in labels_of(name):
            self.record("dispatch", node, "getattr", values=tuple(args))
            if self.accepted:
                self.record("act", node, "getattr", values=tuple(args))
        return Unknown(labels_of(name) & {"client", "message"}, "getattr()")


def _dotted(text: str, name: str) -> str:
    """`config["auth"]["enabled"]` and `config.auth.enabled` as `auth.enabled`."""
    parts = re.findall(r"\w[\w-]*", text.replace(".get(", ".").replace("settings.", ""))
    return ".".join(parts[-2:]) if parts[-1:] == [name] and len(parts) > 1 else name


def _made_in(value: Value) -> Module | None:
    """The file in which a function or a class stands."""
    while isinstance(value, Bound | Authenticated):
        value = value.function
    match value:
        case Function():
            return value.module
        case ClassRef() | Instance():
            return value.info.module
        case ModuleRef():
            return value.module
        case _:
            return None


def _marks(value: Value) -> dict[str, Value]:
    """Attributes that a decorator put on a function: `method.public = True`."""
    while isinstance(value, Bound | Authenticated):
        value = value.function
    return value.attrs if isinstance(value, Function) else {}


def _shown(value: Value) -> Value:
    """What the client sends is shown as proof where it is compared in constant time."""
    if isinstance(value, Unknown) and "client" in value.labels:
        return Unknown(value.labels | {"credential"}, value.text, value.truthy)
    return value


def _passes_on(expr: ast.expr, name: str) -> bool:
    """`dict(auth=self.auth)` says nothing about what `auth` is."""
    return (isinstance(expr, ast.Attribute) and expr.attr == name) or (
        isinstance(expr, ast.Name) and expr.id == name
    )


def _is_constant(value: Value) -> bool:
    match value:
        case Const():
            return True
        case Sequence(items=items):
            return all(_is_constant(one) for one in items)
        case Mapping(items=items):
            return all(_is_constant(one) for one in items.values())
        case Unknown(labels=labels, text=text):
            return (
                not labels
                and text.startswith(("json.dumps", "tornado.escape.json_encode"))
                and "'" in text
            )
        case _:
            return False


_ = (Named, Stage)
