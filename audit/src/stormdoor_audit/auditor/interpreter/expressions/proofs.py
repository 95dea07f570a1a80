"""Proofs of an admitted client by a log-in in a message: the name, and the entry under it."""

import ast
from collections.abc import Iterable

from stormdoor_audit.auditor.interpreter.expressions.names import Names
from stormdoor_audit.auditor.interpreter.tables import is_chosen
from stormdoor_audit.auditor.interpreter.values import (
    Labels,
    Mapping,
    Sequence,
    Unknown,
    Value,
    labels_of,
    text_of,
)

__all__ = ["Proofs", "mark_at"]

_SAID = frozenset({"client", "message", "query", "url", "header", "cookie", "somebody", "named"})
_MAX_NAMES = 16


def mark_at(node: ast.AST) -> str:
    """The label of what a call gives back."""
    return f"@{getattr(node, 'lineno', 0)}:{getattr(node, 'col_offset', 0)}"


class Proofs(Names):
    """Names that were said first and proven then."""

    def sought(self, node: ast.AST, given: Iterable[Value]) -> Labels:
        """Note under which names something is looked up; the mark of what is found.

        What is made of a message as a whole is the message, and was not found: `Message.parse(message)`.
        """
        mark = mark_at(node)
        names = {text_of(one) for one in _flat(given) if is_chosen(one) and text_of(one)}
        if names and all(one == "message" or one.endswith("(message)") for one in names):
            return frozenset()
        self.sought_by[mark] = self.sought_by.get(mark, set()) | names
        return frozenset({mark})

    def prove(self, given: Iterable[Value]) -> None:
        """The password fits: what was found for it is the client's own, and so is the name.

        What a later message says under the same key is another matter.
        """
        values = [*given]
        marks = {label for label in labels_of(*values) if label.startswith("@")}
        names = {text_of(one) for one in _flat(values) if is_chosen(one) and text_of(one)}
        for mark in marks:
            names |= self.sought_by.get(mark, set())
        self._now_proven(names, marks)

    def prove_signed(self) -> None:
        """The digest fits: what it was made of is true, and be it the part of a token that says who it is."""
        signed = self.signed()
        self.prove(signed)
        parts = {text_of(one) for one in signed if labels_of(one) >= {"client", "credential"}}
        self._now_proven(parts, set())

    def _now_proven(self, names: set[str], marks: set[str]) -> None:
        self.proven_names |= names
        held = [one for frame in self.frames for one in frame.env.names.values()]
        held += self.handler.attrs.values() if self.handler is not None else []
        for one in held:
            if isinstance(one, Unknown) and (
                one.labels & marks or ("client" in one.labels and one.text in names)
            ):
                one.labels = (one.labels - _SAID) | {"principal"}

    def signed(self) -> list[Value]:
        """Values that a digest with a secret was made of since the message arrived."""
        made: list[Value] = []
        for event in reversed(self.events):
            if event.kind == "message":
                break
            if event.kind == "call" and event.text.startswith(("hmac.", "hashlib.")):
                made += [
                    Unknown(one.labels, one.text.removesuffix(".encode()"))
                    for one in _flat(event.values)
                    if isinstance(one, Unknown)
                ]
        return made

    def as_proven(self, value: Unknown) -> Unknown:
        """The name, said once more in the message that proved it."""
        if value.text in self.proven_names and "credential" not in value.labels:
            return Unknown((value.labels - _SAID) | {"principal"}, value.text)
        return value


def _flat(values: Iterable[Value]) -> list[Value]:
    """The values, and what stands in lists and tables among them."""
    found: list[Value] = []
    for one in values:
        match one:
            case Sequence(items=items):
                found.extend(items[:_MAX_NAMES])
            case Mapping(items=entries):
                found.extend([*entries.values()][:_MAX_NAMES])
            case _:
                found.append(one)
    return found
