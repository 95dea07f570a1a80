"""A parsed configuration file: its content, and the mistakes in it with their places."""

from __future__ import annotations

import re
import stat
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, ParamSpec, TypeVar

import msgspec
from msgspec import Struct
from msgspec import inspect as shapes

from stormdoor.auth.kind import Kind
from stormdoor.auth.kinds import find_kind, kind_names
from stormdoor.config.shape import ConfigFile
from stormdoor.errors import ConfigurationError
from stormdoor.settings.place import Place, find_line, lines_of, parse_place, show_place
from stormdoor.settings.section import Problem, Section, close_match, options

__all__ = ["Document", "Listed", "read_document"]

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


class Listed(NamedTuple):
    """One table `[[authenticators]]` of a file.

    Attributes:
        place: Its place in the file.
        kind: Its kind.
        settings: Its options, of the type `kind.settings`.
    """

    place: Place
    kind: Kind[Any]
    settings: Struct


@dataclass(slots=True)
class Document:
    """One file.

    Attributes:
        path: Path of the file.
        parsed: Its content; empty if it has a wrong type or an unknown name.
        authenticators: The tables of `[[authenticators]]`, by their kinds.
        lines: The line of each place.
        problems: Mistakes found until now.
    """

    path: Path
    parsed: ConfigFile = field(default_factory=ConfigFile)
    authenticators: list[Listed] = field(default_factory=list)
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

    def section(self, *place: str | int) -> Section:
        """Return the section of a place, in which builders note mistakes."""
        cookie = self.parsed.sessions.cookie
        return Section(
            self.path.parent, place, self.problems, cookie if isinstance(cookie, str) else None
        )

    def wrong(self, place: Place, message: str) -> None:
        """Note a problem."""
        self.section(*place).wrong(message)

    def attempt(
        self, place: Place, make: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T | None:
        """Return the result of `make`; None, after noting a problem at `place`, if it raises."""
        return self.section(*place).attempt(make, *args, **kwargs)

    def walk(self) -> Iterator[tuple[Place, object]]:
        """Return every written option, with its place."""
        for place, value in _walk(self.parsed, ()):
            if place[0] != "authenticators":  # these have types of their own
                yield place, value
        for one in self.authenticators:
            yield from _walk(one.settings, one.place)

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
    listed = _listed(data)
    names = list(_unknown(data, shapes.type_info(ConfigFile), ()))
    for one in listed:
        names += _unknown_options(one)
    for place, name, known in names:
        shown = ", ".join(sorted(known)) or "none"
        hint = _meant(place, name) or close_match(name, known) or f"; there are: {shown}"
        document.wrong((*place, name), f"there is no option {name!r} here{hint}")
    if not document.problems:
        _convert(document, data, listed)
    return document


class _Raw(NamedTuple):
    """A table of `[[authenticators]]` before its types are known."""

    place: Place
    kind: Kind[Any] | None
    options: dict[str, Any]


def _listed(data: dict[str, Any]) -> list[_Raw]:
    """Return the tables of `[[authenticators]]`, each with its kind if that is known."""
    tables = data.get("authenticators")
    return [
        _Raw(
            ("authenticators", position),
            _known(table.get("kind")),
            {name: value for name, value in table.items() if name != "kind"},
        )
        for position, table in enumerate(tables if isinstance(tables, list) else ())
        if isinstance(table, dict)
    ]


def _known(name: object) -> Kind[Any] | None:
    """Return the kind of this name; None if it is unknown or broken, which is reported later."""
    try:
        return find_kind(name) if isinstance(name, str) else None
    except ConfigurationError:
        return None


def _unknown_options(table: _Raw) -> Iterator[Unknown]:
    if table.kind is not None:
        for place, name, known in _unknown(
            table.options, shapes.type_info(table.kind.settings), table.place
        ):
            yield place, name, known | {"kind"} if place == table.place else known


def _convert(document: Document, data: dict[str, Any], listed: Sequence[_Raw]) -> None:
    """Give the document its content, or note the first value of a wrong type."""
    try:
        parsed = msgspec.convert(data, ConfigFile)
    except msgspec.ValidationError as error:
        document.wrong(*_explained(str(error)))
        return
    found = []
    for one, written in zip(listed, parsed.authenticators, strict=True):
        kind = one.kind or _chosen(document, one.place, written)
        if kind is None:
            return
        try:
            settings = msgspec.convert(one.options, kind.settings)
        except msgspec.ValidationError as error:
            place, message = _explained(str(error))
            document.wrong((*one.place, *place), message)
            return
        found.append(Listed(one.place, kind, settings))
    document.parsed, document.authenticators = parsed, found


def _chosen(document: Document, place: Place, table: Mapping[str, object]) -> Kind[Any] | None:
    """Return the kind of a table; None, after noting the problem, if there is none."""
    name = table.get("kind")
    names = kind_names()
    listed = ", ".join(f'"{one}"' for one in names[:-1])
    write = f'write kind = {listed} or "{names[-1]}"'
    if name is None:
        document.wrong(place, f"the kind is missing; {write}")
        return None
    place = (*place, "kind")
    if not isinstance(name, str):
        document.wrong(place, f"the kind is a text; {write}")
        return None
    if name not in names:
        document.wrong(
            place, f"there is no kind {name!r}{close_match(name, names) or f'; {write}'}"
        )
        return None
    return document.attempt(place, find_kind, name)


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
    """Return a hint if `name` is an option of another table; else an empty text."""
    where = tuple(part for part in place if isinstance(part, str))
    return _MEANT.get((*where, name), "")


Unknown = tuple[Place, str, frozenset[str]]


def _unknown(data: Any, expected: shapes.Type, place: Place) -> Iterator[Unknown]:
    """Return every unknown name of a file, with the names that are known at its place."""
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
    """Return the place in an error message of msgspec, and the message in terms of TOML."""
    what, _, path = message.partition(" - at `$")
    place = parse_place(path.rstrip("`"))
    if match := _MISSING.fullmatch(what):
        return place, f"{match[1]} is missing; write {match[1]} = ..."
    if match := _INVALID.fullmatch(what):
        return place, f"{match[1]!r} is not one of the values that this may have"
    if what.startswith("Expected"):
        what = what.replace("`", "").replace(" | null", "").replace(" | ", " or ")
        what = re.sub(r"\w+", lambda word: _TYPE_NAMES.get(word[0], word[0]), what)
        what = what.replace(", got ", ", not ")
    return place, what[:1].lower() + what[1:]


def _walk(value: object, place: Place) -> Iterator[tuple[Place, object]]:
    if place:
        yield place, value
    match value:
        case Struct():
            for name, inner in options(value).items():
                yield from _walk(inner, (*place, name))
        case dict():
            for name, inner in value.items():
                yield from _walk(inner, (*place, name))
        case list():
            for position, inner in enumerate(value):
                yield from _walk(inner, (*place, position))
