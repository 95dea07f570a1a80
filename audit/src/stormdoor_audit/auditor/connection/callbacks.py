"""Answers that come to a function: `gen.Task(find, name)`, `gen.Callback`, `gen.Wait`, `async_callback`."""

import ast
from functools import cached_property

from stormdoor_audit.auditor.connection.libraries import TornadoModel
from stormdoor_audit.auditor.interpreter.calls.tasks import OPERATIONS
from stormdoor_audit.auditor.interpreter.values import (
    Bound,
    Const,
    Function,
    Partial,
    Sequence,
    Special,
    Unknown,
    Value,
    settled,
)

__all__ = ["Callbacks"]


class Callbacks(TornadoModel):
    """Functions that are told an answer."""

    @cached_property
    def awaited_keys(self) -> dict[object, Sequence]:
        """Results of `gen.Wait` by key, once its callback was called."""
        return {}

    def _through_call(
        self, name: str, args: list[Value], node: ast.AST, words: dict[str, Value] | None = None
    ) -> Value:
        if name in OPERATIONS and args and _takes_callback(args[0], len(args) - 1):
            told = Sequence([], "list", exact=False)
            given = {**(words or {}), "callback": _teller(told)}
            answer = self.call(args[0], args[1:], given, node)
            self.awaited(answer, node)
            if not told.items and self.mode == "member":
                return self.answer_to(args[0], args[1:])
            return _told(told, name)
        return super()._through_call(name, args, node, words)

    def library_call(
        self, name: str, args: list[Value], words: dict[str, Value], node: ast.AST
    ) -> Value | None:
        """A call of a library; those of Tornado's that hand answers on."""
        match name:
            case "tornado.gen.Callback" if args:
                told = Sequence([], "list", exact=False)
                self.awaited_keys[_key(args[0])] = told
                return _teller(told)
            case "tornado.gen.Wait" if args and _key(args[0]) in self.awaited_keys:
                return _told(self.awaited_keys[_key(args[0])], name)
            case "tornado.stack_context.wrap" if args:
                return args[0]
            case _:
                return super().library_call(name, args, words, node)

    def special_call(
        self, function: Special, args: list[Value], words: dict[str, Value], node: ast.AST
    ) -> Value:
        """A call of one of Tornado's objects; of what an answer is told to."""
        if function.kind == "answer" and args and isinstance(args[0], Sequence):
            args[0].items[:] = [*args[1:], *words.values()] or [Const(None)]
            return Const(None)
        if function.kind == "handler.async_callback" and args:
            return Partial(args[0], args[1:], words, text="async_callback")
        return super().special_call(function, args, words, node)


def _teller(told: Sequence) -> Value:
    """A function that keeps what it is told."""
    return Partial(Special("answer", text="callback"), [told], {}, text="callback")


def _told(told: Sequence, name: str) -> Value:
    """Argument of a callback; of several the first, as errors come after it."""
    return told.items[0] if told.items else Unknown(text=f"{name}()")


def _key(value: Value) -> object:
    shipped = settled(value)
    return shipped.value if isinstance(shipped, Const) else None


def _takes_callback(function: Value, given: int) -> bool:
    """Return True if a function that was read has a free parameter for a callback."""
    while isinstance(function, Bound | Partial):
        given += isinstance(function, Bound)
        function = function.function
    if not isinstance(function, Function):
        return False
    arguments = function.node.args
    names = [one.arg for one in arguments.args]
    return "callback" in names[given:] or any(one.arg == "callback" for one in arguments.kwonlyargs)
