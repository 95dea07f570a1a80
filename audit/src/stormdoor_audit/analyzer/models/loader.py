"""Reads models of libraries: TOML tables without expressions, one file for each library."""

import tomllib
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

__all__ = ["Model", "Models", "load_models"]


@dataclass(frozen=True, slots=True)
class Model:
    """The behaviour of one function, method or attribute of a library.

    Args:
        name: Dotted name.
        action: Name of an action of the engine.
        attribute: Whether reading the name gives the result, without a call.
        origin: Provenance of the result.
        kind: Dotted name of the class of the result.
        truth: `true`, `false` or "" of the result.
        at: Position of the argument that the action is about.
        named: Keyword of that argument.
        key: Position of the argument with the key of a verification.
        default: Position of the argument with the default, or -1.
        value: Constant result.
        native: Name of the function of `engine.natives` that computes the result of constants.
        by: Member of the object that the action asks.
        kept: Attribute that keeps the result of `by`.
        error: Dotted name of the exception of a failed verification.
    """

    name: str
    action: str
    attribute: bool = False
    origin: str = "server"
    kind: str = ""
    truth: str = ""
    at: int = 0
    named: str = ""
    key: int = -1
    default: int = -1
    value: Any = None
    native: str = ""
    by: str = ""
    kept: str = ""
    error: str = "Exception"


@dataclass(slots=True)
class Models:
    """All models.

    Args:
        members: Models by dotted name.
        orders: Bases of classes of libraries in the order of resolution.
    """

    members: dict[str, Model] = field(default_factory=dict)
    orders: dict[str, list[str]] = field(default_factory=dict)

    def member(self, owner: str, name: str) -> Model | None:
        """Return the model of a member of a class of a library, its own or an inherited one."""
        for one in (owner, *self.orders.get(owner, ())):
            found = self.members.get(f"{one}.{name}")
            if found is not None:
                return found
        return None

    def add(self, document: dict[str, Any]) -> None:
        """Add the tables of one file: `[bases]` and `[members."dotted.name"]`."""
        self.orders.update(document.get("bases", {}))
        aliases = document.get("aliases", {})
        for name, fields in document.get("members", {}).items():
            self.members[name] = Model(name, **fields)
        for name, other in aliases.items():
            self.members[name] = self.members[other]


def load_models() -> Models:
    """Return the models that ship with the scanner."""
    models = Models()
    folder = files(__package__)
    for one in sorted(folder.iterdir(), key=lambda one: one.name):
        if one.name.endswith(".toml"):
            models.add(tomllib.loads(one.read_text(encoding="utf-8")))
    return models
