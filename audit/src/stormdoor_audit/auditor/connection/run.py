"""The way of a connection: prepare, get, check_origin, 101, open, on_message, as Tornado runs it."""

import ast
from collections.abc import Mapping as MappingABC
from functools import lru_cache
from typing import Literal, NoReturn

from stormdoor_audit.auditor.classes.classinfo import ClassInfo
from stormdoor_audit.auditor.classes.hierarchy import Hierarchy
from stormdoor_audit.auditor.connection.hearing import Hearing
from stormdoor_audit.auditor.connection.pathway import Path
from stormdoor_audit.auditor.interpreter.calls.functions import yields
from stormdoor_audit.auditor.interpreter.events import Mode, Stage
from stormdoor_audit.auditor.interpreter.frame import Frame
from stormdoor_audit.auditor.interpreter.outcomes import PathEnd, Pruned, Thrown, TooFar
from stormdoor_audit.auditor.interpreter.values import (
    Bound,
    ClassRef,
    Const,
    Environment,
    Instance,
    Mapping,
    Sequence,
    Setting,
    Special,
    Unknown,
    Value,
)
from stormdoor_audit.auditor.naming import lexicon
from stormdoor_audit.auditor.reading.module import Defined, Module
from stormdoor_audit.auditor.reading.project import External, Project

__all__ = ["Run"]

_CONSTRUCTION = 500
"""Steps of the handler's constructor that are followed."""


class Run(Hearing):
    """One way through a handler."""

    def __init__(
        self,
        project: Project,
        hierarchy: Hierarchy,
        info: ClassInfo,
        *,
        mode: Mode,
        plan: list[int],
        seen: set[tuple[object, ...]],
        words: MappingABC[str, tuple[Module, ast.expr]],
    ) -> None:
        super().__init__(project, hierarchy, mode=mode, plan=plan, seen=seen)
        self.info = info
        self.words = words
        self.handler = Instance(info, text="self", handler=True, labels=frozenset({"self"}))
        self.exhausted = False
        self.opening: tuple[list[Value], dict[str, Value], ast.AST] = ([], {}, info.node)
        self.was_constructed = False
        self.negotiated = False
        self.verb = ""
        self.path = Path("cut", Stage.IMPORT, self.events, self.assumptions)

    def go(self) -> Path:
        """From the connection to its end."""
        frame = Frame(self.info.module, Environment(), self.info.name, node=self.info.node)
        self.frames.append(frame)
        path = self.path
        try:
            self._visit() if self.verb else self._prepare()
        except PathEnd:
            if path.outcome == "cut":
                path.outcome = "accepted"
        except Thrown as error:
            if not self.accepted:
                path.outcome = "refused"
                path.refused_by = error if error.check or self._failed_check() else None
                path.presumed = self._only_presumed(error)
        path.weighed, path.claimed = self.weighed, self.claimed
        return path

    def _failed_check(self) -> bool:
        return any(event.kind == "check" for event in self.events)

    def _only_presumed(self, error: Thrown | None) -> bool:
        checks = [event for event in self.events if event.kind == "check"]
        return bool(checks) and all(event.presumed for event in checks)

    def _prepare(self) -> None:
        path = self.path
        self.stage = path.stage = Stage.PREPARE
        if not self.passes_fronts(self.info.node):
            self._refuse()
        self.shape_handler()
        self.initialized(self.given())
        if self._member(self.info, "_execute", None) is not None:
            self.method("_execute", [Unknown(text="transforms"), *self.url_arguments("get")])
        else:
            self.serve(self.url_arguments("get"))
        # It came back without the 101: Tornado finishes the request.
        self._refuse()

    def _visit(self) -> NoReturn:
        """A page, and no WebSocket: prepare, then the method of the request."""
        self.stage = Stage.PREPARE
        self.shape_handler()
        self.initialized(self.given())
        self.method("prepare", [])
        if not self.finished:
            self.stage = Stage.GET
            self.method(self.verb, self.url_arguments(self.verb))
        raise PathEnd

    def serve(self, arguments: list[Value]) -> Value:
        """`RequestHandler._execute`: prepare, then the method of the request."""
        self.method("prepare", [])
        if self.finished:
            self._refuse()
        path = self.path
        self.stage = path.stage = Stage.GET
        if self._is_of_class("get"):
            # `get(uid)` of the class finds one of its connections: Tornado of old does not call it.
            return self.accept([], {}, self.info.node)
        try:
            self.method("get", arguments)
        except Thrown as error:
            if not self.accepted:
                raise
            path.open_end, path.refused_by = "raised", error  # Tornado closes the connection
            raise PathEnd from None
        if self.accepted:
            path.open_end = "closed" if self.closed else self._ended()
            self._talk()
        return Const(None)

    def _is_of_class(self, name: str) -> bool:
        """Return True if a method is one of the class, and no connection's."""
        found = self._member(self.info, name, None)
        return (
            found is not None
            and isinstance(found.binding, Defined)
            and any(
                isinstance(one, ast.Name) and one.id in {"staticmethod", "classmethod"}
                for one in getattr(found.binding.node, "decorator_list", ())
            )
        )

    def shape_handler(self) -> None:
        """A decorator of the class may have put another in its place."""
        handler = self.handler
        if handler is not None:
            self.info = handler.info = self.shaped(self.with_bases(self.info))

    def given(self) -> dict[str, Value]:
        """Arguments that the route gives to `initialize`; a switch that concerns identity is a setting."""
        found: dict[str, Value] = {}
        for name, (module, value) in self.words.items():
            maker = isinstance(value, ast.Name) and value.id == "self"
            given = self._maker(module, value) if maker else self.in_place(module, value)
            switch = isinstance(given, Const) and isinstance(given.value, bool | None)
            if switch and lexicon.concerns_identity(name):
                given = Setting(name, given, text=name)
            if self.mode == "member":
                _shared_by_all(given, name)
            found[name] = given
        return found

    def _maker(self, module: Module, value: ast.expr) -> Value:
        """`("/ws", Socket, {"server": self})`: return the object with the method that makes the routes."""
        around = [
            one
            for one in module.classes
            if one.node.lineno <= value.lineno <= (one.node.end_lineno or one.node.lineno)
        ]
        if not around:
            return Unknown(text="self")
        definition = max(around, key=lambda one: one.node.lineno)
        info = self.hierarchy.of(module, definition)
        if info in self.hierarchy.applications:
            return self.application(value)
        stage, self.stage = self.stage, Stage.IMPORT
        try:
            made = self.call(ClassRef(info, text=info.name), [], {}, value)
        except Thrown:
            return Unknown(text=info.name)
        finally:
            self.stage = stage
        if not isinstance(made, Instance):
            return Unknown(text=info.name)
        for name, held in made.attrs.items():
            # What it holds changes while it runs; only what a constructor's caller gives is a setting.
            if isinstance(held, Sequence | Mapping):
                held.exact = False
            elif (
                isinstance(held, Const)
                and isinstance(held.value, int | float | bytes)
                and not isinstance(held.value, bool)
            ):
                made.attrs[name] = Unknown(text=f"{info.name}.{name}")
        return made

    def initialized(self, words: dict[str, Value]) -> None:
        """The constructor; Tornado's calls `initialize` with what the route gives.

        One that raises without having asked who the client is does so for want of knowledge.
        """
        cap, self.cap = self.cap, min(self.cap, self.steps + _CONSTRUCTION)
        try:
            if self._member(self.info, "__init__", None) is not None:
                first: list[Value] = (
                    [Unknown(text="session")]
                    if self.is_sockjs()
                    else [self.application(self.info.node), Special("request", text="request")]
                )
                self.method("__init__", first, words)
        except Thrown as error:
            if error.check or self._failed_check():
                raise
        except TooFar:
            pass  # what it stores is not known
        finally:
            self.cap = cap
        self.constructed(words)

    def constructed(self, words: dict[str, Value]) -> Value:
        """`RequestHandler.__init__`."""
        if not self.was_constructed:
            self.was_constructed = True
            try:
                self.method("initialize", [], words)
            except Thrown as error:
                if error.check or self._failed_check():
                    raise
        return Const(None)

    def _refuse(self) -> Value:
        path = self.path
        path.outcome = "refused"
        if self._failed_check():
            path.refused_by = Thrown("finished", None, None, check=True)
            path.presumed = self._only_presumed(None)
        raise PathEnd

    def answers_later(self) -> bool:
        """Return True if `check_origin` is a coroutine, or a generator: both count as true."""
        member = self._member(self.info, "check_origin", None)
        if member is None or not isinstance(member.binding, Defined):
            return False
        node = member.binding.node
        if isinstance(node, ast.ClassDef):
            return False
        if not node.decorator_list and yields(node):
            return True
        return isinstance(node, ast.AsyncFunctionDef) or any(
            ast.unparse(one).endswith("gen.coroutine") or ast.unparse(one) == "coroutine"
            for one in node.decorator_list
        )

    def check_looks_at_handler(self) -> bool:
        """Return True if `check_origin` can read a value that the constructor made."""
        member = self._member(self.info, "check_origin", None)
        node = member.binding.node if member and isinstance(member.binding, Defined) else None
        if not isinstance(node, ast.FunctionDef) or node.decorator_list or not node.args.args:
            return True
        first = node.args.args[0].arg
        return any(
            isinstance(one, ast.Name) and one.id in {first, "super"}
            for statement in node.body
            for one in ast.walk(statement)
        )

    def is_sockjs(self) -> bool:
        """A connection class of sockjs-tornado: `on_open` in place of `open`."""
        bases = [one.name for one in self.info.mro if isinstance(one, External)]
        return (
            (
                self._member(self.info, "on_open", None) is not None
                or any(map(self.hierarchy.knowledge.is_connection, bases))
            )
            and self._member(self.info, "open", None) is None
            and "tornado.websocket.WebSocketHandler" not in bases
        )

    def accept(self, args: list[Value], words: dict[str, Value], node: ast.AST) -> Value:
        """Send the 101, then run `open`, then messages; the caller resumes after the connection."""
        if self.accepted or self.stage not in {Stage.GET, Stage.PREPARE}:
            return Const(None)
        path = self.path
        if self.mode == "origin":
            path.answer = self.origin_gone or self.lets_in(node)
            raise PathEnd
        if self.finished:
            self._refuse()
        if not self.negotiated:
            self.negotiated = True
            return self._negotiate(args, words, node)
        self.accepted = True
        path.outcome = "accepted"
        self.record("accept", node, "101")
        # What stands around the call of the upgrade catches nothing of what comes after it.
        around, self.catching = self.catching, []
        try:
            self._opened(args, words)
            if self._goes_on_in_get(node):
                return Const(None)
            self._talk()
        finally:
            self.catching = around

    def _opened(self, args: list[Value], words: dict[str, Value]) -> None:
        """Run `open`."""
        path = self.path
        self.stage = path.stage = Stage.OPEN
        try:
            if self.is_namespace():
                self.connected()
            elif self.is_sockjs():
                if self._member(self.info, "on_open", None) is None:
                    path.open_end = "through"
                    return
                answer = self.method("on_open", [Special("request", text="request")])
                if isinstance(answer, Const) and answer.value is False:
                    self.closed = True
                    self.record("close", self.info.node, "on_open() returns False")
            else:
                self.method("open", args or self.url_arguments("open"), words)
            path.open_end = "closed" if self.closed else self._ended()
        except Thrown as error:
            path.open_end = "raised"
            path.refused_by = error
            raise PathEnd from None

    def _goes_on_in_get(self, node: ast.AST) -> bool:
        """Return True if `get` of the handler continues after `super().get()`, which it does not await."""
        for frame in self.frames:
            if frame.receiver is self.handler and getattr(frame.node, "name", "") == "get":
                return frame.node is not None and id(node) in _left_alone(frame.node)
        return False

    def _talk(self) -> NoReturn:
        """Two messages, and the end."""
        path = self.path
        self.stage = path.stage = Stage.MESSAGE
        for turn in range(2):
            if self.closed and self.is_sockjs():
                break  # it forgets its session at once, and hands it nothing more
            self.record("message", self.info.node, "a message")
            self.proven_names.clear()
            self.said.told.recent.clear()
            self.said.turn = turn
            try:
                self.hear(Unknown(frozenset({"client", "message"}), "message"))
                path.message_end = "closed" if self.closed else self._ended()
                path.handled.append(len(self.events))
            except Pruned:
                if turn == 0:
                    raise
                break  # the second message meets what the first one met
            except Thrown as error:
                path.message_end = "raised"
                path.refused_by = error
                path.handled.append(len(self.events))
                break
        raise PathEnd

    def _ended(self) -> Literal["through", "raised"]:
        """Outcome of a method that may have left its work to a task."""
        broken_off, self.broken_off = self.broken_off, False
        return "raised" if broken_off else "through"

    def _negotiate(self, args: list[Value], words: dict[str, Value], node: ast.AST) -> Value:
        """Run Tornado's calls to the handler before the 101: the protocol, the subprotocol."""
        self.opening = (args, words, node)
        if self._member(self.info, "get_websocket_protocol", None) is not None:
            protocol = self.method("get_websocket_protocol", [])
            if isinstance(protocol, Const) and protocol.value is None:
                return self._refuse()  # Tornado answers 426
            if isinstance(protocol, Instance) and self.handler is not None:
                accept = self.attribute(protocol, "accept_connection", node)
                if isinstance(accept, Bound):
                    self.awaited(self.call(accept, [self.handler], {}, node), node)
                    return self._refuse()
        return self.connect()

    def lets_in(self, node: ast.AST) -> bool:
        """Return the answer of `check_origin`."""
        handler = self.handler
        if handler is None:
            return False
        self.called = node
        function = self.instance_attribute(handler, "check_origin", node)
        asked = Const(self.origin, frozenset({"client", "origin"}), "origin")
        try:
            value = self.call(function, [asked], {}, node)
        except Thrown:
            return False
        # Tornado does not wait for a coroutine: that there is one counts as true.
        return self.answers_later() or self.truth(value, node)

    def connect(self) -> Value:
        """`WebSocketProtocol.accept_connection`."""
        if self.mode == "origin":
            self.path.answer = True  # nothing between here and the 101 asks
            raise PathEnd
        args, words, node = self.opening
        if self._member(self.info, "select_subprotocol", None) is not None:
            offered = Unknown(frozenset({"client", "header"}), "the subprotocols offered")
            self.method("select_subprotocol", [Sequence([offered], exact=False)])
        return self.accept(args, words, node)


def _shared_by_all(given: Value, name: str, depth: int = 3) -> None:
    """Name the tables that the routes give, as those of a module: other connections fill them, too."""
    match given:
        case Mapping() | Sequence():
            given.text = given.text or name
            given.exact = given.exact and bool(given.items)
        case Instance(handler=False, attrs=attrs) if depth:
            for attribute, held in attrs.items():
                _shared_by_all(held, f"{name}.{attribute}", depth - 1)
        case _:
            pass


@lru_cache(maxsize=4096)
def _left_alone(function: ast.AST) -> frozenset[int]:
    """Calls of a function that are statements, and that it does not wait for."""
    return frozenset(
        id(node.value)
        for node in ast.walk(function)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    )
