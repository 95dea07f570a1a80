"""Attributes of Tornado's handlers, requests and applications."""

import ast
import re
from functools import lru_cache

from stormdoor_audit.auditor.classes.classinfo import ClassInfo
from stormdoor_audit.auditor.classes.classinfo import Member as ClassMember
from stormdoor_audit.auditor.classes.stores import stores_in
from stormdoor_audit.auditor.connection.client import ORIGIN_HEADERS, Client
from stormdoor_audit.auditor.interpreter.events import Stage
from stormdoor_audit.auditor.interpreter.kept import field_in, is_for_anybody
from stormdoor_audit.auditor.interpreter.outcomes import Thrown
from stormdoor_audit.auditor.interpreter.pieces import is_drawn, is_made_up
from stormdoor_audit.auditor.interpreter.values import (
    Bound,
    ClassRef,
    Const,
    Function,
    Instance,
    Mapping,
    Member,
    Named,
    Nobody,
    Partial,
    Sequence,
    Setting,
    Special,
    Unknown,
    Value,
    labels_of,
    settled,
    text_of,
)
from stormdoor_audit.auditor.naming import lexicon
from stormdoor_audit.auditor.naming.words import words
from stormdoor_audit.auditor.reading.module import Module
from stormdoor_audit.auditor.reading.project import External

__all__ = ["METHODS", "TornadoAttributes", "never_sent"]

_OF_HANDSHAKE = {"upgrade": "websocket", "connection": "Upgrade", "sec-websocket-version": "13"}
"""Headers without which Tornado answers no 101: who leaves them out is no client of a WebSocket."""

_OF_CONNECTION = {"get_argument": "query", "get_cookie": "cookie", "get_header": "header"}
"""Methods by which SockJS and Socket.IO give `on_open` the request."""

_CONSTRUCTORS = frozenset({"__init__", "initialize"})
_APPLICATION = ("", "self.application")
"""Names of the application among the values that modules hold."""
_BEFORE_MESSAGES = _CONSTRUCTORS | {"prepare", "get", "open", "on_open"}

METHODS = words(
    """
    __init__ _execute add_header async_callback check_etag_header check_origin check_xsrf_cookie
    clear clear_cookie clear_header close create_signed_value data_received decode_argument
    delete detach finish flush get get_argument get_arguments get_body_argument
    get_body_arguments get_browser_locale get_compression_options get_cookie get_current_user
    get_login_url get_query_argument get_query_arguments get_secure_cookie
    get_secure_cookie_key_version get_signed_cookie get_status get_template_namespace
    get_template_path get_user_locale get_websocket_protocol head initialize log_exception
    on_close on_connection_close on_finish on_message on_ping on_pong open options patch ping
    post prepare put redirect render render_string require_setting reverse_url
    select_subprotocol send_error set_cookie set_default_headers set_header set_nodelay
    set_secure_cookie set_signed_cookie set_status static_url write write_error write_message
    xsrf_form_html
    """
)
SELDOM = words(
    """
    check_trusted_origin clear_all_cookies compute_etag create_template_loader
    get_signed_cookie_key_version on_ws_connection_close render_embed_css render_embed_js
    render_linked_css render_linked_js set_etag_header
    """
)
"""Methods of Tornado's that handlers seldom call."""
_BROWSER = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/131.0.0.0 Safari/537.36"
)
"""Headers of a victim's browser on an attacker's page."""
_VERBS = ("GET", "HEAD", "POST", "DELETE", "PATCH", "PUT", "OPTIONS")
"""Methods of a request that Tornado supports: `SUPPORTED_METHODS`."""
_UNWRITTEN = "tornado.web.RequestHandler._unimplemented_method"
"""Value that a handler has under the name of a verb that it does not answer."""
_OF_PROXIES = words("auth email forwarded host ip original proto protocol real remote scheme user")
"""Words of the headers that a proxy adds."""


class TornadoAttributes(Client):
    """Attributes of Tornado's objects."""

    def attribute(self, value: Value, name: str, node: ast.AST) -> Value:
        """The value of `value.name`; code that closes the protocol of a handler closes the handler."""
        if (
            name in {"close", "abort"}
            and isinstance(value, Unknown)
            and value.text in {"self.ws_connection", "self.ws_connection.stream", "self.stream"}
        ):
            return Special("handler.close", frozenset({"self"}), f"{value.text}.{name}")
        if isinstance(value, ClassRef):
            by_tornado = self._of_class_of_tornado(value.info, name)
            if by_tornado is not None:
                return by_tornado
        found = super().attribute(value, name, node)
        if (
            isinstance(found, Const)
            and found.value is None
            and isinstance(value, Instance)
            and value.info in self.hierarchy.applications
            and name in self.hierarchy.attributes
            and self.stage != Stage.IMPORT
        ):
            # `app.rooms = Rooms(app)`, before the first client is served: None is only where it stands.
            stored = self._application_attribute(name)
            return Unknown(text=f"{text_of(value)}.{name}") if stored is None else stored
        if isinstance(found, Mapping | Sequence) and self._is_application(value):
            found.text = found.text or f"{text_of(value)}.{name}"  # all connections share it
        return found

    def _of_class_of_tornado(self, info: ClassInfo, name: str) -> Value | None:
        """Return a class attribute of Tornado's: a wrapper of all verbs of its subclasses reads them."""
        verb = name.upper() in _VERBS and name.islower()
        if (not verb and name != "SUPPORTED_METHODS") or self._member(info, name, None) is not None:
            return None
        read = all(
            isinstance(one, ClassInfo) or one.name.startswith("tornado.") for one in info.mro
        )
        if not read or not any(isinstance(one, External) for one in info.mro):
            return None
        if not verb:
            return Sequence([Const(one) for one in _VERBS], "tuple")
        answers = name == "get" and self.hierarchy.is_socket(info)
        return Named(f"tornado.websocket.WebSocketHandler.{name}" if answers else _UNWRITTEN)

    def missing_attribute(self, value: Instance, name: str, node: ast.AST) -> Value:
        """An attribute that no class that was read defines."""
        if value.handler:
            return self.tornado_method(value, name, node)
        text = f"{text_of(value)}.{name}"
        if "client" in value.labels and node is not self.called:
            return self.written_by_client(value, name)
        if node is self.called:
            hook = self.stored_attribute(value, name)
            if (
                isinstance(settled(hook), Function | Bound | Partial | ClassRef)
                and hook is not None
            ):
                return hook  # `self.application.authorize(self.request)`
        else:
            stored = self.stored_attribute(value, name)
            if value.shared and isinstance(stored, Const):
                stored = Setting(text, stored, text=name)
            if stored is None and value.info in self.hierarchy.applications:
                stored = self._application_attribute(name)
            if stored is not None:
                return stored
        return self.by_words(Unknown(value.labels, text_of(value)), name, text, node)

    def tornado_method(self, handler: Instance, name: str, node: ast.AST) -> Value:
        """A method or attribute that Tornado's handlers define."""
        told = self.told_to_class(handler.info, name)
        if told is not None:
            return Setting(name, told, text=name)
        if name in METHODS or (name in {"send", "emit", "broadcast"} and self.is_sockjs()):
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
            case "xsrf_token":
                return Unknown(text="self.xsrf_token", truthy=True)  # who has none is given one
            case _:
                pass
        if self._was_left_out(handler.info, name) or (
            node is self.called and self._has_no_such(handler, name)
        ):
            raise Thrown("AttributeError", node, self.frame.module)
        return self.by_words(handler, name, f"self.{name}", node)

    def _has_no_such(self, handler: Instance, name: str) -> bool:
        """Return True if the called method does not exist: all of the class was read, and it has none."""
        info = handler.info
        return (
            self.mode != "origin"
            and not self.hierarchy.is_shaped(info)
            and not info.unresolved
            and name[:1] != "_"
            and name not in SELDOM
            and not self.hierarchy.is_put_somewhere(name)
            and not isinstance(self.hierarchy.find(info, "__getattr__"), ClassMember)
            and all(
                isinstance(one, ClassInfo) or one.name.startswith(("tornado.", "object"))
                for one in info.mro
            )
        )

    def _was_left_out(self, info: ClassInfo, name: str) -> bool:
        """Return True if only code before the messages sets an attribute, and this connection skipped it."""
        base = self.uncertain.get(name)
        if base is not None and self.hierarchy.knowledge.about(base) is None:
            return False  # an unknown base may have it
        if self.mode == "origin" or not self.accepted:
            return False
        makers = {
            method
            for one in info.mro
            if isinstance(one, ClassInfo)
            for method in stores_in(one.node).makers.get(name, ())
        }
        done = _BEFORE_MESSAGES if self.stage == Stage.MESSAGE else _CONSTRUCTORS
        return bool(makers) and makers <= done

    def application(self, node: ast.AST) -> Value:
        """`self.application`: the one that serves the handler, the project's only one, or Tornado's."""
        classes = self.hierarchy.applications
        serving = self.hierarchy.serving.get(id(self.handler.info)) if self.handler else None
        if serving is None and len(classes) != 1:
            return Special("application", text="self.application")
        # One object for the whole way, as modules are: what is noted on it is there afterwards.
        made = Instance(serving or classes[0], text="self.application")
        return self.globals.setdefault(_APPLICATION, made)

    def _application_attribute(self, name: str) -> Value | None:
        """Value that a function stores on the application: `app.auth = Authenticator(...)`."""
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
            case "request", "remote_ip" if self.mode == "origin":
                self.looked_at.add("address")
                return Const(self.address, frozenset({"address"}), text)
            case "request", "remote_ip":
                return Unknown(frozenset({"address"}), text)
            case "request", "host" | "host_name":
                if self.mode == "origin":
                    self.looked_at.add("host")
                    host = self.host if name == "host" else self.host.partition(":")[0]
                    return Const(host, frozenset({"host"}), text)
                return Unknown(frozenset({"client", "host"}), text)
            case "request", "full_url":
                return Special("request.full_url", text=text)
            case "request", "protocol":
                return Const("http", text=text) if self.mode == "origin" else Unknown(text=text)
            case "request", "path" if self.at and self.mode == "anonymous":
                return Const(self.at, text=text)
            case "request", "arguments" | "query_arguments" | "query" | "uri" | "path":
                return Unknown(frozenset({"client", "query"}), text)
            case "request", "body_arguments" | "body" | "files":
                return Unknown(frozenset({"client", "query", "body"}), text)
            case "protocol", "accept_connection":
                return Special("protocol.accept_connection", text=text)
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
            case "protocol", "accept_connection":
                return Special("protocol.accept_connection", text=text)
            case "request", _ if name in _OF_CONNECTION and node is self.called:
                return Member(value, name, value.labels, text)
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
            case "headers" if self.mode == "origin" and never_sent(name):
                raise Thrown("KeyError", node, self.frame.module)
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
        named = settled(args[0]) if args else None
        key = named.value if isinstance(named, Const) else None
        text = (
            f"{text_of(value)}.{name}({key!r})" if key is not None else f"{text_of(value)}.{name}()"
        )
        if value.kind == "request" and name in _OF_CONNECTION and args:
            asked = key if isinstance(key, str) else text_of(args[0]).rpartition(".")[2]
            return self.from_client(_OF_CONNECTION[name], asked, text)
        if not isinstance(key, str) or name not in {"get", "get_list", "pop", "setdefault"}:
            if value.kind in {"headers", "cookies"}:
                return Unknown(frozenset({"client", "header"}), text)
            return None
        match value.kind:
            case "headers":
                if name == "pop":
                    self.delete_item(value, Const(key), node)
                if self.mode == "origin" and never_sent(key):
                    return args[1] if len(args) > 1 else Const(None)
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
                    found.default = args[1] if len(args) > 1 else self._had_by_server(key)
                return found
            case _:
                return None

    def _had_by_server(self, key: str) -> Const:
        """A setting that no file here sets: the server that a handler is written for has its managers there.

        Jupyter has a `kernel_manager` in its settings; all else is not set as shipped.
        """
        if self.handler is not None and lexicon.words_of(key)[-1:] == ["manager"]:
            bases = [one.name for one in self.handler.info.mro if isinstance(one, External)]
            if any(self.hierarchy.knowledge.about(one) is not None for one in bases):
                return Const(...)
        return Const(None)

    def is_never_sent(self, holder: Special, name: Const) -> bool:
        """Return True if no page can make a browser send a header of this name."""
        return holder.kind == "headers" and never_sent(str(name.value))

    def delete_item(self, holder: Value, key: Value, node: ast.AST) -> None:
        """`del self.request.headers["Origin"]`."""
        if isinstance(holder, Special) and holder.kind == "headers" and _names_origin(key):
            self.origin_gone = True
        else:
            super().delete_item(holder, key, node)

    def store_item(self, holder: Value, key: Value, value: Value, node: ast.AST) -> None:
        """`self.request.headers["Origin"] = …`."""
        if isinstance(holder, Special) and holder.kind == "headers" and _names_origin(key):
            if isinstance(value, Const) and isinstance(value.value, str):
                self.origin = value.value
            return
        super().store_item(holder, key, value, node)

    def header(self, name: str, text: str) -> Value:
        """A header of the request."""
        if self.mode == "origin" and name.lower() in ORIGIN_HEADERS:
            return Const(self.origin, frozenset({"client", "origin"}), text)
        if self.mode == "origin" and name.lower() == "user-agent":
            return Const(_BROWSER, frozenset({"client"}), text)
        if self.mode == "origin" and name.lower() == "host":
            self.looked_at.add("host")
            return Const(self.host, frozenset({"host"}), text)
        if name.lower() in _OF_HANDSHAKE:
            return Const(_OF_HANDSHAKE[name.lower()], text=text)
        return self.from_client("header", name or "header", text)

    def setting_named(self, text: str, name: str, node: ast.AST) -> Value:
        """A configured value by its name, with the default the project gives it."""
        default: Value | None = None
        given = self._default_of(_dotted(text, name), name)
        if given is not None:
            module, expr = given
            if len(self.frames) < 20 and not any(frame.node is expr for frame in self.frames):
                value = self.in_place(module, expr)
                if isinstance(value, Setting):
                    return value
                if not isinstance(value, Unknown) or value.truthy:
                    default = value
        labels = {"setting"}
        if lexicon.is_credential_name(name):
            labels.add("secret")
        if self._is_needed(text, name):
            default = Const(...)  # some value: without it the program does not start
        return Setting(text or name, default, frozenset(labels), text or name)

    def _is_needed(self, text: str, name: str) -> bool:
        """Return True if the program does not start without a setting, under any name of its holder."""
        needed = self.hierarchy.needed
        if not needed:
            return False
        parsed = "parse_args()" in text or "parse_known_args()" in text
        return text in needed or (parsed and any(one.endswith(f".{name}") for one in needed))

    def _default_of(self, dotted: str, name: str) -> tuple[Module, ast.expr] | None:
        """The one default that the project gives a setting."""
        # INVARIANT: all settings are collected before anything is followed.
        known = self.hierarchy.defaults
        if (dotted, name) not in known:
            settings = self.project.settings
            given = [one for key in (dotted, name) for one in settings.get(key, [])]
            choices = [one for one in given if not _passes_on(one[1], name)] or given
            if dotted in settings:
                choices = choices[:1]
            different = {
                self.project.path_of(module.file) + ast.dump(expr) for module, expr in choices[:8]
            }
            known[dotted, name] = choices[0] if len(different) == 1 else None
        return known[dotted, name]

    def by_words(self, value: Value, name: str, text: str, node: ast.AST) -> Value:
        """An attribute or item that cannot be resolved, judged by its name."""
        labels = labels_of(value)
        field = field_in(value, name)
        if field is not None and node is not self.called:
            return field
        if "visitor" in labels and not is_for_anybody(value):
            return Nobody(text, node, self.frame.module, truthy=lexicon.is_negative(name))
        told = self.told_to_holder(name) if self._is_given(value) else None
        if told is not None:
            return Setting(text, told, text=text)
        if "answer" in labels and lexicon.is_verdict(name):
            return self.identity(text, node, presumed=True)
        if "client" in labels:
            return self.client_field(value, name, text)
        if "principal" in labels:
            return Unknown(labels - {"proven"}, text)
        parts = text.replace("(", ".").replace("[", ".").split(".")
        # What the library calls a session is the connection, and says nothing about who it is.
        library = "session" in {name, *parts[1:2]} and self.is_sockjs()
        if not library and (lexicon.is_setting_chain(parts[:-1]) or lexicon.is_setting_name(name)):
            return self.setting_named(text, name, node)
        if node is self.called:
            return Member(Unknown(labels, text_of(value)), name, labels - {"self"}, text)
        of_connection = isinstance(value, Instance | Special) or parts[0] in {"self", "request"}
        of_connection = of_connection and not (name == "session" and self.is_sockjs())
        if self._is_application(value):
            # An attribute of the application is a part of the program, and no identity.
            if lexicon.is_authenticator(name):
                return Setting(text, None, text=text)
            of_connection = False
        if lexicon.is_identity_name(name) and of_connection and len(parts) <= 3:
            return self.identity(text, node, presumed=True)
        labels = labels - {"self"}
        drawn = is_drawn(value)  # `uuid4().hex`
        if lexicon.is_credential_name(name) or drawn:
            labels |= {"secret"}
        return Unknown(labels, text, truthy=drawn or is_made_up(value) or None)

    def _is_given(self, value: Value) -> bool:
        """Return True if it is a parameter of a function that makes the handler and has no call here."""
        return (
            self.mode == "origin"
            and isinstance(value, Unknown)
            and not value.labels
            and value.text.isidentifier()
        )

    def _is_application(self, value: Value) -> bool:
        if isinstance(value, Special):
            return value.kind == "application"
        if isinstance(value, Instance):
            return value.info in self.hierarchy.applications
        return text_of(value) == "self.application"


def never_sent(name: str) -> bool:
    """Return True if no page can make a browser send a header with a handshake: its own, a Referer."""
    words = name.lower().split("-")
    return words == ["referer"] or (words[0] == "x" and not _OF_PROXIES & set(words[1:]))


def _names_origin(key: Value) -> bool:
    return isinstance(key, Const) and str(key.value).lower() in ORIGIN_HEADERS


@lru_cache(maxsize=65536)
def _dotted(text: str, name: str) -> str:
    """`config["auth"]["enabled"]` and `config.auth.enabled` as `auth.enabled`."""
    parts = re.findall(r"\w[\w-]*", text.replace(".get(", ".").replace("settings.", ""))
    return ".".join(parts[-2:]) if parts[-1:] == [name] and len(parts) > 1 else name


def _passes_on(expr: ast.expr, name: str) -> bool:
    """`dict(auth=self.auth)` says nothing about what `auth` is."""
    return (isinstance(expr, ast.Attribute) and expr.attr == name) or (
        isinstance(expr, ast.Name) and expr.id == name
    )
