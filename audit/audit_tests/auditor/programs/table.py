"""The table of programs: read it, write a program to a folder, and ask an engine about it.

A line of `table.tsv` is one question about one program: the id, the question, the expected answers, the
author of the expectation, and the reason if the present engine gives another answer. The file `<id>.program`
has the sources: `==> app.py` on a line of its own begins a file.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from audit_tests.auditor.sampling import chosen
from audit_tests.auditor.sources import scene_of
from stormdoor_audit.auditor.judging.endpoint import Endpoint
from stormdoor_audit.auditor.rules import RULES

__all__ = [
    "ANSWERS",
    "AUTHORS",
    "FOLDER",
    "VERDICTS",
    "Line",
    "endpoint_of",
    "lines_of",
    "read_groups",
    "read_program",
    "read_table",
    "sampled",
]

FOLDER = Path(__file__).parent
AUTHORS = frozenset({"hand", "old engine"})
"""Authors of expectations. One that only the old engine gave blocks no change."""

VERDICTS = {
    "missing": "missing",
    "swallowed": "missing",
    "ignored": "missing",
    "after-accept": "late",
    "frames-pass": "late",
    "skippable": "late",
    "optional": "optional",
    "guarded": "guarded",
    "presumed": "guarded",
    "unread": "unknown",
    "incomplete": "unknown",
    "unreachable": "unknown",
}
"""Answers to `authentication`, by the kind of the verdict."""

_MARK = "==> "
_OF_AUTHORIZATION = frozenset({"SD301", "SD302", "SD303", "SD304"})


@dataclass(frozen=True, slots=True)
class Line:
    """One question about one program.

    Args:
        id: Group and name, which are folder and file.
        question: `authentication`, `kind` (of the verdict on it), `origin` or `authorization`.
        expected: The answers that are right.
        author: One of `AUTHORS`.
        not_yet: Reason if the present engine gives another answer, else "".
    """

    id: str
    question: str
    expected: frozenset[str]
    author: str
    not_yet: str = ""

    @property
    def group(self) -> str:
        """The group of the program."""
        return self.id.partition("/")[0]


@cache
def read_table() -> tuple[Line, ...]:
    """Return all lines of the table."""
    rows = (FOLDER / "table.tsv").read_text(encoding="utf-8").splitlines()[1:]
    return tuple(_line(row) for row in rows)


def _line(row: str) -> Line:
    name, question, expected, author, *more = row.split("\t")
    return Line(name, question, frozenset(expected.split("|")), author, *more)


def read_groups() -> dict[str, str]:
    """Return the claim of each group."""
    rows = (FOLDER / "groups.tsv").read_text(encoding="utf-8").splitlines()[1:]
    return {name: claim for name, _, claim in (row.partition("\t") for row in rows)}


def read_program(name: str) -> dict[str, str]:
    """Return the sources of a program by the names of its files.

    Args:
        name: The id.
    """
    files: dict[str, list[str]] = {}
    current: list[str] = []
    text = (FOLDER / f"{name}.program").read_bytes().decode("utf-8", "surrogatepass")
    for line in text.split("\n")[:-1]:
        if line.startswith(_MARK):
            current = files.setdefault(line.removeprefix(_MARK), [])
        else:
            current.append(f"{line}\n")
    return {file: "".join(parts) for file, parts in files.items()}


def lines_of(*questions: str, group: str = "") -> dict[str, Line]:
    """Return the lines of some questions, by id and question; of one group if it is given."""
    return {
        f"{one.id}:{one.question}": one
        for one in read_table()
        if one.question in questions and group in ("", one.group)
    }


def sampled(lines: Mapping[str, Line]) -> dict[str, Line]:
    """Return the lines that run: all, or a sample of each group and answer."""
    tables: dict[str, dict[str, tuple[object, str]]] = {}
    for name, line in lines.items():
        tables.setdefault(line.group, {})[name] = (line.expected, name)
    return {name: lines[name] for name in chosen(*tables.values())}


def endpoint_of(folder: Path, files: Mapping[str, str]) -> Endpoint:
    """Return the endpoint that the table is about: of the class Door, its replacement, or the only one."""
    endpoints = scene_of(folder, dict(files)).endpoints
    named = [one for one in endpoints if one.info.name.startswith(("Door", "Open"))]
    (endpoint,) = named[:1] or endpoints
    return endpoint


def _authorization(endpoint: Endpoint) -> str:
    found = any(
        True
        for rule in RULES
        if rule.meta.id in _OF_AUTHORIZATION and rule.on_endpoint is not None
        for _ in rule.on_endpoint(endpoint)
    )
    return "missing" if found else "ok"


ANSWERS: dict[str, Callable[[Endpoint], str]] = {
    "authentication": lambda endpoint: VERDICTS[endpoint.authentication.kind],
    "kind": lambda endpoint: endpoint.authentication.kind,
    "origin": lambda endpoint: endpoint.origins.kind,
    "authorization": _authorization,
}
"""The answer of the present engine to each question."""
