"""Identifiers of the guard are standard terms: no metaphor names a module, class, function or parameter."""

import ast
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import pytest

from tests.support.project import ROOT

# One worker parses the package.
pytestmark = pytest.mark.xdist_group("metaphors")

_FILE = tomllib.loads((ROOT / "tests" / "meta" / "metaphors.toml").read_text("utf-8"))
TERMS: dict[str, str] = _FILE["terms"]
"""The word of an identifier, and the term to use instead."""
ALLOWED: dict[str, list[str]] = _FILE["allowed"]
"""The identifiers of each file that still have such a word. The lists may only shrink."""

_PACKAGE = ROOT / "src" / "stormdoor"
"""Folders outside the guard."""
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


@dataclass(frozen=True, slots=True)
class Named:
    """One identifier.

    Attributes:
        path: The file, below the package.
        line: The line of its definition.
        name: The identifier.
    """

    path: str
    line: int
    name: str

    @property
    def metaphor(self) -> str | None:
        """The first word that is a metaphor, or None."""
        words = (one.lower() for one in _WORD.findall(self.name.removeprefix("_door_")))
        return next((one for one in words if one in TERMS), None)


def identifiers(path: str, tree: ast.Module) -> Iterator[Named]:
    """Yield the module, classes, functions and parameters that a file defines."""
    module = path.rpartition("/")[2].removesuffix(".py")
    yield Named(path, 1, module)
    for node in ast.walk(tree):
        match node:
            case (
                ast.ClassDef(name=name)
                | ast.FunctionDef(name=name)
                | ast.AsyncFunctionDef(name=name)
            ):
                yield Named(path, node.lineno, name)
            case ast.arg(arg=name):
                yield Named(path, node.lineno, name)
            case _:
                pass


def _refused(found: list[Named], allowed: dict[str, list[str]]) -> list[str]:
    return [
        f"src/stormdoor/{one.path}:{one.line}: {one.name!r}: "
        f"for {one.metaphor!r} use {TERMS[one.metaphor]!r}"
        for one in found
        if one.metaphor is not None and one.name not in allowed.get(one.path, ())
    ]


def _paths() -> list[str]:
    """Return the files of the guard, below the package."""
    return [path.relative_to(_PACKAGE).as_posix() for path in sorted(_PACKAGE.rglob("*.py"))]


@cache
def _trees() -> dict[str, ast.Module]:
    return {path: ast.parse((_PACKAGE / path).read_text("utf-8")) for path in _paths()}


@cache
def _found() -> list[Named]:
    return [one for path, tree in _trees().items() for one in identifiers(path, tree)]


def test_no_identifier_is_a_metaphor() -> None:
    """Every module, class, function and parameter of the guard has a standard term as its name."""
    refused = _refused(_found(), ALLOWED)
    assert not refused, "rename these:\n" + "\n".join(refused)


def test_the_allowed_identifiers_exist() -> None:
    """The list has no identifier that has been renamed, so that it can only shrink."""
    present = {(one.path, one.name) for one in _found() if one.metaphor is not None}
    renamed = [
        f"{path}: {name}"
        for path, names in ALLOWED.items()
        for name in names
        if (path, name) not in present
    ]
    assert not renamed, f"remove these from tests/meta/metaphors.toml: {renamed}"


def test_one_public_class_name_names_one_class() -> None:
    """No two modules of the guard define a class of the same name, private classes excepted."""
    places: dict[str, set[str]] = {}
    for path, tree in _trees().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, set()).add(f"{path}:{node.lineno}")
    shared = {name: sorted(found) for name, found in places.items() if len(found) > 1}
    assert not shared


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("class SessionDesk: ...", "SessionDesk"),
        ("def put_off(): ...", None),
        ("async def bid_farewell(): ...", "bid_farewell"),
        ("def add(*, strangers=None): ...", "strangers"),
        ("desk = gate = None  # a desk at the gate", None),
        ("def _door_send(): ...", None),
        ("def open_door(): ...", "open_door"),
    ],
)
def test_a_metaphor_is_reported(text: str, name: str | None) -> None:
    """Names of definitions and parameters count; prose, variables and the reserved prefix do not."""
    found = _refused(list(identifiers("guard/x.py", ast.parse(text))), {})
    assert [one.split("'")[1] for one in found] == ([] if name is None else [name])


def test_a_module_is_reported_with_its_term() -> None:
    """The message has the file, the line, the word and the term."""
    [found] = _refused(list(identifiers("guard/antechamber.py", ast.parse(""))), {})
    assert found == (
        "src/stormdoor/guard/antechamber.py:1: 'antechamber': for 'antechamber' use 'first message'"
    )


def test_an_allowed_identifier_is_not_reported() -> None:
    """An identifier is allowed only in the file that the list names."""
    found = list(identifiers("cli/x.py", ast.parse("class Desk: ...")))
    assert not _refused(found, {"cli/x.py": ["Desk"]})
    assert _refused(found, {"cli/y.py": ["Desk"]})
