"""Objects with attributes named by a message: `self.__dict__.update(message)`, `setattr(self, name, 1)`."""

import ast

from stormdoor_audit.auditor.interpreter.calls.enumerations import Enumerations
from stormdoor_audit.auditor.interpreter.values import (
    REST,
    Const,
    Instance,
    Mapping,
    Nobody,
    Setting,
    Unknown,
    Value,
    labels_of,
    text_of,
)

__all__ = ["Filled"]


class Filled(Enumerations):
    """Attributes that the client writes into an object, under any name."""

    def filled_with(
        self, holder: Instance, args: list[Value], words: dict[str, Value], node: ast.AST
    ) -> Value:
        """`holder.__dict__.update(args, **words)`."""
        for given in [*args, *(words[name] for name in words if name == REST)]:
            if isinstance(given, Mapping):
                for name, value in given.items.items():
                    self.store(holder, str(name), value, node)
            else:
                self.fill(holder, given)
        for name, value in words.items():
            if name != REST:
                self.store(holder, name, value, node)
        return Const(None)

    def fill(self, holder: Instance, *given: Value) -> None:
        """The client gives attributes their values, and may name any: also one that has another."""
        labels = labels_of(*given)
        if holder.handler or "client" not in labels:
            return
        holder.labels |= labels - {"self"}
        for name, held in holder.attrs.items():
            if isinstance(held, Const | Nobody | Setting | Unknown):
                holder.attrs[name] = self.written_by_client(holder, name)

    def is_made_of_it(self, holder: Value) -> bool:
        """Return True if the object holds the client's data and is no part of the program."""
        attributes = self.handler.attrs if self.handler is not None else {}
        return (
            isinstance(holder, Instance)
            and not (holder.shared or holder.handler)
            and not any(held is holder for held in attributes.values())
        )

    def written_by_client(self, holder: Instance, name: str) -> Value:
        """Return the value that the client wrote under a name into an object that it fills."""
        text = f"{text_of(holder)}.{name}"
        return self.client_field(Unknown(holder.labels, text_of(holder), part=holder), name, text)

    def whose_attributes(self, node: ast.AST) -> Instance | None:
        """The object in `holder.__dict__.update`, `vars(holder).update`, if it is no connection."""
        match node:
            case ast.Attribute(
                value=ast.Attribute(value=inner, attr="__dict__")
                | ast.Call(func=ast.Name(id="vars"), args=[inner])
            ):
                holder = self.evaluate(inner)
                return holder if isinstance(holder, Instance) and not holder.handler else None
            case _:
                return None
