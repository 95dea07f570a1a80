"""What a connection puts into a queue, and a thread or a task takes out of it."""

import ast
from collections.abc import Iterator
from functools import lru_cache

from stormdoor.auditor.classes.classinfo import ClassInfo
from stormdoor.auditor.interpreter.calls.tasks import Tasks
from stormdoor.auditor.interpreter.events import Stage
from stormdoor.auditor.interpreter.outcomes import Thrown
from stormdoor.auditor.interpreter.values import Instance, Value
from stormdoor.auditor.reading.module import Assigned, Module
from stormdoor.auditor.reading.project import Meaning

__all__ = ["GETS", "PUTS", "Queues"]

PUTS = frozenset({"put", "put_nowait", "append", "appendleft", "send_nowait"})
GETS = frozenset({"get", "get_nowait", "pop", "popleft", "receive"})


class Queues(Tasks):
    """Whoever waits at the other end goes on with what the connection brought."""

    def delivered(self, node: ast.AST, value: Value) -> bool:
        """Whether a function of the project takes it out of the queue; then that has run.

        Args:
            node: The call that puts it in.
            value: What is put in.
        """
        if (
            self.mode == "origin"
            or self.background
            or self.stage not in {Stage.OPEN, Stage.MESSAGE}
            or not isinstance(node, ast.Call)
            or not isinstance(node.func, ast.Attribute)
        ):
            return False
        name = _name_of(node.func.value)
        if not name or name in self.in_queues:
            return False
        consumer = next(self._consumers(node.func.value, name), None)
        if consumer is None:
            return False
        self.in_queues[name] = value
        catching, self.catching = self.catching, []
        asked = len(self.events)
        try:
            self.awaited(self.call(consumer, [], {}, node), node)
        except Thrown as error:
            failed = any(event.kind == "check" for event in self.events[asked:])
            self.broken_off = self.broken_off or error.check or failed
        finally:
            self.catching = catching
            del self.in_queues[name]
        return True

    def taken(self, node: ast.AST) -> Value | None:
        """What is taken out of a queue into which this way has put something; None otherwise."""
        if not self.in_queues or not isinstance(node, ast.Call):
            return None
        if not isinstance(node.func, ast.Attribute):
            return None
        return self.in_queues.get(_name_of(node.func.value))

    def _consumers(self, queue: ast.expr, name: str) -> Iterator[Value]:
        """Functions and methods that take something out of a queue."""
        match queue:
            case ast.Attribute(value=ast.Name(id="self")):
                holder = self.frame.receiver
            case ast.Attribute(value=ast.Name() | ast.Attribute() as inner):
                holder = self.evaluate(inner)
            case _:
                holder = None
        if isinstance(holder, Instance) and not holder.handler:
            for one in holder.info.mro:
                for method in _takers(one.node, name) if isinstance(one, ClassInfo) else ():
                    yield self.attribute(holder, method, queue)
        elif isinstance(queue, ast.Name):
            for module in self._places(queue):
                for function in _takers(module.tree, name):
                    yield self.global_name(module, function, queue)

    def _places(self, queue: ast.Name) -> Iterator[Module]:
        yield self.frame.module
        for one in self.project.resolve(self.frame.module, queue):
            if isinstance(one, Meaning) and isinstance(one.binding, Assigned):
                yield one.module


def _name_of(queue: ast.expr) -> str:
    match queue:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
        case _:
            return ""


@lru_cache(maxsize=4096)
def _takers(scope: ast.ClassDef | ast.Module, name: str) -> tuple[str, ...]:
    """Functions of a body with a loop that takes something out of the queue of this name."""
    return tuple(
        one.name
        for one in scope.body
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)
        and any(_takes(inner, name) for inner in ast.walk(one) if isinstance(inner, ast.While))
    )


def _takes(loop: ast.While, name: str) -> bool:
    return any(
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in GETS
        and _name_of(node.func.value) == name
        for node in ast.walk(loop)
    )
