"""The table of kinds, and the declarations in it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from stormdoor import ApiKeyAuthenticator, ConfigurationError, SessionAuthenticator
from stormdoor.auth.kind import Kind, Settings
from stormdoor.auth.kinds import KINDS
from stormdoor.settings.section import Section
from tests.support.project import PACKAGE

API_KEY, SESSION = KINDS["api-key"], KINDS["session"]


class Loose(msgspec.Struct):
    """A table that ignores what it does not know."""


class WithLoose(Settings, frozen=True, kw_only=True):
    """A table with a loose one inside."""

    inside: list[Loose] = msgspec.field(default_factory=list)


class Named(Settings, frozen=True, kw_only=True):
    """A table with an option that names the kind itself."""

    kind: str = ""


class Dangerous(Settings, frozen=True, kw_only=True):
    """A table with a dangerous option."""

    insecure_anything: bool = False


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "name": ({"name": "API key"}, "is no name of a kind"),
    "loose": ({"settings": Loose}, "would ignore misspelt options"),
    "loose inside": ({"settings": WithLoose}, "Loose would ignore misspelt options"),
    "option kind": ({"settings": Named}, "has an option kind"),
    "danger not said": ({"settings": Dangerous}, "danger of insecure_anything in insecure, not of"),
    "danger of nothing": (
        {"settings": Settings, "insecure": {"insecure_x": "Bad."}},
        "of no option in insecure, not of",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_declaration_that_contradicts_itself(what: str) -> None:
    """A contradictory declaration is refused at the import of its module."""
    changes, message = WRONG[what]
    with pytest.raises(ConfigurationError, match=message):
        replace(API_KEY, **changes)


def test_no_property_can_be_forgotten() -> None:
    """A kind without one of its properties is no kind."""
    given = {
        "name": "x",
        "settings": Settings,
        "build": lambda settings, section: ApiKeyAuthenticator(),
        "ambient": False,
        "needs_store": True,
        "single_use": False,
        "renewable": True,
        "repeatable": False,
        "default_headers": (),
    }
    assert Kind(**given).name == "x"  # type: ignore[arg-type]
    for name in given:
        with pytest.raises(TypeError, match=name):
            Kind(**{key: value for key, value in given.items() if key != name})  # type: ignore[arg-type]


UNTRUE: dict[str, tuple[dict[str, Any], str]] = {
    "ambient": ({"ambient": True}, "the places of its authenticator say ambient=False"),
    "renewable": ({"renewable": False}, "the places of its authenticator say renewable=True"),
    "another name": ({"name": "other"}, "its authenticator calls itself 'api-key'"),
    "no authenticator": ({"build": lambda settings, section: object()}, "made no Authenticator"),
    "nothing": ({"build": lambda settings, section: None}, "made no Authenticator, but NoneType"),
}


@pytest.mark.parametrize("what", UNTRUE)
def test_a_declaration_that_its_authenticator_contradicts(what: str, tmp_path: Path) -> None:
    """A declaration that its authenticator contradicts is reported as a mistake of the file."""
    changes, message = UNTRUE[what]
    section = Section(tmp_path, ("authenticators", 0))
    replace(API_KEY, **changes).make(Settings(), section)
    [problem] = section.problems
    assert message in problem.message


@pytest.mark.parametrize("name", KINDS)
def test_names_of_the_table(name: str) -> None:
    """A kind is found by its own name."""
    assert KINDS[name].name == name


def test_the_session_cookie_has_the_name_of_its_section(tmp_path: Path) -> None:
    """The session cookie has the name from `[sessions]`, or the default."""
    named = Section(tmp_path, session_cookie="__Host-app")
    for section, cookie in ((named, "__Host-app"), (Section(tmp_path), "__Host-stormdoor")):
        made = SESSION.make(Settings(), section)
        assert isinstance(made, SessionAuthenticator)
        assert made.places[0].name == cookie


def _import_kinds(package: Path) -> str:
    """Return the output of an import of the table in a copy of the package."""
    done = subprocess.run(
        [sys.executable, "-c", "import stormdoor.auth.kinds as k; print(k.__file__)"],
        env={"PYTHONPATH": str(package.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the package, to break."""
    folder = tmp_path / "src" / "stormdoor"
    unneeded = shutil.ignore_patterns("__pycache__", "demo")
    shutil.copytree(PACKAGE, folder, ignore=unneeded)
    return folder


@pytest.mark.sampled(8)
@pytest.mark.parametrize("where", ["auth/other_kind.py", "auth/other/kind.py"])
def test_a_kind_outside_of_the_table_fails_at_import(where: str, copy: Path) -> None:
    """A forgotten registration cannot lead to a wrong message later."""
    assert str(copy) in _import_kinds(copy)
    path = copy / where
    path.parent.mkdir(exist_ok=True)
    shutil.copy(PACKAGE / "auth" / "apikey" / "kind.py", path)
    said = _import_kinds(copy)
    module = where.removeprefix("auth/").removesuffix(".py").replace("/", ".")
    assert "ImportError" in said
    assert f"{where} declares a kind that auth/kinds.py does not list" in said
    assert f"from stormdoor.auth.{module} import KIND" in said


def test_two_kinds_of_one_name_fail_at_import(copy: Path) -> None:
    """Two kinds with one name are an error at import."""
    table = copy / "auth" / "kinds.py"
    text = table.read_text(encoding="utf-8")
    table.write_text(text.replace("    TICKET,\n", "    TICKET,\n    TICKET,\n"), "utf-8")
    assert "ImportError: two kinds of credential have one name" in _import_kinds(copy)
