"""What is handed to a loop, a thread or a pool."""

import ast

from stormdoor.auditor.interpreter.calls.unread import Unread
from stormdoor.auditor.interpreter.values import (
    Bound,
    Coroutine,
    Function,
    Member,
    Named,
    Partial,
    Sequence,
    Special,
    Unknown,
    Value,
)

__all__ = ["SPAWN", "THROUGH", "Tasks"]

SPAWN = frozenset(
    [
        "add_callback",
        "spawn_callback",
        "call_later",
        "call_soon",
        "call_at",
        "create_task",
        "ensure_future",
        "submit",
        "start_soon",
        "add_future",
        "add_timeout",
        "add_done_callback",
        "run_coroutine_threadsafe",
        "add_callback_from_signal",
        "call_soon_threadsafe",
        "Thread",
        "PeriodicCallback",
    ]
)
THROUGH = frozenset(
    [
        "wait_for",
        "shield",
        "gather",
        "run_in_executor",
        "to_thread",
        "with_timeout",
        "maybe_future",
        "convert_yielded",
        "sync_to_async",
        "run_on_executor",
        "multi",
        "timeout",
        "await_maybe",
        "ensure_async",
        "run_sync",
        "run",
    ]
)


class Tasks(Unread):
    """Work that is started, or waited for through another function."""

    def _spawn(self, args: list[Value], words: dict[str, Value], node: ast.AST) -> Value:
        values = [*args, *words.values()]
        for at, one in enumerate(values):
            if isinstance(one, Function | Bound | Partial | Coroutine):
                self.in_background(one, values[at + 1 :], node)
                break
        return Unknown(text="task")

    def _through_call(self, name: str, args: list[Value], node: ast.AST) -> Value:
        for at, one in enumerate(args):
            if isinstance(one, Coroutine):
                value = self.awaited(one, node)
                if name == "gather":
                    rest = [self.awaited(other, node) for other in args[at + 1 :]]
                    return Sequence([value, *rest], "list")
                return value
            if isinstance(one, Function | Bound | Partial):
                return self.awaited(self.call(one, args[at + 1 :], {}, node), node)
        if name in {"run_in_executor", "to_thread"}:
            target = next((one for one in args if isinstance(one, Member | Named | Special)), None)
            if target is not None:
                return self.call(target, args[args.index(target) + 1 :], {}, node)
        return args[0] if args else Unknown(text=f"{name}()")
