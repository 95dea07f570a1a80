"""The pairs: a guarded program, the line that breaks it, and the expected answers.

A folder below `cases` is one pair. It holds the files of the guarded twin and `label.toml`. The
label names the text that differs, so that the broken twin is made from the guarded one. The labels
were written before the scanner read the programs, without knowledge of its rules.
"""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

__all__ = ["AUTHENTICATION", "CASES", "QUESTIONS", "SIDES", "Pair", "Side", "read_pairs"]

CASES = Path(__file__).resolve().parent / "cases"

Side = Literal["guarded", "broken"]
SIDES: tuple[Side, Side] = ("guarded", "broken")

QUESTIONS: dict[str, frozenset[str]] = {
    "missing authentication": frozenset(
        {"SD101", "SD104", "SD105", "SD107", "SD108", "SD110", "SD111"}
    ),
    "late authentication": frozenset({"SD102", "SD106", "SD109"}),
    "optional authentication": frozenset({"SD103"}),
    "open origin": frozenset(
        {"SD201", "SD202", "SD203", "SD204", "SD205", "SD206", "SD208", "SD209"}
    ),
    "missing authorization": frozenset({"SD301", "SD302", "SD303", "SD304"}),
    "token in query": frozenset({"SD401"}),
    "secret in the source": frozenset({"SD407", "SD408"}),
}
"""Questions that a label answers, and the rules that answer them."""

AUTHENTICATION = ("missing authentication", "late authentication", "optional authentication")
"""Questions of which any one is an open door."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two programs that differ in one line.

    Args:
        name: Name of the folder.
        folder: Folder with the files of the guarded twin.
        batch: 1 for pairs that engineers could read; 2 for pairs kept apart until the rules were done;
            3 and 4 for pairs that were labelled before their first scan, 4 by an engineer who knew
            the rules.
        application: Kind of program, such as "chat".
        style: How it is written.
        file: Name of the file with the line that differs.
        guarded: Text of the guarded twin around that line; it occurs once in the file.
        broken: Text of the broken twin in its place.
        expected: Questions to which the answer is yes, for each twin.
        allowed: Questions to which either answer is right, for each twin.
        attack: How an attacker uses the hole of the broken twin.
    """

    name: str
    folder: Path
    batch: int
    application: str
    style: str
    file: str
    guarded: str
    broken: str
    expected: dict[Side, frozenset[str]]
    allowed: dict[Side, frozenset[str]]
    attack: str

    def files(self, side: Side) -> dict[str, str]:
        """Return the text of each file of a twin, by name."""
        texts = {path.name: path.read_text() for path in sorted(self.folder.glob("*.py"))}
        if side == "broken":
            # A line that the broken twin lacks goes with its line break.
            was = self.guarded if self.broken else f"{self.guarded}\n"
            texts[self.file] = texts[self.file].replace(was, self.broken)
        return texts

    def write(self, side: Side, folder: Path) -> None:
        """Write the files of a twin into a folder."""
        for name, text in self.files(side).items():
            (folder / name).write_text(text)


def read_pairs(folder: Path = CASES) -> Iterator[Pair]:
    """Read all pairs below a folder, in the order of their names.

    Raises:
        ValueError: A label is incomplete, or names a question that is not known.
    """
    for path in sorted(folder.glob("*/label.toml")):
        yield _read(path)


def _read(path: Path) -> Pair:
    label = tomllib.loads(path.read_text())
    answers = {key: frozenset(label.get(key, ())) for key in _ANSWERS}
    unknown = set().union(*answers.values()) - set(QUESTIONS) | set(label) - _KEYS
    missing = _REQUIRED - set(label)
    if unknown or missing:
        raise ValueError(f"{path}: unknown {sorted(unknown)}, missing {sorted(missing)}")
    return Pair(
        name=path.parent.name,
        folder=path.parent,
        batch=label.get("batch", 1),
        application=label["application"],
        style=label["style"],
        file=label["file"],
        guarded=label["guarded"],
        broken=label["broken"],
        expected={"guarded": answers["at_guarded"], "broken": answers["at_broken"]},
        allowed={"guarded": frozenset(), "broken": answers["allowed_at_broken"]},
        attack=label["attack"],
    )


_ANSWERS = ("at_guarded", "at_broken", "allowed_at_broken")
_REQUIRED = {"application", "style", "file", "guarded", "broken", "at_broken", "attack"}
_KEYS = _REQUIRED | set(_ANSWERS) | {"batch", "note"}
