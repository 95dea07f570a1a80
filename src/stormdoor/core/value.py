"""Frozen dataclasses that are created as fast as tuples.

A frozen dataclass sets each of its fields by a separate call of `object.__setattr__`. A handshake creates
half a dozen values of up to eighteen fields: together that cost more than all of its checks. A struct of
`msgspec` is created in one step. For callers, `dataclasses.replace` and type checkers it is the declared
dataclass.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, Field, FrozenInstanceError, fields
from typing import Any, NoReturn, TypeVar

import msgspec

__all__ = ["value"]

T = TypeVar("T")


def value(cls: type[T]) -> type[T]:
    """Convert a frozen dataclass with slots, and without a base class, into a struct of the same fields.

    Comparison, hash and repr follow the dataclass: a field with `repr=False` is in no text.
    """
    declared: tuple[Field[Any], ...] = fields(cls)  # type: ignore[arg-type]
    shown = tuple(one.name for one in declared if one.repr)

    def rich_repr(self: object) -> Iterator[tuple[str, object]]:
        return ((name, getattr(self, name)) for name in shown)

    anew = {
        "__init__",
        "__slots__",
        "__annotations__",
        "__match_args__",
        "__getstate__",
        "__setstate__",
    }
    anew.update(one.name for one in declared)
    kept = {name: what for name, what in vars(cls).items() if name not in anew}
    made: Any = msgspec.defstruct(
        cls.__name__,
        [(one.name, one.type, _default(one)) for one in declared],
        namespace={
            **kept,
            "__rich_repr__": rich_repr,
        },
        module=cls.__module__,
        frozen=True,
        kw_only=all(one.kw_only for one in declared),
    )
    made.__setattr__ = made.__delattr__ = _refuse  # as in a dataclass
    return made  # type: ignore[no-any-return]


def _refuse(_self: object, name: str, _to: object = None) -> NoReturn:
    raise FrozenInstanceError(f"cannot change field {name!r}")


def _default(one: Field[Any]) -> Any:
    if one.default_factory is not MISSING:
        return msgspec.field(default_factory=one.default_factory)
    return msgspec.NODEFAULT if one.default is MISSING else msgspec.field(default=one.default)
