"""Tables of a TOML file, taken apart: what is misspelt or of the wrong kind is an error that names it."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stormdoor_audit.prober.document import BadDocument, read_text, read_toml

__all__ = ["Table", "given", "open_table"]


def given(text: str, base: Path | None = None, kept: set[str] | None = None) -> str:
    """Return a secret as it is, from a file (`@FILE`), or from the environment (`env:NAME`).

    Args:
        text: As it was written.
        base: What the file is relative to.
        kept: Gets what comes from a file or the environment: no report may show it.

    Raises:
        BadDocument: It is not there.
    """
    if text.startswith("@"):
        found = read_text((base or Path()) / text[1:], 1024 * 1024).strip()
    elif text.startswith("env:"):
        if text[4:] not in os.environ:
            raise BadDocument(f"the environment has no {text[4:]}")
        found = os.environ[text[4:]]
    else:
        return text
    if kept is not None:
        kept.add(found)
    return found


@dataclass(slots=True)
class Table:
    """A table, and which of its keys were looked at.

    Args:
        name: What errors call it.
        values: What is in it.
        base: Directory of the file: what `@FILE` is relative to.
        kept: What came from a file or the environment, here and in the tables within.
    """

    name: str
    values: dict[str, Any]
    base: Path
    kept: set[str] = field(default_factory=set)
    _asked: set[str] = field(default_factory=set)

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def _take(self, key: str, kind: type | tuple[type, ...], what: str, default: Any) -> Any:
        self._asked.add(key)
        value = self.values.get(key, default)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is int):
            raise BadDocument(f"{self.name}: `{key}` is {what}")
        return value

    def text(self, key: str, *, secret: bool = False) -> str:
        """A text; "" where there is none."""
        value = str(self._take(key, str, "a text", ""))
        return given(value, self.base, self.kept) if secret else value

    def flag(self, key: str) -> bool:
        """True or false."""
        return bool(self._take(key, bool, "true or false", default=False))

    def number(self, key: str) -> int:
        """A number; 0 where there is none."""
        return int(self._take(key, int, "a number", 0))

    def real(self, key: str) -> float:
        """A number with or without a fraction; 0 where there is none."""
        value = self._take(key, (int, float), "a number", 0)
        if isinstance(value, bool):
            raise BadDocument(f"{self.name}: `{key}` is a number")
        return float(value)

    def texts(self, key: str, *, secret: bool = False) -> tuple[str, ...]:
        """A list of texts; one text is a list of one."""
        value = self._take(key, (str, list), "a list of texts", [])
        found = [value] if isinstance(value, str) else value
        if not all(isinstance(one, str) for one in found):
            raise BadDocument(f"{self.name}: `{key}` is a list of texts")
        return tuple(given(one, self.base, self.kept) if secret else one for one in found)

    def pairs(self, key: str, *, secret: bool = False) -> tuple[tuple[str, str], ...]:
        """A table of texts."""
        value = self._take(key, dict, "a table", {})
        if not all(isinstance(one, str) for one in value.values()):
            raise BadDocument(f"{self.name}: what stands in `{key}` are texts")
        return tuple((k, given(v, self.base, self.kept) if secret else v) for k, v in value.items())

    def table(self, key: str) -> Table:
        """A table in it; an empty one where there is none."""
        value = self._take(key, dict, "a table", {})
        return Table(f"{self.name}, {key}", value, self.base, self.kept)

    def tables(self, key: str) -> list[Table]:
        """A list of tables."""
        value = self._take(key, list, f"written [[{key}]]", [])
        if not all(isinstance(one, dict) for one in value):
            raise BadDocument(f"{self.name}: `{key}` is written [[{key}]]")
        return [
            Table(f"{self.name}, {key} {number}", one, self.base, self.kept)
            for number, one in enumerate(value, start=1)
        ]

    def rest(self) -> Iterator[tuple[str, Any]]:
        """Everything in it, by name."""
        self._asked |= set(self.values)
        yield from self.values.items()

    def pattern(self, text: str) -> str:
        """A regular expression.

        Raises:
            BadDocument: It is none.
        """
        try:
            re.compile(text)
        except re.error as error:
            raise BadDocument(f"{self.name}: {text!r} is no regular expression: {error}") from error
        return text

    def done(self) -> None:
        """Refuse unknown names.

        Raises:
            BadDocument: A key is misspelt.
        """
        for key in self.values:
            if key not in self._asked:
                near = difflib.get_close_matches(key, self._asked, n=1)
                hint = (
                    f"; did you mean `{near[0]}`?"
                    if near
                    else f"; there are: {', '.join(sorted(self._asked))}"
                )
                raise BadDocument(f"{self.name}: there is no `{key}`{hint}")


def open_table(path: Path) -> Table:
    """The whole file.

    Raises:
        BadDocument: It is no TOML.
    """
    return Table(str(path), read_toml(path), path.parent)
