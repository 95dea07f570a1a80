"""Methods of values that are no objects of the project."""

import ast

from stormdoor_audit.auditor.interpreter.calls.functions import NEVER
from stormdoor_audit.auditor.interpreter.calls.queues import GETS, PUTS
from stormdoor_audit.auditor.interpreter.calls.rows import Rows
from stormdoor_audit.auditor.interpreter.calls.tasks import (
    SPAWN,
    THROUGH,
    is_closing,
    keeps_failures,
)
from stormdoor_audit.auditor.interpreter.events import Stage
from stormdoor_audit.auditor.interpreter.outcomes import Thrown
from stormdoor_audit.auditor.interpreter.pieces import PIECES, chosen_only, is_piece
from stormdoor_audit.auditor.interpreter.sets import method_of
from stormdoor_audit.auditor.interpreter.tables import field_named
from stormdoor_audit.auditor.interpreter.texts import concrete_method, is_absent, stand_in
from stormdoor_audit.auditor.interpreter.told import PLAIN, made_of
from stormdoor_audit.auditor.interpreter.values import (
    NONE,
    Bound,
    Const,
    Coroutine,
    Function,
    Mapping,
    Member,
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
from stormdoor_audit.auditor.naming.words import words

__all__ = ["Methods"]


_OF_FILES = words(
    "chmod open read_bytes read_text rename replace rmdir touch unlink write_bytes write_text"
)
"""Methods of a path that reach the file."""
_UNPACKS = frozenset({"extract", "extractall"})


_FILLS = frozenset({"MergeFromString", "ParseFromString"})
"""Methods of a message of a protocol that read what it holds."""
_EVENTS = frozenset({"asyncio.Event()", "tornado.locks.Event()"})
_AGAIN = frozenset({"copy", "items", "keys", "values"})
"""Methods that give what a table holds, and no answer about it."""


class Methods(Rows):
    """Calls of methods."""

    def _method(
        self, function: Member, args: list[Value], words: dict[str, Value], node: ast.AST
    ) -> Value:
        receiver, name = function.receiver, function.name
        everything = [*args, *words.values()]
        if self.asked_for and not name.startswith("fetch"):
            self._asked_for_more(receiver)
        self.record(
            "call",
            node,
            function.text or name,
            values=tuple(args),
            words=tuple(words.items()),
            receiver=receiver,
        )
        if name == "wait" and not everything and self._never_happens(receiver):
            return Special(NEVER, text=function.text)
        passed = self._passed_on(receiver, name, args, words, node)
        if passed is not None:
            return passed
        if self.mode == "anonymous" and is_piece(receiver, name, args):
            return Unknown(chosen_only(args[0]), f"{text_of(receiver)}.{name}()")
        of_row = self.method_of_row(receiver, name)
        if of_row is not None:
            return self.call(of_row, args, words, node)
        if isinstance(receiver, Named) and receiver.name.endswith(("environ", "options")):
            return self._setting_get(receiver.name, args, node)
        if isinstance(receiver, Special):
            found = self.special_method(receiver, name, args, node)
            if found is not None:
                return found
        if isinstance(receiver, Setting):
            table = receiver.default
            if name in {"get", "pop"} and args:
                entry = self.entry_of_setting(receiver, args[0], node)
                if entry is not None:
                    return entry
            if isinstance(table, Mapping) and args and self.opens(receiver, args[0]):
                table.text = table.text or text_of(receiver)
                return self._container_method(table, name, args, node)
            result = self._setting_method(receiver, name, args, words, node)
            if result is not None:
                return result
        if self.mode == "origin" and args:
            args = [stand_in(receiver, name, args[0]), *args[1:]]
        if name in {"index", "rindex", "remove"} and is_absent(receiver, args):
            raise Thrown("ValueError", node, self.frame.module)
        if name in {"format", "join"} and isinstance(settled(receiver), Const):
            nobody = self.after_nobody([*args, *words.values()], node)
            if nobody is not None:
                return nobody
        concrete = concrete_method(receiver, name, args, words) or method_of(receiver, name, args)
        if concrete is not None:
            return concrete
        if isinstance(receiver, Unknown) and "client" not in receiver.labels:
            configured = self._of_section(receiver, name, args, words)
            if configured is None:
                configured = self._configured(name, args, words, node)
            if configured is not None:
                return configured
        if isinstance(receiver, Mapping | Sequence):
            return self._container_method(receiver, name, args, node)
        if args and isinstance(receiver, Unknown) and _takes_in(name, receiver):
            receiver.labels |= labels_of(*args)  # it is in it from now on
            return Const(None)
        if name in _AGAIN and not everything and labels_of(receiver) >= {"client", "found"}:
            return Unknown(labels_of(receiver), f"{text_of(receiver)}.{name}()")
        if isinstance(receiver, Const) or (
            "client" in labels_of(receiver)
            and not isinstance(receiver, Member)
            and not labels_of(receiver) & {"answer", "found"}
        ):
            return self._of_what_is_said(receiver, name, args, words, node)
        return self.unknown_call(function, function.text or name, args, words, node, recorded=True)

    def _asked_for_more(self, receiver: Value) -> None:
        """A cursor, or the connection to the database, that does something else gives nothing of before."""
        cursor, labels = self.asked_for.pop(id(receiver), (None, NONE))
        if cursor is not None:
            cursor.labels = labels

    def _never_happens(self, awaited: Value) -> bool:
        """`await self.logged_in.wait()`, of an event of the connection that nothing on the way has set.

        Nor may anything else have it that could do so, as `call_later(1, self.logged_in.set)` has. What
        waits before there is a message goes on with one that is still to come.
        """
        handler = self.handler
        return (
            self.mode == "anonymous"
            and self.stage == Stage.MESSAGE
            and handler is not None
            and text_of(awaited) in _EVENTS
            and any(one is awaited for one in handler.attrs.values())
            and not any(
                (event.receiver is awaited and event.text.endswith(".set"))
                or any(_holds_event(one, awaited) for one in event.values)
                for event in self.events
            )
        )

    def _passed_on(
        self,
        receiver: Value,
        name: str,
        args: list[Value],
        words: dict[str, Value],
        node: ast.AST,
    ) -> Value | None:
        """Queue the arguments, start them in the background, or send them into a coroutine."""
        if name in PUTS and len(args) == 1:
            if self.delivered(node, receiver, args[0]):
                return Const(None)
            self.lined_up(receiver, args[0])
        taken = self.taken(node, receiver) if name in GETS else None
        if taken is not None:
            return taken
        if name in SPAWN and any(
            isinstance(one, Function | Bound | Partial | Coroutine) or is_closing(one)
            for one in [*args, *words.values()]
        ):
            return self._spawn(name, args, words, node)
        if (
            name in {"apply", "apply_async"}
            and args
            and isinstance(args[0], Function | Bound | Partial)
        ):
            given = args[1] if len(args) > 1 else None
            self.in_background(
                args[0], given.items if isinstance(given, Sequence) else [], node, at_once=True
            )
            return Unknown(text="task")
        if name == "send" and isinstance(receiver, Coroutine) and args:
            return self.converse(receiver, args[0], node)
        if keeps_failures(name, words):
            return self._gathered(args, node)
        if name in THROUGH and (
            name in {"run_in_executor", "to_thread"}
            or any(
                isinstance(one, Function | Bound | Coroutine) for one in [*args, *words.values()]
            )
        ):
            return self._through_call(name, args, node)
        return None

    def _of_what_is_said(
        self,
        receiver: Value,
        name: str,
        args: list[Value],
        words: dict[str, Value],
        node: ast.AST,
    ) -> Value:
        """A method of a constant, or of what a client says: another form or a part of it."""
        if any(isinstance(one, Nobody) for one in args):
            return Unknown(labels_of(receiver), text_of(receiver))
        if (
            self.mode == "anonymous"
            and name in PIECES
            and args
            and self.is_proof(receiver)
            and not isinstance(args[0], Const | Sequence)
        ):
            return self.compare(receiver, ast.Eq(), args[0], node)  # all of it has to be known
        field = field_named(args[0]) if args and name in {"get", "pop"} else ""
        if field:
            text = f"{text_of(receiver)}.{name}({field!r})"
            return self.client_field(receiver, field, text, node=node)
        if name in _OF_FILES and text_of(receiver).startswith("pathlib."):
            self.record("act", node, f"pathlib.Path.{name}", values=(receiver, *args))
        if name in _UNPACKS:
            self.record("act", node, f"{text_of(receiver)}.{name}", values=(receiver, *args))
        if name == "issubset" and self.mode == "anonymous":
            return Unknown(chosen_only(receiver), f"{text_of(receiver)}.{name}()")
        part: object = made_of([*args, *words.values()]) if name == "format" else None
        if isinstance(receiver, Unknown) and (name in PLAIN or _only_spells(name, args)):
            part = receiver.part or receiver
        labels = labels_of(receiver, *args, *words.values()) - {"self"}
        return Unknown(labels, f"{text_of(receiver)}.{name}()", part=part)


def _only_spells(name: str, args: list[Value]) -> bool:
    """`kind.replace("-", "_")`: what a method is called that stands for it."""
    return name == "replace" and [getattr(one, "value", "") for one in args[1:]] == ["_"]


def _takes_in(name: str, receiver: Unknown) -> bool:
    """`line.ParseFromString(message)`, `digest.update(user.encode())`."""
    return name in _FILLS or (name == "update" and receiver.text.startswith(("hmac.", "hashlib.")))


def _holds_event(given: Value, event: Value) -> bool:
    """Return True if the argument is an event, or a function that sets it."""
    return given is event or text_of(given) == f"{text_of(event)}.set"
