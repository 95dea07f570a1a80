"""Conditions of policies: a Python function, or one line of text from a configuration file.

The text form is one comparison::

    resource.id in principal.moderates
    environment.authentication_age <= 900
    environment.address within "10.0.0.0/8"
    principal.department == "support"

The left side is a path, the operator one of ``== != < <= > >= in "not in" within``, the right side a path
or a JSON literal. A condition that cannot be evaluated (a missing attribute, a comparison of a text with a
number, two attributes that are both null) raises, and a condition that raises denies.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv4Network, IPv6Network
from typing import Any

import msgspec

from stormdoor.core.address import Network, parse_address, parse_networks
from stormdoor.core.decision import AccessRequest, Environment, Resource
from stormdoor.core.principal import Principal
from stormdoor.errors import ConfigurationError, PolicyError

__all__ = ["Condition", "parse_condition"]

Condition = Callable[[AccessRequest], bool]
"""Returns True or False. Any other result, and any exception, denies."""

_MAX_LENGTH = 512
_PATH = r"(?:principal|resource|environment)(?:\.[A-Za-z_][A-Za-z0-9_]{0,63})"
_LINE = re.compile(
    rf"\s*({_PATH})\s*(==|!=|<=|>=|<|>|\bnot\s+in\b|\bin\b|\bwithin\b)\s*(\S.*?)\s*", re.ASCII
)
_ONLY_PATH = re.compile(_PATH, re.ASCII)


# Seconds by which the clocks of two machines may differ. An authentication from further ahead is not fresh:
# a clock is wrong.
_SKEW = 120.0


def _fits(left: object, right: object) -> bool:
    """Return whether two values can be compared: they have one type. True and NaN do not count as numbers."""
    if isinstance(left, bool) or isinstance(right, bool):
        return isinstance(left, bool) and isinstance(right, bool)
    if isinstance(left, int | float):
        return isinstance(right, int | float) and left == left and right == right  # noqa: PLR0124
    return left is None or right is None or type(left) is type(right)


def _comparable(left: object, right: object) -> None:
    if not _fits(left, right):
        raise TypeError(f"cannot compare {type(left).__name__} with {type(right).__name__}")


def _equal(left: object, right: object) -> bool:
    _comparable(left, right)
    return left == right


def _unequal(left: object, right: object) -> bool:
    return not _equal(left, right)


def _ordered(compare: Callable[[Any, Any], object]) -> Callable[[object, object], bool]:
    def ordered(left: object, right: object) -> bool:
        _comparable(left, right)
        return bool(compare(left, right))

    return ordered


def _contained(left: object, right: object) -> bool:
    # A text on the right would make this a search for a part of a word: "a" in "admin".
    if not isinstance(right, (list, tuple, set, frozenset)):
        raise TypeError(f"the right side of 'in' must be a list, not {type(right).__name__}")
    if left in right and not isinstance(left, int | float):
        return True
    fitting = [one for one in right if _fits(left, one)]
    if right and not fitting:
        raise TypeError(f"no member of the list can be compared with {type(left).__name__}")
    return any(left == one for one in fitting)


def _not_contained(left: object, right: object) -> bool:
    return not _contained(left, right)


def _networks(value: object) -> tuple[Network, ...]:
    several = [value] if isinstance(value, str) else value
    if not isinstance(several, (list, tuple)):
        raise TypeError("the right side of 'within' must be a network or a list of networks")
    return tuple(
        one if isinstance(one, IPv4Network | IPv6Network) else parse_networks([one])[0]
        for one in several
    )


def _within(left: object, right: object) -> bool:
    address = parse_address(left) if isinstance(left, str) else None
    if address is None:
        raise TypeError("the left side of 'within' must be an address")
    return any(address in network for network in _networks(right))


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
    if name == "authentication_age" and environment.authentication_age < -_SKEW:
        raise ValueError("the principal proved itself in the future: a clock is wrong")
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
        left, right = self.left.value(request), self.right.value(request)
        if left is None and right is None and isinstance(self.right, _Path):
            # A principal without a team is not in the team of a document without one.
            raise LookupError("both sides are null")
        return self.compare(left, right)

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
    symbol = " ".join(symbol.split())
    if _ONLY_PATH.fullmatch(right):
        operand: _Path | _Literal = _path(right)
    else:
        operand = _literal(right, symbol, text[:80])
    return _Comparison(f"{left} {symbol} {right}", _path(left), _OPERATORS[symbol], operand)


def _literal(right: str, symbol: str, shown: str) -> _Literal:
    try:
        value: object = msgspec.json.decode(right)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        raise PolicyError(
            f"the right side of {shown!r} is neither a path such as principal.id nor a "
            'literal such as "text", 5, true or ["a", "b"]'
        ) from None
    if symbol in ("in", "not in") and not isinstance(value, list):
        raise PolicyError(f'the right side of {shown!r} must be a list; write ["a", "b"]')
    if symbol == "within":
        try:
            return _Literal(_networks(value))
        except (TypeError, ConfigurationError) as error:
            raise PolicyError(f"{shown!r}: {error}") from None
    return _Literal(value)
