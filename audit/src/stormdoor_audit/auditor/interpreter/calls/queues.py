"""Values that a connection puts into a queue, and a thread or a task takes out."""

import ast
from collections.abc import Iterator
from functools import cached_property, lru_cache

from stormdoor_audit.auditor.classes.again import called_again
from stormdoor_audit.auditor.classes.classinfo import ClassInfo
from stormdoor_audit.auditor.interpreter.calls.tasks import SPAWN, Tasks
from stormdoor_audit.auditor.interpreter.events import Stage
from stormdoor_audit.auditor.interpreter.outcomes import Thrown
from stormdoor_audit.auditor.interpreter.values import (
    Bound,
    ClassRef,
    Function,
    Instance,
    Partial,
    Sequence,
    Unknown,
    Value,
)
from stormdoor_audit.auditor.naming.words import words
from stormdoor_audit.auditor.reading.module import Assigned, Module
from stormdoor_audit.auditor.reading.nodes import last_name
from stormdoor_audit.auditor.reading.project import Meaning

__all__ = ["GETS", "PUTS", "QUEUES", "Queues", "givers"]

PUTS = frozenset({"put", "put_nowait", "append", "appendleft", "send_nowait"})
GETS = frozenset({"get", "get_nowait", "pop", "popleft", "receive"})
QUEUES = words("JoinableQueue LifoQueue PriorityQueue Queue SimpleQueue deque")
_MOST = 8
"""Calls that are given a queue and are looked at."""


class Queues(Tasks):
    """Queues: the consumer at the other end continues with the connection's values."""

    @cached_property
    def queues(self) -> dict[int, tuple[Unknown, Module]]:
        """Queues by the call that made them: each is one queue for all of its users."""
        return {}

    @cached_property
    def waiting(self) -> dict[int, tuple[Value, Value]]:
        """Values that this way has put into a queue and not taken out, by the queue's id; held, too."""
        return {}

    def queue_made(self, name: str, node: ast.AST) -> Value:
        """`queue.Queue()`."""
        if id(node) not in self.queues:
            self.queues[id(node)] = (Unknown(text=f"{name}()"), self.frame.module)
        return self.queues[id(node)][0]

    def delivered(self, node: ast.AST, queue: Value, value: Value) -> bool:
        """Return True if a function of the project takes it out of the queue; then that has run.

        Args:
            node: The call that puts it in.
            queue: What it is put into.
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
        name = last_name(node.func.value)
        if not name or name in self.in_queues:
            return False
        consumer = next(self._consumers(node.func.value, name), None)
        given = None if consumer is not None else next(self._handed_on(queue), None)
        if given is not None:
            consumer, name = given
        if consumer is None or name in self.in_queues:
            return False
        self.in_queues[name] = value
        if isinstance(queue, Sequence):
            queue.items.append(value)
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

    def lined_up(self, queue: Value, value: Value) -> None:
        """Note a value in a queue without a known consumer: perhaps the same way takes it out."""
        listed = isinstance(queue, Sequence) and not queue.exact
        if listed or any(one is queue for one, _ in self.queues.values()):
            self.waiting[id(queue)] = queue, value

    def taken(self, node: ast.AST, queue: Value) -> Value | None:
        """Return a value that this way has put into the queue; None if there is none."""
        if not (self.in_queues or self.waiting) or not isinstance(node, ast.Call):
            return None
        if not isinstance(node.func, ast.Attribute):
            return None
        found = self.in_queues.get(last_name(node.func.value))
        if found is None:
            _, found = self.waiting.pop(id(queue), (None, None))
        return found

    def _consumers(self, queue: ast.expr, name: str) -> Iterator[Value]:
        """Functions and methods that take something out of a queue."""
        match queue:
            case ast.Attribute(value=ast.Name(id="self")):
                holder = self.frame.receiver
            case ast.Attribute(value=ast.Name() | ast.Attribute() as inner):
                holder = self.evaluate(inner)
            case _:
                holder = None
        if isinstance(holder, Instance | ClassRef):
            for one in holder.info.mro:
                for method in (
                    _takers(one.node, frozenset({name}), called_again(one.module.tree))
                    if isinstance(one, ClassInfo)
                    else ()
                ):
                    yield self.attribute(holder, method, queue)
        elif isinstance(queue, ast.Name):
            places = list(self._places(queue))
            names = frozenset({name}).union(*(givers(one.tree, name) for one in places))
            for module in places:
                again = called_again(module.tree)
                for function in _takers(module.tree, names, again):
                    yield self.global_name(module, function, queue)
                for definition in module.classes:
                    for method in _takers(definition.node, names, again):
                        worker = self._worker(module, self.hierarchy.of(module, definition))
                        if worker is not None:
                            yield self.attribute(worker, method, queue)

    def _worker(self, module: Module, info: ClassInfo) -> Instance | None:
        """Consumer of a queue that has its own name: the object as constructed, if that is seen."""
        if self.handler is not None and info in self.handler.info.mro:
            return None  # each connection is another
        for node, _ in module.nodes():
            if isinstance(node, ast.Call) and info in self.hierarchy.classes_of(module, node.func):
                made = self.in_place(module, node)
                if isinstance(made, Instance):
                    return made
        return Instance(info, text=info.name)

    def _handed_on(self, queue: Value) -> Iterator[tuple[Value, str]]:
        """Yield each consumer that is given a queue where the queue is made, with its name there."""
        made = next((at for at, (one, _) in self.queues.items() if one is queue), None)
        if made is None:
            return
        module = self.queues[made][1]
        names = _bound_to(module, made)
        calls = [node for node, _ in module.nodes() if isinstance(node, ast.Call)]
        told = [one for one in calls if names & {ast.unparse(arg) for arg in _told(one)}]
        for call in told[:_MOST]:
            if any(
                isinstance(one, ClassInfo) for one in self.hierarchy.classes_of(module, call.func)
            ):
                yield from self._of_object(self.in_place(module, call), queue, call)
            else:
                yield from self._of_target(module, call, names)

    def _of_object(self, made: Value, queue: Value, call: ast.Call) -> Iterator[tuple[Value, str]]:
        """Yield the object of `Worker(jobs)` if its `run` takes from the queue."""
        if not isinstance(made, Instance):
            return
        for name in [name for name, held in made.attrs.items() if held is queue]:
            for one in made.info.mro:
                for method in (
                    _takers(one.node, frozenset({name}), frozenset())
                    if isinstance(one, ClassInfo)
                    else ()
                ):
                    yield self.attribute(made, method, call), name

    def _of_target(
        self, module: Module, call: ast.Call, names: frozenset[str]
    ) -> Iterator[tuple[Value, str]]:
        """`Thread(target=work, args=(jobs,))`, `create_task(work(jobs))`."""
        given = _told(call)
        target = next((word.value for word in call.keywords if word.arg == "target"), call.func)
        if isinstance(call.func, ast.Attribute) and call.func.attr in SPAWN and call.args:
            target, *given = call.args  # `loop.spawn_callback(work, jobs)`
        function = self.in_place(module, target)
        if isinstance(function, Bound):
            function = function.function
        if not isinstance(function, Function):
            return
        parameters = [one.arg for one in function.node.args.args]
        for name, argument in zip(parameters, given, strict=False):
            if ast.unparse(argument) in names and _takes_somewhere(
                function.node, frozenset({name})
            ):
                values = [self.in_place(module, one) for one in given]
                yield Partial(function, values, {}), name

    def _places(self, queue: ast.Name) -> Iterator[Module]:
        """The file that names the queue, the one that makes it, and those that have it from there."""
        yield self.frame.module
        for one in self.project.resolve(self.frame.module, queue):
            if isinstance(one, Meaning) and isinstance(one.binding, Assigned):
                yield one.module
                for name in (queue.id, *givers(one.module.tree, queue.id)):
                    meant = self.project.members(one.module, name)
                    for module in self.project.naming(name):
                        found = self.project.members(module, name)
                        if (
                            module is not one.module
                            and not module.is_test
                            and any(each in meant for each in found)
                        ):
                            yield module


def _bound_to(module: Module, made: int) -> frozenset[str]:
    """Return the names that a call is bound to: `jobs`, `self.jobs`."""
    return frozenset(
        ast.unparse(target)
        for node, _ in module.nodes()
        if isinstance(node, ast.Assign) and id(node.value) == made
        for target in node.targets
    )


def _told(call: ast.Call) -> list[ast.expr]:
    """Return the arguments that a call passes on; of a thread, those of its function."""
    args = next((word.value for word in call.keywords if word.arg == "args"), None)
    if isinstance(args, ast.Tuple | ast.List):
        return args.elts
    return [*call.args, *(word.value for word in call.keywords)]


@lru_cache(maxsize=4096)
def _takers(
    scope: ast.ClassDef | ast.Module, names: frozenset[str], again: frozenset[str]
) -> tuple[str, ...]:
    """Functions of a body with a loop that takes something out of the queue of this name, or called `again`.

    A function that gives what comes out of it, `async def next_job(): return await jobs.get()`, is one of the
    names.
    """
    return tuple(
        one.name
        for one in scope.body
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)
        and (
            _takes_somewhere(one, names)
            or (one.name in again and any(_is_taken(node, names) for node in ast.walk(one)))
        )
    )


@lru_cache(maxsize=4096)
def givers(scope: ast.Module, name: str) -> frozenset[str]:
    """The functions of a file that give what comes out of a queue."""
    return frozenset(
        one.name
        for one in scope.body
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)
        and any(
            isinstance(inner, ast.Return)
            and inner.value is not None
            and any(_is_taken(call, frozenset({name})) for call in ast.walk(inner.value))
            for inner in one.body
        )
    )


def _takes_somewhere(function: ast.AST, names: frozenset[str]) -> bool:
    return any(
        _is_taken(node, names)
        for one in ast.walk(function)
        if isinstance(one, ast.While)
        for node in ast.walk(one)
    )


def _is_taken(node: ast.AST, names: frozenset[str]) -> bool:
    """`jobs.get()`, `next_job()`, `for job in jobs: jobs.remove(job)`."""
    match node:
        case ast.Call(func=ast.Attribute(value=queue, attr=name)) if name in GETS:
            return last_name(queue) in names
        case ast.Call(func=ast.Name(id=name)):
            return name in names
        case ast.For(iter=ast.Call(func=ast.Name(id="list" | "tuple"), args=[listed])):
            return last_name(listed) in names and _is_emptied(node, names)
        case ast.For(iter=ast.Name() | ast.Attribute() as listed):
            return last_name(listed) in names and _is_emptied(node, names)
        case _:
            return False


def _is_emptied(loop: ast.For, names: frozenset[str]) -> bool:
    """Return True if a loop removes the items that it iterates over: `for job in jobs: jobs.remove(job)`."""
    return any(
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "remove"
        and last_name(node.func.value) in names
        for node in ast.walk(loop)
    )
