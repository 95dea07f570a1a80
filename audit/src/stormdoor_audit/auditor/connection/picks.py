"""Parts of the program that a client picks by a name that it sends."""

import ast

from stormdoor_audit.auditor.classes.classinfo import ClassInfo
from stormdoor_audit.auditor.classes.linearisation import REQUEST, defines
from stormdoor_audit.auditor.connection.methods import TornadoMethods
from stormdoor_audit.auditor.interpreter.outcomes import Thrown
from stormdoor_audit.auditor.interpreter.told import said_in
from stormdoor_audit.auditor.interpreter.values import (
    ClassRef,
    Const,
    Instance,
    Member,
    ModuleRef,
    Unknown,
    Value,
    labels_of,
    text_of,
)
from stormdoor_audit.auditor.reading.module import Defined
from stormdoor_audit.auditor.reading.project import External

__all__ = ["FROM_A_LIST", "Picks", "prefix_of"]

FROM_A_LIST = "getattr of a list"
"""Record of a pick where the possible names stand in a list."""

_MAX_PICKED = 16
_CUTS = frozenset({"abort", "close"})
_ALL_NAMES = ("globals(", "locals(", "vars(")


class Picks(TornadoMethods):
    """Methods by the name that a message says."""

    def named_by_client(
        self, target: Value, name: Value, args: list[Value], node: ast.AST
    ) -> Value:
        """`getattr(self, "on_" + message["type"])`: one of the methods that are called so."""
        names, listed = self._possible_names(target, name)
        names = names or self._all_of_a_part(target)
        if not names:
            names = self._all_of(target)
            if not names:
                found = self.dispatched("getattr", args, node)
                own = self._own_of(target)
                picked = self.choose(node, len(own) + 1) if own else 0
                return self.attribute(target, own[picked - 1], node) if picked else found
            # What it comes to is what they do: that it may name any of them is nothing by itself.
            self.record("dispatch", node, "getattr", values=tuple(args), constant=True)
        else:
            self.record("picks", node, FROM_A_LIST if listed else "getattr", values=tuple(args))
        if listed and len(names) == 1 and self.mode != "member":
            return self.attribute(target, names[0], node)
        picked = self.choose(node, len(names) + 1)
        if picked < len(names):
            said = names[picked].removeprefix(prefix_of(text_of(name)))
            self.said.told.note(said_in(name), [said], holds=True)
            return self.attribute(target, names[picked], node)
        if len(args) > 2:
            return args[2]
        raise Thrown("AttributeError", node, self.frame.module)

    def _own_of(self, target: Value) -> list[str]:
        """Methods of the connection that are not Tornado's: an authenticated client may pick any of them."""
        if self.mode != "member" or not isinstance(target, Instance) or not target.handler:
            return []
        return [
            one
            for one in dict.fromkeys(self._functions_of(target))
            if not one.startswith("_") and not defines(External(REQUEST), one)
        ][:_MAX_PICKED]

    def _all_of(self, target: Value) -> list[str]:
        """Methods of a part of the program with fully read classes, for an unauthenticated client."""
        if (
            self.mode != "anonymous"
            or not isinstance(target, Instance)
            or target.handler
            or any(isinstance(one, ClassInfo) and one.unresolved for one in target.info.mro)
            or any(
                isinstance(one, External) and not self.hierarchy.is_inert(one)
                for one in target.info.mro
            )
        ):
            return []
        names = [one for one in self._functions_of(target) if not one.startswith("__")]
        return names if len(names) <= _MAX_PICKED else []

    def item(self, value: Value, index: Value, node: ast.AST) -> Value:
        """An item; of all that a module or an object has, what the client names."""
        if _has_everything(value) and "client" in labels_of(index):
            return self._of_everything(value, [value, index], node)
        return super().item(value, index, node)

    def _method(
        self, function: Member, args: list[Value], words: dict[str, Value], node: ast.AST
    ) -> Value:
        """A method; `globals().get(name)` is an item of it."""
        held = function.receiver
        if function.name in _CUTS and isinstance(held, Unknown) and _is_stream(text_of(held)):
            return self._close("close", node)
        if function.name == "getpeercert":
            return self.identity(text_of(function), node, certain=True)
        if (
            function.name == "get"
            and args
            and _has_everything(held)
            and "client" in labels_of(args[0])
        ):
            return self._of_everything(held, [held, *args, Const(None)][:3], node)
        return super()._method(function, args, words, node)

    def _of_everything(self, value: Value, args: list[Value], node: ast.AST) -> Value:
        text = text_of(value)
        if text.startswith("globals(") and _asks_for_base(self.frame.node):
            return Unknown(labels_of(*args[1:2]) & {"client", "message"}, f"{text}[]")
        if text.startswith("globals("):
            return self.named_by_client(ModuleRef(self.frame.module), args[1], args, node)
        return self.dispatched(text, args, node)

    def dispatched(self, how: str, args: list[Value], node: ast.AST) -> Value:
        """Return the value that has the name sent by the client."""
        self.record("dispatch", node, how, values=tuple(args))
        if self.accepted:
            self.record("act", node, how, values=tuple(args))
        return Unknown(labels_of(*args[:2]) & {"client", "message"}, f"{how}()")

    def _functions_of(self, target: Value) -> list[str]:
        """The names of what an object of the project, a class or a module can do."""
        match target:
            case Instance(info=info) | ClassRef(info=info):
                tables = [
                    self.hierarchy.members(one) for one in info.mro if isinstance(one, ClassInfo)
                ]
            case ModuleRef(module=module):
                tables = [module.names]
            case _:
                return []
        return [
            name
            for table in tables
            for name, bindings in table.items()
            if isinstance(bindings[-1], Defined)
        ]

    def _all_of_a_part(self, target: Value) -> list[str]:
        """`getattr(self.api, message["method"])`: an object of the project can do what its classes say."""
        if self.mode != "anonymous" or not isinstance(target, Instance) or target.handler:
            return []
        if not all(isinstance(one, ClassInfo) or one.name == "object" for one in target.info.mro):
            return []
        functions = self._functions_of(target)
        found = [one for one in dict.fromkeys(functions) if not one.startswith("__")]
        return found if len(found) <= _MAX_PICKED and "__getattr__" not in functions else []

    def _possible_names(self, target: Value, name: Value) -> tuple[list[str], bool]:
        """The methods of an object that a name of the client may stand for.

        Returns:
            Their names, and True if the program lists them; else it is all that begin alike. Of an object
            that was not read, those that are listed.
        """
        methods = self._functions_of(target)
        prefix = prefix_of(text_of(name))
        said = said_in(name)
        known = self.said.told.listed(said)
        if not methods:
            unread = isinstance(target, Unknown) and "client" not in labels_of(target)
            listed = sorted(known or ()) if unread else []
            return [prefix + one for one in listed][:_MAX_PICKED], True
        if known is None and not prefix:
            return [], False
        found = [
            one
            for one in methods
            if one.startswith(prefix) and self.said.told.may_be(said, one.removeprefix(prefix))
        ]
        return list(dict.fromkeys(found))[:_MAX_PICKED], known is not None


def _is_stream(text: str) -> bool:
    """Return True if it is the handler's own transport: `self.ws_connection`, `self.ws_connection.stream`."""
    return text.startswith("self.") and text.rpartition(".")[2] in {"stream", "ws_connection"}


def _asks_for_base(function: ast.AST | None) -> bool:
    """Return True if a function tests the base of the picked value: only meant values have it."""
    return function is not None and any(
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "issubclass"
        for node in ast.walk(function)
    )


def _has_everything(value: Value) -> bool:
    """Return True if it is the table of all attributes of a module or an object."""
    text = text_of(value)
    return isinstance(value, Unknown) and (text.startswith(_ALL_NAMES) or text.endswith("__dict__"))


def prefix_of(text: str) -> str:
    """Return the certain beginning of a name: `"on_" + kind`, `f"on_{kind}"`, `"on_%s" % kind`."""
    try:
        node = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError):
        return ""
    match node:
        case ast.BinOp(left=ast.Constant(value=str() as begin), op=ast.Add()):
            return begin
        case ast.BinOp(left=ast.Constant(value=str() as begin), op=ast.Mod()):
            return begin.partition("%")[0]
        case ast.JoinedStr(values=[ast.Constant(value=str() as begin), *_]):
            return begin
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str() as begin), attr="format")):
            return begin.partition("{")[0]
        case _:
            return ""
