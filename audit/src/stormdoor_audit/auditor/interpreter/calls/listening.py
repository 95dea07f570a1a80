"""Functions that are handed to what was not read: it calls them, at once or whenever something comes."""

import ast
from functools import cached_property

from stormdoor_audit.auditor.interpreter.calls.verification import Verification
from stormdoor_audit.auditor.interpreter.events import Stage
from stormdoor_audit.auditor.interpreter.outcomes import Thrown
from stormdoor_audit.auditor.interpreter.values import (
    Bound,
    Const,
    Function,
    Member,
    Named,
    Partial,
    Unknown,
    Value,
    labels_of,
    text_of,
)
from stormdoor_audit.auditor.naming import lexicon
from stormdoor_audit.auditor.naming.words import words

__all__ = ["Listening"]

_FEEDS = frozenset({"consume", "data", "feed", "parse", "process", "receive", "received"})
"""Words of what gives a parser more to read."""
_STARTS = words(
    "background callback defer execute later run schedule soon spawn start submit task thread"
)
"""Words of what starts a function that it is given."""


_LISTENS = words(
    "add bind connect consume follow handler listen listener observe on register subscribe watch"
)
"""Words of what calls a function that it is given whenever something comes."""
_OF_THE_CLIENT = frozenset({"on_message", "on_close", "on_pong", "open", "on_open"})


class Listening(Verification):
    """Functions handed on."""

    @cached_property
    def listening(self) -> dict[str, Bound]:
        """Methods of the connection that an object was given which was not read, by its text."""
        return {}

    def _may_call_back(self, function: Value, made: str, given: list[Value], node: ast.AST) -> None:
        """`Parser(self.on_block)`, and later `parser.feed(message)`: what it reads comes back."""
        if self.mode == "anonymous":
            self._listens(made, given, node)
        if isinstance(function, Named):
            if function.name.rpartition(".")[2][:1].isupper():
                self.listening.update(
                    (made, one)
                    for one in given
                    if isinstance(one, Bound) and one.receiver is self.handler
                )
            return
        if not isinstance(function, Member) or not set(lexicon.words_of(function.name)) & _FEEDS:
            return
        told = self.listening.get(text_of(function.receiver))
        said = labels_of(*given)
        if "feed" in lexicon.words_of(function.name) and isinstance(function.receiver, Unknown):
            function.receiver.labels |= said & {"client", "message"}  # it gives what it was fed
        if told is not None and "message" in said and self.stage == Stage.MESSAGE:
            read = Unknown(said & {"client", "message"}, "what was read")
            self.in_background(told, [read], node, at_once=True)

    def _listens(self, made: str, given: list[Value], node: ast.AST) -> None:
        """`redis.listen(self.on_note)`: what comes from there is told to a method of the connection."""
        last = (lexicon.chain_of(made) or [""])[-1]
        if self.background or not self.accepted or not _LISTENS & set(lexicon.words_of(last)):
            return
        for one in given:
            function = one.function if isinstance(one, Bound) else None
            if (
                not isinstance(one, Bound)
                or one.receiver is not self.handler
                or not isinstance(function, Function)
                or getattr(function.node, "name", "") in _OF_THE_CLIENT
            ):
                continue
            takes = function.node.args
            many = max(len(takes.args) - len(takes.defaults) - 1, 0)
            come: list[Value] = [Unknown(frozenset({"answer"}), "what comes") for _ in range(many)]
            self.in_background(one, come, node)

    def called_back(self, callback: Function | Bound, found: Value, node: ast.AST) -> None:
        """`find_one(…, callback=self.found)`: what is found comes to a function, and perhaps an error."""
        inner: Value = callback
        while isinstance(inner, Bound):
            inner = inner.function
        if not isinstance(inner, Function):
            return
        names = [one.arg for one in inner.node.args.args][isinstance(callback, Bound) :]
        given = [Const(None) if "err" in name else found for name in names]
        if not given and inner.node.args.vararg is not None:
            given = [found, Const(None)]  # what was found, and no error
        catching, self.catching = self.catching, []
        try:
            self.awaited(self.call(callback, list(given), {}, node), node)
        except Thrown as error:
            self.broken_off = self.broken_off or error.check
        finally:
            self.catching = catching

    def _is_started(self, name: str, args: list[Value], node: ast.AST) -> bool:
        """`loop.register_callback(self.handle, message)`: a loop that was not read goes on with it."""
        if self.stage != Stage.MESSAGE or not set(lexicon.words_of(name)) & _STARTS:
            return False
        for at, one in enumerate(args):
            if isinstance(one, Function | Bound | Partial) and (
                "client" in labels_of(*args[at + 1 :]) or _has_all_it_needs(one)
            ):
                self.in_background(one, args[at + 1 :], node, at_once=True)
                return True
        return False


def _has_all_it_needs(function: Value) -> bool:
    """`lambda: run(script)`: what it does is said where it stands."""
    return (
        isinstance(function, Function)
        and isinstance(function.node, ast.Lambda)
        and not function.node.args.args
    )
