"""Client messages and the methods that receive them: `on_message`, events, methods named by a message."""

import ast

from stormdoor_audit.auditor.classes.classinfo import ClassInfo
from stormdoor_audit.auditor.connection.arguments import Arguments
from stormdoor_audit.auditor.interpreter.values import (
    Const,
    Unknown,
    Value,
)
from stormdoor_audit.auditor.reading.project import External

__all__ = ["Hearing"]

_OF_LIBRARY = frozenset({"on_open", "on_message", "on_close"})
"""Methods that the library calls itself, for every message."""
_OF_NAMESPACE = frozenset({"on_connect", "on_disconnect"})


class Hearing(Arguments):
    """Messages, and the events of libraries."""

    info: ClassInfo
    """Class of the connection that is followed."""

    def method(self, name: str, args: list[Value], words: dict[str, Value] | None = None) -> Value:
        """Call a method of the handler and wait for it."""
        handler = self.handler
        if handler is None:
            return Const(None)
        node = self.info.node
        self.called = node
        function = self.instance_attribute(handler, name, node)
        return self.awaited(self.call(function, args, words or {}, node), node)

    def hear(self, message: Value) -> None:
        """Deliver a client's message, which may name a method, or an event of a namespace."""
        if self.is_namespace():
            self._event(message)
            return
        named = self._named_by_messages()
        announced = self._announced()
        if announced and (named or self._member(self.info, "on_message", None) is not None):
            named = named or ["on_message"]
        ways = [*named, *announced] or ["on_message"]
        picked = ways[self.choose(self.info.node, len(ways)) if len(ways) > 1 else 0]
        self.method(picked, announced.get(picked, [message]))

    def _named_by_messages(self) -> list[str]:
        """The methods that a message may name, where `on_message` is that of a library which does so."""
        connection = self.hierarchy.connection(self.info)
        begin = connection[1].messages if connection is not None else ""
        if not begin or self._member(self.info, "on_message", None) is not None:
            return []
        return self._methods_of(begin, but=_OF_LIBRARY)

    def _announced(self) -> dict[str, list[Value]]:
        """The methods under the decorator of a library that calls them by name, with what they are given."""
        connection = self.hierarchy.connection(self.info)
        decorator = connection[1].events if connection is not None else ""
        found: dict[str, list[Value]] = {}
        for one in self.info.mro if decorator else ():
            for method in one.node.body if isinstance(one, ClassInfo) else ():
                if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef) and any(
                    ast.unparse(how.func if isinstance(how, ast.Call) else how).rpartition(".")[2]
                    == decorator
                    for how in method.decorator_list
                ):
                    names = [one.arg for one in method.args.args[1:]]
                    given = [self.from_client("message", name, name) for name in names]
                    found.setdefault(method.name, list(given))
        return found

    def _methods_of(self, begin: str, *, but: frozenset[str]) -> list[str]:
        """Methods of the connection's classes that begin so."""
        names = [
            name
            for one in self.info.mro
            if isinstance(one, ClassInfo)
            for name in self.hierarchy.members(one)
            if name.startswith(begin) and name not in but
        ]
        return list(dict.fromkeys(names))

    def is_namespace(self) -> bool:
        """A namespace of Socket.IO: `on_connect`, and a method for each event."""
        return any(
            isinstance(one, External) and one.name.startswith("socketio.") for one in self.info.mro
        )

    def connected(self) -> None:
        """`on_connect(sid, environ)`, which refuses by False or by an exception."""
        found = self._member(self.info, "on_connect", None)
        if found is None:
            return
        given: list[Value] = [
            Unknown(frozenset({"self"}), "sid"),
            Unknown(frozenset({"client", "header"}), "environ"),
        ]
        node = getattr(found.binding, "node", None)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and len(node.args.args) > 3:
            given.append(Unknown(frozenset({"client", "message"}), "auth"))
        answer = self.method("on_connect", given)
        if isinstance(answer, Const) and answer.value is False:
            self.closed = True
            self.record("close", self.info.node, "on_connect() returns False")

    def _event(self, sent: Value) -> None:
        """One of the events of a namespace of Socket.IO."""
        names = self._methods_of("on_", but=_OF_NAMESPACE)
        if not names or self.closed:
            return  # who was refused sends no events
        picked = names[self.choose(self.info.node, len(names))]
        self.method(picked, [Unknown(frozenset({"self"}), "sid"), sent])
