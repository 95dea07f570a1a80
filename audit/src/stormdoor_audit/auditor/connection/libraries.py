"""Libraries with a modelled meaning on the way of a connection."""

import ast
import re
from collections.abc import Callable
from dataclasses import replace

from stormdoor_audit.auditor.classes.classinfo import ClassInfo
from stormdoor_audit.auditor.classes.classinfo import Member as ClassMember
from stormdoor_audit.auditor.connection.attributes import METHODS
from stormdoor_audit.auditor.connection.functional import Functional
from stormdoor_audit.auditor.interpreter.calls.parts import named_attribute, part_of
from stormdoor_audit.auditor.interpreter.kept import OF_SECRETS, SIGNED
from stormdoor_audit.auditor.interpreter.values import (
    REST,
    Authenticated,
    Bound,
    ClassRef,
    Const,
    Function,
    Instance,
    Mapping,
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
    settled,
    text_of,
)
from stormdoor_audit.auditor.naming import lexicon
from stormdoor_audit.auditor.naming.words import words
from stormdoor_audit.auditor.reading.module import Module
from stormdoor_audit.auditor.reading.project import External

__all__ = ["TornadoModel"]

_DECLARES = frozenset({"attr", "attrs", "dataclasses", "pydantic"})
_MAX_MAPPED = 24
_OPTION = re.compile(r"^\s+(?:-\w[ ,]+)?(--[\w-]+)([= ]<?[A-Z\w]+>?(?=\s|$))?")
_DEFAULT = re.compile(r"\[default: ([^\]]*)\]")
"""A line of a help text that docopt reads: `-p --port=PORT  where to listen [default: 8888]`."""
_OF_TORNADO = words(
    """
    _auto_finish _current_user _finished _headers _headers_written _locale _log _new_cookie
    _reason _status_code _transforms _write_buffer _xsrf_token
    """
)
"""Private attributes that Tornado makes."""
_OF_REQUEST = words(
    """
    arguments body body_arguments connection cookies files headers host host_name method path
    protocol query query_arguments remote_ip uri version
    """
)
"""Attributes of a request."""
_STANDS_FOR: dict[str, Callable[[], Value]] = {
    "asyncio.get_event_loop": lambda: Unknown(text="asyncio.get_event_loop"),
    "asyncio.get_running_loop": lambda: Unknown(text="asyncio.get_running_loop"),
    "random.SystemRandom": lambda: Named("random"),
    "tornado.ioloop.IOLoop.current": lambda: Unknown(text="tornado.ioloop.IOLoop.current"),
}
"""Calls that return an existing object, or one with the methods of a module."""
_SIGNED = {
    "jwt.decode": False,
    "jwt.encode": True,
    "tornado.web.create_signed_value": True,
    "tornado.web.decode_signed_value": False,
    "tornado.web.get_signed_cookie": False,
}
"""Calls that make a token, and calls that read one."""
_OF_SOMEBODY = frozenset({"answer", "client", "found"})
_DICTIONARIES = words(
    """
    collections.ChainMap collections.OrderedDict dict weakref.WeakKeyDictionary
    weakref.WeakValueDictionary
    """
)
"""Calls that make a table."""


class TornadoModel(Functional):
    """Tornado's objects."""

    def library_call(
        self, name: str, args: list[Value], words: dict[str, Value], node: ast.AST
    ) -> Value | None:
        """Call a library function with a modelled meaning."""
        last = name.rpartition(".")[2]
        match name:
            case "getattr":
                return self._getattr(args, node)
            case "hasattr":
                return self._hasattr(args)
            case "inspect.getmodule" if len(args) == 1 and (made := _made_in(args[0])):
                return ModuleRef(made)
            case "setattr" | "object.__setattr__" if len(args) == 3 and (
                isinstance(args[1], Const) or "client" in labels_of(args[1])
            ):
                return self._setattr(args[0], args[1], args[2], node)
            case "importlib.import_module" | "__import__" if "client" in labels_of(*args[:1]):
                return self.dispatched(name, args, node)
            case "bool" if len(args) == 1 and isinstance(args[0], Unknown):
                return args[0]
            case "callable":
                return _callable(args[0] if args else Unknown())
            case _ if name in _DICTIONARIES:
                return self._dict(args[::-1] if name.endswith("ChainMap") else args, words)
            case "type" if found := self._type(args, node):
                return found
            case "dataclasses.fields" | "attr.fields" | "attrs.fields" if args:
                return Unknown(text=f"{name}()")  # an entry of a class is not a client's choice
            case "isinstance" if len(args) == 2 and isinstance(args[0], Instance):
                return _is_one_of(args[0], args[1])
            case "typer.Option" | "typer.Argument" if args:
                return args[0]
            case "docopt.docopt" if args and isinstance(said := settled(args[0]), Const):
                return _documented(str(said.value))
            case "operator.methodcaller" | "operator.attrgetter" if "client" in labels_of(
                *args[:1]
            ):
                return self.dispatched(last, args, node)
            case "staticmethod" | "functools.partial" | "functools.partialmethod" if args:
                return Partial(args[0], args[1:], words, text=last)
            case "map" if len(args) == 2 and isinstance(args[1], Sequence):
                given = args[1]
                mapped = [self.call(args[0], [one], {}, node) for one in given.items[:_MAX_MAPPED]]
                return Sequence(mapped, "list", given.exact and len(mapped) == len(given.items))
            case "os.getenv" | "os.environ.get":
                return self._setting_get("environ", args, node)
            case "type.__new__" if self.making is not None:
                return ClassRef(self.making, text=self.making.name)
            case "tornado.gen.Return":
                return Partial(Named(name), args, words, text=name)
            case "tornado.web.authenticated" if args:
                return Authenticated(args[0], node, self.frame.module)
            case "hmac.compare_digest" | "secrets.compare_digest" if len(args) == 2:
                if isinstance(node, ast.Call):
                    return self._digests_compared(args, node)
            case "hmac.new" | "hmac.digest" if args and (
                isinstance(args[0], Unknown | Named | Setting)
                # A key that is looked up under a name that the client says is the server's own, too.
                and ("client" not in args[0].labels or args[0].labels & {"answer", "found"})
            ):
                chosen = (
                    labels_of(*args[1:]) & {"client", "message"}
                    if self.mode == "member"
                    else frozenset()
                )
                return Unknown(frozenset({"secret"}) | chosen, text=name)
            case _ if name.startswith("hashlib.") and "setting" in labels_of(*args):
                # Who does not know the setting cannot make the sum.
                return Unknown(frozenset({"secret"}), text=name)
            case "os.path.exists" | "os.path.isfile" if (
                self.mode == "anonymous" and args and _is_file_of_people(args[0])
            ):
                # A file of users, passwords, keys: the operator makes it.
                text = f"{name}({text_of(args[0])})"
                return Setting(text, Const(value=False), text=text)
            case _ if name in _STANDS_FOR:
                return _STANDS_FOR[name]()
            case _ if name in _SIGNED and (signed := self._of_what_is_signed(name, args, node)):
                return signed
            case "django.contrib.auth.get_user" if self.mode == "anonymous":
                # Never None: who is not logged in is an object, too, and says so.
                return Unknown(frozenset({"answer", "visitor"}), f"{name}()", truthy=True)
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
        if last in {"field", "Field", "attrib", "ib"} and name.partition(".")[0] in _DECLARES:
            return self._field(args, words, node)
        if name.startswith("traitlets") and last[:1].isupper():
            default = args[0] if args else words.get("default_value", Const(None))
            known = default if isinstance(default, Const | ClassRef) else None
            if isinstance(known, ClassRef) and last == "Instance":
                return Setting(last, self.call(known, [], {}, node), text="")
            return Setting(last, known, text="")
        if name in {"any", "all"} and len(args) == 1 and isinstance(args[0], Sequence):
            return self._any(name, args[0], node)
        if last == "gather":
            return Sequence([self.awaited(one, node) for one in args])
        return super().library_call(name, args, words, node)

    def _digests_compared(self, args: list[Value], node: ast.Call) -> Value:
        """Compare as `==` does; with an unset secret, the other side of the comparison is unknown."""
        left, right = (_shown(one) for one in args)
        for one, other in ((left, right), (right, left)):
            if (
                isinstance(one, Const)
                and isinstance(other, Setting)
                and self.truth_of_default(other) is None
            ):
                return Nobody(self.frame.module.source(node), node, self.frame.module)
        return self.compare(left, ast.Eq(), right, node)

    def _field(self, args: list[Value], words: dict[str, Value], node: ast.AST) -> Value | None:
        """Return the shipped value of a field of a data class."""
        maker = words.get("default_factory", words.get("factory"))
        if maker is not None:
            return self.call(maker, [], {}, node)
        return words.get("default", args[0] if args else None)

    def _any(self, name: str, items: Sequence, node: ast.AST) -> Value | None:
        """Result of `any` and `all` for an identity among other items."""
        decides = name == "any"
        if items.exact and not items.items:
            return Const(value=not decides)
        if any(isinstance(item, Setting) for item in items.items) and items.exact:
            # Each is asked in turn, as with `and` and `or`.
            decided = any(self.truth(one, node) is decides for one in items.items)
            return Const(value=decided is decides)
        for item in items.items:
            if isinstance(item, Nobody) and item.truthy is decides:
                return item
            if isinstance(item, Const) and bool(item.value) is decides:
                return Const(value=decides)
        return next((one for one in items.items if isinstance(one, Nobody)), None)

    def _dict(self, args: list[Value], words: dict[str, Value]) -> Value:
        entries: dict[object, Value] = {}
        unread = [words[REST]] if REST in words else []
        for one in args:
            if isinstance(one, Mapping):
                entries.update(one.items)
            else:
                unread.append(one)
        entries.update({name: one for name, one in words.items() if name != REST})
        return Mapping(entries, not unread, labels_of(*unread))

    def _hasattr(self, args: list[Value]) -> Value:
        """Attributes of a class or its constructor exist; of the connection, also those set later."""
        target, name = (args[0], args[1]) if len(args) == 2 else (None, None)
        if isinstance(target, Instance) and isinstance(name, Const) and isinstance(name.value, str):
            if name.value in target.attrs or isinstance(
                self.hierarchy.find(target.info, name.value), ClassMember
            ):
                return Const(value=True)
            if target.handler and name.value in METHODS:
                return Const(value=True)
            # Who asks for what the class itself stores does not mean what a base that was not read may have.
            if target.handler and (
                name.value in self.stored_names(target.info) - METHODS
                or self._is_nowhere(target.info, name.value)
            ):
                return Const(value=False)
        if isinstance(target, Function | Bound) and isinstance(name, Const):
            return Const(name.value in _marks(target))  # only `@public` can have put it there
        if isinstance(target, Special) and isinstance(name, Const) and target.kind == "request":
            return Const(name.value in _OF_REQUEST)
        return Unknown(text="hasattr()")

    def _is_nowhere(self, info: ClassInfo, name: str) -> bool:
        """Return True if it is a private name that no class mentions: composed, if it exists at all."""
        return (
            name not in METHODS
            and name[:1] == "_"
            and name not in _OF_TORNADO
            and all(
                one.name.startswith("tornado.") or self.hierarchy.is_inert(one)
                for one in info.mro
                if isinstance(one, External)
            )
            and not any(isinstance(one, ClassInfo) and one.unresolved for one in info.mro)
        )

    def _of_what_is_signed(self, name: str, args: list[Value], node: ast.AST) -> Value | None:
        """A signed token, or the content of this client's token, which has no valid signature.

        A token that a page gives to every client is valid, and names no user.
        """
        use = _use_of(name, args)
        if _SIGNED[name]:
            given = args[0 if name.startswith("jwt.") else -1] if use else None
            if given is None or labels_of(given) & _OF_SOMEBODY:
                return None
            return Unknown(frozenset({"secret"}), use, truthy=True)
        if use and self.mode == "anonymous":
            self.tables_asked.add(f"{OF_SECRETS}{use}")
            if f"{OF_SECRETS}{use}" in self.filled:
                visitors = frozenset({"answer", "found", "visitor"})
                return Unknown(visitors, f"{name}()", truthy=True, written={})
        return self.identity(name, node, certain=True) if name.startswith("tornado.") else None

    def _type(self, args: list[Value], node: ast.AST) -> ClassRef | None:
        """`type(self)`; `type("Guarded", (handler,), {"prepare": prepare})` of bases that are known."""
        match args:
            case [Instance(info=info)]:
                return ClassRef(info, text=info.name)
            case [_, Sequence() as bases, body] if isinstance(node, ast.Call):
                pass
            case _:
                return None
        infos = [one.info for one in bases.items if isinstance(one, ClassRef)]
        if not infos or len(infos) != len(bases.items):
            return None
        static = self.hierarchy.made_by_type(self.frame.module, node, ())
        made = self.hierarchy.derived(static, [*infos])
        for name, value in body.items.items() if isinstance(body, Mapping) else ():
            if isinstance(name, str):
                self.overlay(made)[name] = value
        return ClassRef(made, text=made.name)

    def _setattr(self, target: Value, name: Value, value: Value, node: ast.AST) -> Const:
        """`setattr(self, name, value)`, where it is known what is named, or the client names it."""
        if isinstance(name, Const):
            self.store(target, str(name.value), value, node)
            return Const(None)
        if isinstance(target, Instance):
            self.fill(target, value)
        if self.said.told.listed(name) is None and not self.is_made_of_it(target):
            self.dispatched("setattr", [target, name, value], node)
        return Const(None)

    def _getattr(self, args: list[Value], node: ast.AST) -> Value:
        if len(args) < 2:
            return Unknown(text="getattr()")
        target, name = args[0], args[1]
        picked = named_attribute(target, name)
        if picked is not None:
            holder, text, setting = picked
            return part_of(setting, self.attribute(holder, text, node))
        if isinstance(target, Nobody) and target.certain and len(args) > 2:
            instead = args[2].value if isinstance(args[2], Const) else ...
            return args[2] if instead else replace(target, node=node, certain=instead is None)
        if isinstance(name, Const) and isinstance(name.value, str):
            if isinstance(target, Instance) and len(args) > 2:
                known = name.value in target.attrs or self._member(target.info, name.value, None)
                if not known and not target.handler:
                    stored = self.stored_attribute(target, name.value)
                    return args[2] if stored is None else stored
                if not known and name.value != "current_user" and name.value not in METHODS:
                    found = self.tornado_method(target, name.value, node)
                    if isinstance(found, Nobody):
                        return found
                    if name.value in self.stored_names(target.info):
                        return args[2]  # nothing has put it there yet
                    return Setting(name.value, args[2], text=f"getattr {name.value}")
            if len(args) > 2 and isinstance(
                target, Function | Bound | Authenticated | Partial | Special
            ):
                marked = _marks(target).get(name.value)
                if marked is not None:
                    return marked
                if not isinstance(target, Special) or target.kind.startswith("handler."):
                    return args[2]
            if len(args) > 2 and isinstance(target, Unknown | Setting | Special | Named):
                found = self.attribute(target, name.value, node)
                if isinstance(found, Setting) and found.default is None:
                    found.default = args[2]
                if (
                    isinstance(found, Nobody)
                    and isinstance(target, Special)
                    and target.kind == "application"
                ):
                    # An optional attribute of the application is a part of it, and no identity.
                    return Setting(f"application.{name.value}", args[2], text=found.text)
                return found
            return self.attribute(target, name.value, node)
        if "client" in labels_of(name):
            return self.named_by_client(target, name, args, node)
        return Unknown(labels_of(name) & {"client", "message"}, "getattr()")


def _is_one_of(one: Instance, kinds: Value) -> Value | None:
    """Decide if an object of the project is of a class; None if that is unknown."""
    listed = kinds.items if isinstance(kinds, Sequence) else [kinds]
    infos = [kind.info for kind in listed if isinstance(kind, ClassRef)]
    if any(info in one.info.mro for info in infos):
        return Const(value=True)
    read = all(isinstance(base, ClassInfo) or "." not in base.name for base in one.info.mro)
    return Const(value=False) if read and len(infos) == len(listed) else None


def _documented(text: str) -> Mapping:
    """Options in a help text, with the values that they have by default."""
    options: dict[object, Value] = {}
    for line in text.splitlines():
        found = _OPTION.match(line)
        if found is None:
            continue
        shipped = _DEFAULT.search(line)
        default = shipped.group(1) if shipped is not None else None if found.group(2) else False
        options[found.group(1)] = Setting(found.group(1), Const(default), text=found.group(1))
    return Mapping(options, exact=False)


def _is_file_of_people(value: Value) -> bool:
    """Return True if a path is that of the users' file; a file of one user, `f"{user.id}.png"`, is none."""
    return lexicon.concerns_identity(re.sub(r"\{[^{}]*\}", "", text_of(value)))


def _callable(value: Value) -> Value:
    while isinstance(value, Setting) and value.default is not None:
        value = value.default
    if isinstance(value, Function | Bound | ClassRef | Partial):
        return Const(value=True)
    if isinstance(value, Sequence | Mapping | Const):
        return Const(value=False)
    return Unknown()


def _use_of(name: str, args: list[Value]) -> str:
    """Name that stands for all values signed with this key, or for this use: `(SECRET, "ws", …)`."""
    match args:
        case [_, Const(value=str() as use), *_] if name.startswith("tornado."):
            return f"{SIGNED}{use}"
        case [_, key, *_] if name.startswith("jwt."):
            return f"{SIGNED}{text_of(key)}"
        case _:
            return ""


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
    """Mark the client's value as proof where it is compared in constant time."""
    if isinstance(value, Unknown) and "client" in value.labels and "named" not in value.labels:
        return Unknown(value.labels | {"credential"}, value.text, value.truthy)
    return value
