"""A parsed configuration file: its content, and its mistakes with their places.

All mistakes are collected, so that an operator need not check a file ten times.
"""

from __future__ import annotations

import difflib
import re
import stat
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import msgspec
from msgspec import inspect as shapes

from stormdoor.config.place import Place, find_line, lines_of, parse_place, show_place
from stormdoor.config.secret import SecretMissing
from stormdoor.config.shape import ConfigFile
from stormdoor.errors import ConfigurationError

__all__ = ["Document", "Problem", "close_match", "read_document"]

P = ParamSpec("P")
T = TypeVar("T")

_MAX_BYTES = 1024 * 1024
_MISSING = re.compile(r"Object missing required field `(\w+)`")
_INVALID = re.compile(r"Invalid (?:enum )?value '(.*)'")
_TYPE_NAMES = {
    "object": "a table",
    "array": "a list",
    "str": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
}
_NAMES = (
    "session",
    "ticket",
    "api-key",
    "jwt",
    "oauth",
    "signed-request",
    "certificate",
    "proxy",
)
_KINDS = f'kind = {", ".join(f"{chr(34)}{one}{chr(34)}" for one in _NAMES[:-1])} or "{_NAMES[-1]}"'

_MEANT: dict[tuple[str, ...], str] = {
    ("policies", "permit", "unless"): (
        '; in a permit write require = { fresh = "5min" }: it permits only who has proved enough'
    ),
    ("policies", "forbid", "require"): (
        '; in a forbid write unless = { fresh = "5min" }: it refuses only who has not proved enough'
    ),
    ("policies", "forbid", "across_tenants"): "; leave it out: a forbid reaches every tenant",
    **{
        ("policies", kind, option, "max_age"): '; write fresh = "5min"'
        for kind, option in (("permit", "require"), ("forbid", "unless"))
    },
}


def close_match(name: str, known: Iterable[str]) -> str:
    """Return `; did you mean "origins"?`, or nothing if no name is similar."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f'; did you mean "{near[0]}"?' if near else ""


@dataclass(frozen=True, slots=True)
class Problem:
    """A mistake that prevents the use of a file.

    Attributes:
        place: Place in the file.
        message: The mistake, and the line to write.
        elsewhere: True if the file may be correct, and a secret is missing on this machine.
    """

    place: Place
    message: str
    elsewhere: bool = False


@dataclass(slots=True)
class Document:
    """One file.

    Attributes:
        path: Path of the file.
        parsed: Its content; empty if it has a wrong type or an unknown name.
        lines: The line of each place.
        problems: Mistakes found until now.
    """

    path: Path
    parsed: ConfigFile = field(default_factory=ConfigFile)
    lines: Mapping[Place, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def line(self, place: Place) -> int | None:
        """Return the line of `place`, or the nearest known one."""
        return find_line(dict(self.lines), place)

    def where(self, place: Place) -> str:
        """Return a text such as `door.toml:41: policies.permit[2].when`."""
        line = self.line(place)
        parts = [f"{self.path}:{line}" if line else str(self.path), show_place(place)]
        return ": ".join(filter(None, parts))

    def wrong(self, place: Place, message: str) -> None:
        """Note a problem."""
        self.problems.append(Problem(place, message))

    def attempt(
        self, place: Place, make: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T | None:
        """Return the result of `make`; None, after noting a problem at `place`, if it raises."""
        try:
            return make(*args, **kwargs)
        except ConfigurationError as error:
            missing = isinstance(error, SecretMissing)
            self.problems.append(Problem(place, str(error), elsewhere=missing))
            return None

    def raise_problems(self) -> None:
        """Raise an error if there are problems.

        Raises:
            ConfigurationError: All problems, one a line.
        """
        if self.problems:
            # No message contains a secret; the original exceptions might.
            ordered = sorted(self.problems, key=lambda one: self.line(one.place) or 0)
            raise ConfigurationError(
                "\n".join(f"{self.where(one.place)}: {one.message}" for one in ordered)
            ) from None


def read_document(path: Path) -> Document:
    """Read a file and validate its names and types.

    Raises:
        ConfigurationError: It cannot be read, all users of the machine may change it, or it is not TOML.
    """
    text = _text(path)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        # `from None`, and only the message: later Pythons keep the whole text in the error.
        raise ConfigurationError(_syntax(path, str(error))) from None
    document = Document(path, lines=lines_of(text))
    for place, name, known in _unknown(data, shapes.type_info(ConfigFile), ()):
        shown = ", ".join(sorted(known)) or "none"
        hint = _meant(place, name) or close_match(name, known) or f"; there are: {shown}"
        document.wrong((*place, name), f"there is no option {name!r} here{hint}")
    if document.problems:
        return document
    try:
        document.parsed = msgspec.convert(data, ConfigFile)
    except msgspec.ValidationError as error:
        document.wrong(*_explained(str(error)))
    return document


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            found = stat.S_IMODE(path.stat().st_mode)
            data = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from None
    if found & stat.S_IWOTH:
        raise ConfigurationError(
            f"{path}: all users of the machine may change it; run: chmod o-w {path}"
        )
    if len(data) > _MAX_BYTES:
        raise ConfigurationError(f"{path}: is longer than {_MAX_BYTES} bytes")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path}: is not UTF-8, as TOML must be") from None


def _syntax(path: Path, message: str) -> str:
    match = re.fullmatch(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", message)
    if match is None:
        return f"{path}: is not TOML: {message}"
    place = f":{match[2]}:{match[3]}" if match[2] else ""
    return f"{path}{place}: is not TOML: {match[1]}"


def _meant(place: Place, name: str) -> str:
    """Return a hint for a name with a meaning at another place; nothing for any other."""
    where = tuple(part for part in place if isinstance(part, str))
    return _MEANT.get((*where, name), "")


Unknown = tuple[Place, str, frozenset[str]]


def _unknown(data: Any, expected: shapes.Type, place: Place) -> Iterator[Unknown]:
    """Return every unknown name, with the known names at its place."""
    match expected:
        case shapes.StructType() if isinstance(data, dict):
            fields = {one.encode_name: one.type for one in expected.fields}
            known = frozenset(fields) | ({expected.tag_field} if expected.tag_field else set())
            for name, value in data.items():
                if name not in known:
                    yield place, name, known
                elif name in fields:
                    yield from _unknown(value, fields[name], (*place, name))
        case shapes.ListType() if isinstance(data, list):
            for position, value in enumerate(data):
                yield from _unknown(value, expected.item_type, (*place, position))
        case shapes.UnionType():
            for one in expected.types:
                if not isinstance(one, shapes.StructType) or _tagged(data, one):
                    yield from _unknown(data, one, place)


def _tagged(data: Any, expected: shapes.StructType) -> bool:
    return expected.tag is None or (
        isinstance(data, dict) and data.get(expected.tag_field) == expected.tag
    )


def _explained(message: str) -> tuple[Place, str]:
    """Return the place in a message of msgspec, and the rest in terms of a TOML file."""
    what, _, path = message.partition(" - at `$")
    place = parse_place(path.rstrip("`"))
    if match := _MISSING.fullmatch(what):
        if match[1] == "kind":
            return place, f"the kind is missing; write {_KINDS}"
        return place, f"{match[1]} is missing; write {match[1]} = ..."
    if match := _INVALID.fullmatch(what):
        if place[-1:] == ("kind",):
            return place, _no_kind(match[1])
        return place, f"{match[1]!r} is not one of the values that this may have"
    if what.startswith("Expected"):
        what = what.replace("`", "").replace(" | null", "").replace(" | ", " or ")
        what = re.sub(r"\w+", lambda word: _TYPE_NAMES.get(word[0], word[0]), what)
        what = what.replace(", got ", ", not ")
    return place, what[:1].lower() + what[1:]


def _no_kind(kind: str) -> str:
    if kind == "signed-cookie":
        return (
            "a file cannot configure Tornado's signed cookie: the application has its secret; write "
            "in Python Guard.from_config(path, authenticators=[SignedCookieAuthenticator(...)])"
        )
    hint = close_match(kind, _NAMES)
    return f"there is no kind {kind!r}{hint or f'; write {_KINDS}'}"
