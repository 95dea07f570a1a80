"""Conditions of policies: a Python function, or one line of text from a configuration file.

The text form is a comparison, so small that it can be read aloud::

    resource.id in principal.moderates
    environment.authentication_age <= 900
    environment.address within "10.0.0.0/8"
    principal.department == "support"

The left side is a path, the operator one of ``== != < <= > >= in "not in" within``, the right side a
path or a JSON literal. Anything that cannot be answered (a missing attribute, a comparison of a text
with a number) raises, and a condition that raises denies.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network

import msgspec

from stormdoor.core.decision import AccessRequest, Environment, Resource
from stormdoor.core.principal import Principal
from stormdoor.errors import PolicyError

__all__ = ["Condition", "parse_condition"]

Condition = Callable[[AccessRequest], bool]
"""Answers True or False. Any other answer, and any exception, denies."""

_MAX_LENGTH = 512
_PATH = r"(?:principal|resource|environment)(?:\.[A-Za-z_][A-Za-z0-9_]{0,63})"
_LINE = re.compile(
    rf"\s*({_PATH})\s*(==|!=|<=|>=|<|>|\bnot\s+in\b|\bin\b|\bwithin\b)\s*(\S.*?)\s*", re.ASCII
)
_ONLY_PATH = re.compile(_PATH, re.ASCII)


def _comparable(left: object, right: object) -> None:
    numbers = (int, float)
    if isinstance(left, bool) or isinstance(right, bool):
        fits = isinstance(left, bool) and isinstance(right, bool)
    elif isinstance(left, numbers):
        fits = isinstance(right, numbers)
    else:
        fits = left is None or right is None or type(left) is type(right)
    if not fits:
        raise TypeError(f"cannot compare {type(left).__name__} with {type(right).__name__}")


def _equal(left: object, right: object) -> bool:
    _comparable(left, right)
    return left == right


def _unequal(left: object, right: object) -> bool:
    return not _equal(left, right)


def _ordered(compare: Callable[[object, object], object]) -> Callable[[object, object], bool]:
    def ordered(left: object, right: object) -> bool:
        _comparable(left, right)
        return bool(compare(left, right))

    return ordered


def _contained(left: object, right: object) -> bool:
    # A text on the right would make this a search for a part of a word: "a" in "admin".
    if not isinstance(right, (list, tuple, set, frozenset)):
        raise TypeError(f"the right side of 'in' must be a list, not {type(right).__name__}")
    return left in right


def _not_contained(left: object, right: object) -> bool:
    return not _contained(left, right)


def _within(left: object, right: object) -> bool:
    networks = [right] if isinstance(right, str) else right
    if not isinstance(left, str) or not isinstance(networks, (list, tuple)):
        raise TypeError("'within' needs an address on the left, a network or a list of them on the right")
    address = ip_address(left)
    return any(address in ip_network(str(network)) for network in networks)


_OPERATORS: dict[str, Callable[[object, object], bool]] = {
    "==": _equal,
    "!=": _unequal,
    "<": _ordered(operator.lt),
    "<=": _ordered(operator.le),
    ">": _ordered(operator.gt),
    ">=": _ordered(operator.ge),
    "in": _contained,
    "not in": _not_contained,
    "within": _within,
}


def _attribute(owner: Principal | Resource, name: str, fields: tuple[str, ...]) -> object:
    if name in fields:
        return getattr(owner, name)
    attributes: Mapping[str, object] = owner.attributes
    return attributes[name]


def _environment(environment: Environment, name: str) -> object:
    if name in ("hour", "weekday"):
        moment = datetime.fromtimestamp(environment.now, UTC)
        return moment.hour if name == "hour" else moment.isoweekday()
    return getattr(environment, name)


@dataclass(frozen=True, slots=True)
class _Path:
    root: str
    name: str

    def value(self, request: AccessRequest) -> object:
        if self.root == "principal":
            return _attribute(request.principal, self.name, ("id", "roles", "tenant"))
        if self.root == "environment":
            return _environment(request.environment, self.name)
        if request.resource is None:
            raise LookupError("the action names no resource")
        return _attribute(request.resource, self.name, ("type", "id", "tenant"))


@dataclass(frozen=True, slots=True)
class _Literal:
    literal: object

    def value(self, request: AccessRequest) -> object:
        return self.literal


@dataclass(frozen=True, slots=True)
class _Comparison:
    text: str
    left: _Path
    compare: Callable[[object, object], bool]
    right: _Path | _Literal

    def __call__(self, request: AccessRequest) -> bool:
        return self.compare(self.left.value(request), self.right.value(request))

    def __repr__(self) -> str:
        return self.text


def _path(text: str) -> _Path:
    root, _, name = text.partition(".")
    if root == "environment" and name not in (*Environment.__dataclass_fields__, "hour", "weekday"):
        known = ", ".join(sorted([*Environment.__dataclass_fields__, "hour", "weekday"]))
        raise PolicyError(f"environment has no {name!r}; it has {known}")
    return _Path(root, name)


def parse_condition(text: str) -> Condition:
    """Read one condition from `text`.

    Raises:
        PolicyError: `text` is not a comparison of the form above.
    """
    match = _LINE.fullmatch(text) if len(text) <= _MAX_LENGTH else None
    if match is None:
        raise PolicyError(
            f"{text[:80]!r} is not a condition; write for example "
            '"resource.id in principal.moderates" or "environment.strength >= 2"'
        )
    left, symbol, right = match.groups()
    operand: _Path | _Literal
    if _ONLY_PATH.fullmatch(right):
        operand = _path(right)
    else:
        try:
            operand = _Literal(msgspec.json.decode(right))
        except (msgspec.DecodeError, RecursionError):
            raise PolicyError(
                f"the right side of {text[:80]!r} is neither a path such as principal.id nor a "
                'literal such as "text", 5, true or ["a", "b"]'
            ) from None
    compare = _OPERATORS[" ".join(symbol.split())]
    return _Comparison(" ".join(text.split()), _path(left), compare, operand)
