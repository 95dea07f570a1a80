"""A parsed configuration file: its content, and the mistakes in it with their places."""

from __future__ import annotations

import re
import stat
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, ParamSpec, TypeVar

from msgspec import Struct

from stormdoor.auth.kind import Kind
from stormdoor.auth.kinds import KINDS, find_kind, kind_names
from stormdoor.config.preset import Preset, override, read_preset
from stormdoor.config.shape import ConfigFile
from stormdoor.config.tolerant import convert, note_names, shape_of
from stormdoor.errors import ConfigurationError
from stormdoor.settings.place import Place, find_line, lines_of, show_place
from stormdoor.settings.section import Problem, Section, close_match, options

__all__ = ["Document", "Listed", "read_document"]

P = ParamSpec("P")
T = TypeVar("T")

_MAX_BYTES = 1024 * 1024


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
        parsed: Content of the file, without the parts that have a wrong name or type.
        authenticators: The tables of `[[authenticators]]` by kind, without such parts.
        lines: The line of each place.
        problems: Mistakes found until now.
        roles: The names of all roles, also of those that have mistakes.
        preset: The preset that the file overrides; None if it names none.
    """

    path: Path
    parsed: ConfigFile = field(default_factory=ConfigFile)
    authenticators: list[Listed] = field(default_factory=list)
    lines: Mapping[Place, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    roles: frozenset[str] = frozenset()
    preset: Preset | None = None

    def line(self, place: Place) -> int | None:
        """Return the line of `place`, or the nearest known one; that of `preset` if the preset sets it."""
        return find_line(dict(self.lines), ("preset",) if self.origin(place) else place)

    def origin(self, place: Place) -> str:
        """Return where the preset sets `place`, as the end of a message; empty if it does not."""
        line = None if self.preset is None else self.preset.line(place)
        if self.preset is None or line is None:
            return ""
        return (
            f" (line {line} of the preset {self.preset.name!r}; write it in the file to replace it)"
        )

    def where(self, place: Place) -> str:
        """Return a text such as `stormdoor.toml:41: policies.permit[2].when`."""
        line = self.line(place)
        parts = [f"{self.path}:{line}" if line else str(self.path), show_place(place)]
        return ": ".join(filter(None, parts))

    def section(self, *place: str | int) -> Section:
        """Return the section of a place, in which builders note mistakes."""
        cookie = self.parsed.sessions.cookie
        return Section(
            self.path.parent,
            place,
            self.problems,
            cookie if isinstance(cookie, str) else None,
        )

    def cannot_read(self, place: Place, message: str, unread: Place | None = None) -> None:
        """Note that a name or a type is wrong.

        Args:
            place: Its place.
            message: The mistake, and the line to write.
            unread: The place of the value that is unknown, if it is another one.
        """
        self.problems.append(Problem(place, message, unread=unread or place))

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
            ordered = sorted(
                self.problems, key=lambda one: (self.line(one.place) or 0, show_place(one.place))
            )
            raise ConfigurationError(
                "\n".join(
                    f"{self.where(one.place)}: {one.message}{self.origin(one.place)}"
                    for one in ordered
                )
            ) from None


def read_document(path: Path, *, preset: str | None = None) -> Document:
    """Read a file and note its mistakes of names and types.

    Args:
        path: The file.
        preset: Name of the preset for a file that names none.

    Raises:
        ConfigurationError: It cannot be read, all users of the machine may change it, or it is not TOML.
    """
    text = _text(path)
    try:
        data = tomllib.loads(text)
        lines = lines_of(text)
    except tomllib.TOMLDecodeError as error:
        # `from None`, and only the message: later Pythons keep the whole text in the error.
        raise ConfigurationError(_syntax(path, str(error))) from None
    except RecursionError:
        raise ConfigurationError(f"{path}: its lists or tables nest too deep") from None
    document = Document(path, lines=lines)
    data = _over_preset(document, data, preset)
    document.roles = _roles(data)
    listed = list(_listed(document, data))
    note_names(data, shape_of(ConfigFile), (), document.cannot_read)
    document.parsed = convert(data, ConfigFile, (), document.cannot_read) or (ConfigFile())
    for place, table in listed:
        kind = _chosen(document, place, table)
        if kind is None:
            continue
        written = {name: value for name, value in table.items() if name != "kind"}
        note_names(
            written,
            shape_of(kind.settings),
            place,
            document.cannot_read,
            also=frozenset({"kind"}),
        )
        settings = convert(written, kind.settings, place, document.cannot_read)
        if settings is not None:
            document.authenticators.append(Listed(place, kind, settings))
    return document


def _over_preset(document: Document, data: dict[str, Any], preset: str | None) -> dict[str, Any]:
    """Return the content of the file together with that of its preset."""
    name = data.get("preset", preset)
    if isinstance(name, str):
        document.preset = document.attempt(("preset",), read_preset, name)
    return data if document.preset is None else override(data, document.preset)


def _roles(data: Mapping[str, Any]) -> frozenset[str]:
    """Return the names of all roles in a file, also of those that have mistakes."""
    policies = data.get("policies")
    roles = policies.get("role") if isinstance(policies, dict) else None
    named = [one.get("name") for one in roles or () if isinstance(one, dict)]
    return frozenset(name for name in named if isinstance(name, str))


def _listed(document: Document, data: dict[str, Any]) -> Iterator[tuple[Place, dict[str, Any]]]:
    """Take the tables of `[[authenticators]]` out of the file, with their places."""
    tables = data.get("authenticators")
    if not isinstance(tables, list):
        return
    del data["authenticators"]
    for position, table in enumerate(tables):
        if isinstance(table, dict):
            yield ("authenticators", position), table
        else:
            document.cannot_read(("authenticators", position), "expected a table")


def _chosen(document: Document, place: Place, table: Mapping[str, object]) -> Kind[Any] | None:
    """Return the kind of a table; None, after noting the problem, if there is none."""
    name = table.get("kind")
    if isinstance(name, str) and name in KINDS:
        return KINDS[name]
    names = kind_names()  # reads the files of all installed distributions
    listed = ", ".join(f'"{one}"' for one in names[:-1])
    write = f'write kind = {listed} or "{names[-1]}"'
    if name is None:
        document.cannot_read(place, f"the kind is missing; {write}")
        return None
    place = (*place, "kind")
    if not isinstance(name, str):
        document.cannot_read(place, f"the kind is a text; {write}")
        return None
    if name not in names:
        document.cannot_read(
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
        older = path.with_name("door.toml")  # the name of the file in older documents
        hint = f"; rename {older} to {path.name}" if not path.exists() and older.exists() else ""
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}{hint}") from None
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
