"""Functions that are given to a loop, a thread or a pool."""

import ast

from stormdoor_audit.auditor.interpreter.calls.functions import NEVER
from stormdoor_audit.auditor.interpreter.calls.unread import Unread
from stormdoor_audit.auditor.interpreter.outcomes import Thrown
from stormdoor_audit.auditor.interpreter.values import (
    Bound,
    Const,
    Coroutine,
    Function,
    Instance,
    Nobody,
    Partial,
    Sequence,
    Special,
    Unknown,
    Value,
    labels_of,
    text_of,
)
from stormdoor_audit.auditor.naming.words import words

__all__ = ["OPERATIONS", "SPAWN", "THROUGH", "Tasks", "is_closing", "keeps_failures"]

SPAWN = words(
    """
    PeriodicCallback Thread add_callback add_callback_from_signal add_done_callback add_future
    add_timeout call_at call_later call_soon call_soon_threadsafe create_task ensure_future
    run_coroutine_threadsafe spawn_callback start_soon submit
    """
)
THROUGH = words(
    """
    await_maybe convert_yielded ensure_async gather maybe_future multi run run_in_executor
    run_on_executor run_sync shield sync_to_async timeout to_thread wait_for with_timeout
    """
)


_TIMERS = words("PeriodicCallback add_done_callback add_future add_timeout call_at call_later")
"""Calls that start work at a later time."""


_OBJECTS = frozenset({"PeriodicCallback", "Thread"})
"""Of these what is told by words about itself, and hands none of them on."""
_POOLS = {"to_thread": 0, "run_in_executor": 1, "Task": 0, "Op": 0}
"""Calls that run a function argument, with the position of that argument."""
OPERATIONS = frozenset({"Task", "Op"})
"""Of these what is no call of its own unless it is given a function: `gen.Task(redis.get, key)`."""


class Tasks(Unread):
    """Work that is started, or waited for through another function."""

    def _spawn(self, name: str, args: list[Value], words: dict[str, Value], node: ast.AST) -> Value:
        values = [*args, *words.values()]
        for at, one in enumerate(values):
            if isinstance(one, Function | Bound | Partial | Coroutine):
                given = words.get("args")
                rest = given.items if isinstance(given, Sequence) else args[at + 1 :]
                named = {} if name in _OBJECTS else words
                if name == "PeriodicCallback":
                    rest = []
                # The answer of a log-in comes when it comes; what is done about it belongs to it.
                answered = name == "add_future" and at == 1 and isinstance(args[0], Nobody)
                if answered:
                    rest = [args[0]]
                closed = self.closed
                self.in_background(
                    one, rest, node, words=named, at_once=answered or name not in _TIMERS
                )
                if name in _TIMERS and not answered:
                    self.closed = closed  # messages come before the time is up
                break
            if is_closing(one) and name not in _TIMERS:
                self.call(one, [], {}, node)  # the connection's own `close`, on the next turn
                break
        return Unknown(text="task")

    def _thread(self, thread: Instance, node: ast.AST) -> Value:
        """`start()` of an object of a class that derives from a thread."""
        found = self._member(thread.info, "run", None)
        if found is not None:
            run = self._bound_member(found, thread, "run", node)
            self.in_background(run, [], node, at_once=True)
        elif "<target>" in thread.attrs:
            given = thread.attrs.get("<args>")
            rest = given.items if isinstance(given, Sequence) else []
            self.in_background(thread.attrs["<target>"], rest, node, at_once=True)
        return Const(None)

    def thread_call(
        self, kind: str, args: list[Value], words: dict[str, Value], node: ast.AST
    ) -> Value:
        """Constructor and `start()` that a class inherits from a thread."""
        thread = args[0] if args else None
        if not isinstance(thread, Instance):
            return Unknown(text=kind)
        if kind == "thread.start":
            return self._thread(thread, node)
        target = words.get("target", args[2] if len(args) > 2 else None)
        if target is not None:
            thread.attrs["<target>"] = target
            thread.attrs["<args>"] = words.get("args", Sequence([], "tuple"))
        return Const(None)

    def _gathered(self, args: list[Value], node: ast.AST) -> Value:
        """`gather(…, return_exceptions=True)`: what is raised is only one of the results."""
        results: list[Value] = []
        for one in args:
            try:
                results.append(self.awaited(one, node))
            except Thrown as error:
                results.append(Unknown(frozenset({"exception"}), error.name, truthy=True))
                if error.check or error.status in {401, 403}:
                    self.record("swallowed", node, error.name)
        return Sequence(results, "list")

    def _through_call(
        self, name: str, args: list[Value], node: ast.AST, words: dict[str, Value] | None = None
    ) -> Value:
        for at, one in enumerate(args):
            if isinstance(one, Coroutine):
                value = self.awaited(one, node)
                if name == "gather":
                    rest = [self.awaited(other, node) for other in args[at + 1 :]]
                    return Sequence([value, *rest], "list")
                return value
            if isinstance(one, Function | Bound | Partial):
                given = args[at + 1 :]
                value = self.awaited(self.call(one, given, words or {}, node), node)
                if name in OPERATIONS and self.mode == "member" and _is_nothing(value):
                    return self.answer_to(one, given)
                return value
        at = _POOLS.get(name, len(args))
        if at < len(args):
            return self.call(args[at], args[at + 1 :], {}, node)
        if not args or (isinstance(args[0], Special) and args[0].kind == NEVER):
            return Unknown(text=f"{name}()")  # a timeout ends it, and may be caught
        return args[0]

    def answer_to(self, function: Value, given: list[Value]) -> Value:
        """Answer to an admitted client by a callback without a known caller."""
        proven = any(map(self.is_proof, given))
        labels = frozenset({"principal"}) if proven else labels_of(*given) | {"answer"}
        return Unknown(labels - {"self"}, f"{text_of(function)}()")


def _is_nothing(value: Value) -> bool:
    """Return True if a function has returned nothing that is known."""
    return (isinstance(value, Const) and value.value is None) or (
        isinstance(value, Unknown) and not value.labels
    )


def keeps_failures(name: str, words: dict[str, Value]) -> bool:
    """`gather(..., return_exceptions=True)`."""
    kept = words.get("return_exceptions")
    return name == "gather" and isinstance(kept, Const) and kept.value is True


def is_closing(value: Value) -> bool:
    """Return True if the call closes the connection: `self.close`, Tornado's own."""
    return isinstance(value, Special) and value.kind == "handler.close"
