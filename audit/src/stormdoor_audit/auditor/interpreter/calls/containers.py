"""Methods of lists, sets and tables."""

import ast

from stormdoor_audit.auditor.interpreter.calls.configured import Configured
from stormdoor_audit.auditor.interpreter.events import Stage
from stormdoor_audit.auditor.interpreter.expressions.items import is_of_code
from stormdoor_audit.auditor.interpreter.pieces import is_of_names
from stormdoor_audit.auditor.interpreter.tables import (
    CHANGES,
    is_chosen,
    is_shared,
    key_named,
    named,
)
from stormdoor_audit.auditor.interpreter.values import (
    NONE,
    Const,
    Mapping,
    Nobody,
    Sequence,
    Unknown,
    Value,
    labels_of,
    text_of,
)
from stormdoor_audit.auditor.interpreter.which import WHICH, only_says_which
from stormdoor_audit.auditor.naming import lexicon

__all__ = ["Containers"]

_PUTS = frozenset({"add", "append", "appendleft"})
"""Methods that put one thing into a list or a set."""
_TAKES_IN = _PUTS | {"extend", "insert", "setdefault", "update"}
"""Methods that put something into a list, a set or a table."""


class Containers(Configured):
    """Methods of what holds other values."""

    def _container_method(
        self, receiver: Mapping | Sequence, name: str, args: list[Value], node: ast.AST
    ) -> Value:
        labels = labels_of(*args)
        text = f"{text_of(receiver)}.{name}"
        if "self" in labels and name in _TAKES_IN:
            self.record("join", node, text, values=tuple(args))
        elif name in CHANGES and is_shared(receiver) and any(map(is_chosen, args)):
            self.record("act", node, text, values=tuple(args))
        if isinstance(receiver, Sequence):
            return self._method_of_list(receiver, name, args, node)
        if name in {"get", "pop"} and args:
            return self._looked_up(receiver, name, args, node)
        if name in {"values", "items", "keys"}:
            return _contents(receiver, name)
        if name == "update":
            self._updated(receiver, args)
        if name == "setdefault" and args:
            self.put_into(receiver, args[0], args[-1])
        if name == "setdefault" and len(args) == 2:
            key = named(args[0])
            if isinstance(key, Const) and isinstance(key.value, str | int | bytes):
                return receiver.items.setdefault(key.value, args[1])
        by_name = name == "setdefault" and args and is_chosen(args[0])
        found = self.found_in(receiver) if by_name else NONE
        return Unknown(labels_of(receiver) | labels | found, f"{text}()")

    def _method_of_list(
        self, receiver: Sequence, name: str, args: list[Value], node: ast.AST
    ) -> Value:
        if name in _PUTS and args:
            self.put_into(receiver, args[0], args[0])
        if name in _PUTS and args and receiver.exact:
            receiver.items.append(args[0])
            return Const(None)
        if name == "remove" and self.mode == "anonymous" and self.opens(receiver, args[0]):
            return self.kept_for_anybody(receiver, args[0]) or self.lookup(
                node, f"{text_of(receiver)}.{name}", args[0]
            )
        receiver.exact = receiver.exact and name in {"index", "count", "copy"}
        return Unknown(labels_of(receiver, *args), f"{text_of(receiver)}.{name}()")

    def _looked_up(self, receiver: Mapping, name: str, args: list[Value], node: ast.AST) -> Value:
        """Return the value that a table holds under a key, for `get` and `pop`."""
        key = args[0]
        otherwise = args[1] if len(args) > 1 else Const(None)
        text = f"{text_of(receiver)}.{name}()"
        if isinstance(key, Const) and isinstance(key.value, str | int | bytes | None):
            if key.value in receiver.items:
                return receiver.items[key.value]
            if receiver.exact:
                return otherwise
            if name == "get" and lexicon.is_setting_chain([text_of(receiver).split(".")[-1]]):
                # `Registry.config().get("origins")`: the operator fills it.
                return self._setting_get(text_of(receiver), args, node)
        if key_named(key) in receiver.items:
            return receiver.items[key_named(key)]
        empty = receiver.exact and not receiver.items and not is_shared(receiver)
        if name == "get" and (
            self.is_not_listed(key, receiver)
            or (empty and self.mode == "anonymous" and self.is_proof(key))
        ):
            # What is noted of the connections, and nothing was noted of this one.
            self.check(node, text, presumed=True, remembered=True)
            return otherwise
        proof = (self.opens(receiver, key) or self._is_ticket(name, key)) and not (
            is_of_code(receiver) or is_of_names(receiver)
        )
        if self.mode == "anonymous" and proof:
            return self.kept_for_anybody(receiver, key) or self._absent(text, args, otherwise, node)
        if isinstance(key, Nobody):
            return Nobody(key.text, node, self.frame.module, presumed=key.presumed)
        entry = self.found_entry(receiver, key, node)
        if entry is not None:
            return entry
        whole = receiver.exact or is_of_code(receiver)
        if whole and "client" in labels_of(key):
            if receiver.items:
                return self.picked(receiver, key, node, otherwise)
            if self.is_empty_of_its_own(receiver, key):
                return otherwise
        if self.is_ticket_of(key, node):
            return Unknown((labels_of(receiver) - {"self"}) | {"principal", "proven"}, text)
        found = self.found_in(receiver) if "client" in labels_of(key) else NONE
        which = WHICH if only_says_which([key], receiver) else NONE
        return Unknown(labels_of(receiver, *args) | found | which, text)

    def _absent(self, text: str, args: list[Value], otherwise: Value, node: ast.AST) -> Value:
        """Return the result of a table's `get` or `pop` for an invalid credential."""
        if len(args) == 1 and text.endswith(".pop()"):
            return self.lookup(node, text.removesuffix("()"), args[0])
        if isinstance(otherwise, Const) and otherwise.value is None:
            return Nobody(text, node, self.frame.module, certain=True)
        self.check(node, text)
        return otherwise

    def _updated(self, table: Mapping, args: list[Value]) -> None:
        """`table.update(more)`: what is in both is known, if the other is."""
        more = args[0] if len(args) == 1 else None
        if isinstance(more, Mapping):
            table.items.update(more.items)
        table.exact = table.exact and isinstance(more, Mapping) and more.exact

    def _is_ticket(self, name: str, key: Value) -> bool:
        """Return True if the handshake removes an entry of a table by a key from the address.

        It is there for one connection, and its client was told where: `tickets.pop(ticket)`.
        """
        return (
            name == "pop"
            and self.stage in {Stage.PREPARE, Stage.GET, Stage.OPEN}
            and bool(labels_of(key) & {"query", "url", "header", "cookie"})
        )


def _contents(table: Mapping, name: str) -> Sequence:
    """Return the result of a table's `keys`, `values` or `items`."""
    items: list[Value]
    match name:
        case "items":
            items = [Sequence([_key(key), one], "tuple") for key, one in table.items.items()]
        case "values":
            items = list(table.items.values())
        case _:
            items = [_key(key) for key in table.items]
    return Sequence(items, "list", table.exact, text=table.text if name == "keys" else "")


def _key(key: object) -> Value:
    """A key of a table; one of which only its words are known may be a connection."""
    return Unknown(text=f"a key of {key[-1]}") if isinstance(key, tuple) else Const(key)
