"""Rules for every file of the project."""

import ast
import re

import pytest

from tests.support.project import PACKAGE, ROOT, own_files, own_modules

# Written in pieces: this file is searched too.
FORBIDDEN = {
    "the host of a package registry": re.compile(
        r"\b(?:"
        + "|".join(["py" + r"pi\.org", "python" + "hosted", "npm" + r"js\.(?:org|com)"])
        + ")"
    ),
    "a path on somebody's own machine": re.compile(r"(?<![\w.~/-])/(?:home|root|work|Users)/\w"),
    "a merge that was not finished": re.compile(r"^(?:<{7}|>{7}) ", re.MULTILINE),
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_mentions(what: str) -> None:
    """No file holds a registry's host (a mirror must do), a private path or a merge mark."""
    pattern = FORBIDDEN[what]
    found = []
    for path in own_files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # an image
        found += [
            f"{path.relative_to(ROOT)}:{text.count(chr(10), 0, match.start()) + 1}: {match[0]}"
            for match in pattern.finditer(text)
        ]
    assert not found


def _declares_all(path: str, source: str) -> bool:
    """Return true if the module assigns `__all__` at its top level."""
    begun = source.find("\n__all__")
    if begun < 0:
        return False
    # The rest of the file, which is the most of it, need not be parsed.
    before, _, _ = source[begun:].partition("\n\n")
    for statement in ast.parse(source[:begun] + before, path).body:
        match statement:
            case ast.Assign(targets=[ast.Name(id="__all__")]):
                return True
            case ast.AnnAssign(target=ast.Name(id="__all__")):
                return True
    return False


def test_every_module_declares_its_names() -> None:
    """Every module of the package has an `__all__`."""
    missing = [
        str(path.relative_to(ROOT))
        for path in own_modules()
        if not _declares_all(str(path), path.read_text(encoding="utf-8"))
    ]
    assert not missing


def test_no_catch_all_module() -> None:
    """No module is called utils, helpers, common or base: a module is a noun."""
    names = {"utils", "util", "helpers", "helper", "common", "_common", "base", "misc"}
    assert not [str(path) for path in own_modules() if {path.stem, path.parent.name} & names]


def test_package_is_typed() -> None:
    """The marker that lets others check against our types is there."""
    assert (PACKAGE / "py.typed").is_file()
