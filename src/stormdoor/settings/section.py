"""The place in a configuration file that a part of the guard is built from.

All mistakes are collected, so that one check of a file finds them all.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from msgspec import UNSET, Struct

from stormdoor.errors import ConfigurationError
from stormdoor.settings.place import Place
from stormdoor.settings.secret import SecretMissing, SecretTable, reveal, reveal_bytes

__all__ = ["Problem", "Section", "close_match", "options"]

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Problem:
    """A mistake that prevents the use of a file.

    Attributes:
        place: Place in the file.
        message: The mistake, and the line to write.
        elsewhere: True if only a secret is missing on this machine, so that the file may be correct.
        unread: The place of a value that is unknown, because its name or type is wrong; else None.
    """

    place: Place
    message: str
    elsewhere: bool = False
    unread: Place | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """A place in a file, and the mistakes found in the file until now.

    Attributes:
        folder: The directory that relative files are relative to.
        place: The place; empty for the file as a whole.
        problems: The mistakes. Sections of one file share the list.
        session_cookie: Name of the session cookie in `[sessions]`, or None for the default.
    """

    folder: Path
    place: Place = ()
    problems: list[Problem] = field(default_factory=list)
    session_cookie: str | None = None

    def at(self, *parts: str | int) -> Section:
        """Return the section of an option, or of an element of a list (from 0), in this one."""
        return replace(self, place=(*self.place, *parts))

    @property
    def is_unread(self) -> bool:
        """True if a value in this section is unknown, so that nothing certain can be said about it."""
        return any(
            one.unread is not None and one.unread[: len(self.place)] == self.place
            for one in self.problems
        )

    def wrong(self, message: str) -> None:
        """Note a mistake here; the message says which line to write."""
        if not self.is_unread:
            self.problems.append(Problem(self.place, message))

    def attempt(self, make: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        """Return the result of `make`; None, after noting a mistake here, if it raises.

        Only `ConfigurationError` is a mistake of the file. Other exceptions pass through.
        """
        if self.is_unread:
            return None
        try:
            return make(*args, **kwargs)
        except ConfigurationError as error:
            self.refuse(error)
            return None

    def refuse(self, error: ConfigurationError) -> None:
        """Note the mistake of an error here."""
        if not self.is_unread:
            missing = isinstance(error, SecretMissing)
            self.problems.append(Problem(self.place, str(error), elsewhere=missing))

    def secret(self, secret: SecretTable | str) -> str | None:
        """Return a secret as text; None, after noting a mistake here, if it cannot be read."""
        return self.attempt(reveal, secret, base=self.folder)

    def secret_bytes(self, secret: SecretTable | str) -> bytes | None:
        """Return a secret as bytes, decoded by its `encoding`; None as for `secret`."""
        return self.attempt(reveal_bytes, secret, base=self.folder)

    def secrets(self, secrets: Iterable[SecretTable | str]) -> list[bytes] | None:
        """Return the secrets of a list; None, after noting the mistakes, if one cannot be read."""
        found = [self.at(position).secret_bytes(one) for position, one in enumerate(secrets)]
        return None if None in found else [one for one in found if one is not None]

    def false_is_none(self, found: dict[str, Any], *names: str) -> None:
        """Replace `false` by None in the named options of `found`, and in `types`: TOML has no null."""
        for name in names:
            if name in found:
                found[name] = self.at(name).attempt(_or_none, found[name])
        if "types" in found:
            found["types"] = [
                self.at("types", position).attempt(_or_none, one)
                for position, one in enumerate(found["types"])
            ]

    def make(self, made: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        """Return the result of `made`; None if this section or a part of it has mistakes already."""
        if any(one.place[: len(self.place)] == self.place for one in self.problems):
            return None
        return self.attempt(made, *args, **kwargs)


def _or_none(value: T | bool) -> T | None:  # noqa: FBT001 - a value of the file, not a switch
    if value is True:
        raise ConfigurationError("true says nothing here; write a value, or false for none")
    return None if isinstance(value, bool) else value


def options(table: Struct, *without: str) -> dict[str, Any]:
    """Return the written options of a table by name.

    Args:
        table: Part of a file. An option that is not written has the value `msgspec.UNSET`.
        without: Names to omit.
    """
    found: dict[str, Any] = {}
    for name in table.__struct_fields__:
        value = getattr(table, name)
        if value is UNSET or name in without:
            continue
        found[name] = value
    return found


def close_match(name: str, known: Iterable[str]) -> str:
    """Return `; did you mean "origins"?`, or nothing if no name is similar."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f'; did you mean "{near[0]}"?' if near else ""
