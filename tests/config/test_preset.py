"""Presets, and a configuration file that overrides one."""

import textwrap
from pathlib import Path

import pytest

from stormdoor import Guard
from stormdoor.config.check import check_file
from stormdoor.config.file import read_options
from stormdoor.config.preset import override, preset_file, preset_names, read_preset
from stormdoor.errors import ConfigurationError
from tests.config.files import write

EXPECTED = {"no-origins", "memory-store"}
"""Notes about each preset by itself: `stormdoor run` adds its origins and its store."""


def file(folder: Path, text: str) -> Path:
    """Write a configuration file with this text."""
    return write(folder, textwrap.dedent(text))


@pytest.mark.parametrize("name", preset_names())
def test_each_preset_is_a_configuration(name: str) -> None:
    """Each preset makes a guard, has the role `member`, and nothing in it is unsafe or without a grant."""
    found = check_file(preset_file(name))
    assert {one.id for one in found} <= EXPECTED
    assert {one.level for one in found} == {"note"}
    guard = Guard.from_config(preset_file(name))
    assert "member" in guard.policies.roles
    assert guard.protection.permission or guard.protection.permissions
    assert preset_file(name).read_text(encoding="utf-8").startswith("# ")


def test_unknown_names() -> None:
    """The message has the nearest name; a name is never a path."""
    with pytest.raises(ConfigurationError, match='did you mean "jupyter"'):
        preset_file("jupiter")
    with pytest.raises(ConfigurationError, match="there are: app, bokeh"):
        read_preset("../../../etc/passwd")


def test_a_file_overrides_key_by_key(tmp_path: Path) -> None:
    """Tables are merged at each depth, with the keys of the file first; a list is replaced as a whole."""
    path = file(
        tmp_path,
        """
        preset = "jupyter"
        origins = ["https://lab.example"]
        [protect.permissions]
        "/notes" = "contents:read"
        "/api/events/subscribe" = "events:write"
        [[policies.role]]
        name = "member"
        grants = ["kernels:*", "terminals:*", "events:*", "contents:*"]
        """,
    )
    arguments = read_options(path).arguments
    assert set(arguments["policies"].roles) == {"member"}
    permissions = arguments["protection"].permissions
    assert list(permissions)[:2] == ["/notes", "/api/events/subscribe"]
    assert permissions["/api/events/subscribe"] == "events:write"
    assert len(permissions) > 2
    assert [one.kind for one in arguments["authenticators"]] == ["application", "api-key"]


def test_override_notes_what_the_preset_sets() -> None:
    """A place below a value that the file replaces is one of the file, however deep."""
    preset = read_preset("app")
    merged = override({"policies": {"role": [{"name": "x"}]}, "protect": {"pages": "a:b"}}, preset)
    assert merged["policies"] == {"role": [{"name": "x"}]}
    assert merged["protect"] == {"pages": "a:b", "permission": "app:use"}
    assert preset.used == {("stormdoor_run",), ("authenticators",), ("protect", "permission")}
    assert preset.line(("policies", "role", 0, "grants")) is None
    assert preset.line(("protect", "permission")) == preset.lines["protect", "permission"]


def test_a_mistake_of_the_combination(tmp_path: Path) -> None:
    """The message has the line of `preset` and the one in the preset, or that in the file."""
    path = file(
        tmp_path,
        """
        preset = "jupyter"
        [[policies.role]]
        name = "student"
        grants = ["kernels:read"]
        """,
    )
    found = {one.place: one for one in check_file(path) if one.id == "ungranted-permission"}
    one = found["protect.permissions./terminals/websocket/[^/]+"]
    assert one.line == 2
    assert "of the preset 'jupyter'; write it in the file to replace it" in one.what

    path = file(
        tmp_path,
        """
        preset = "app"
        [[policies.permit]]
        permissions = ["app:use"]
        roles = ["guest"]
        """,
    )
    with pytest.raises(ConfigurationError, match=r"stormdoor.toml:5: .*'guest' is not defined"):
        read_options(path)


def test_a_mistake_in_a_value_of_the_preset(tmp_path: Path) -> None:
    """If the preset holds the value, the line is that of `preset`, and the message names both."""
    path = file(
        tmp_path,
        """
        origins = []
        preset = "app"
        [[policies.role]]
        name = "member"
        grants = ["app:see"]
        """,
    )
    (found,) = [one for one in check_file(path) if one.place == "protect.permission"]
    line = read_preset("app").lines["protect", "permission"]
    assert (found.line, found.id) == (3, "ungranted-permission")
    assert f"(line {line} of the preset 'app'" in found.what


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            'preset = "jupiter"',
            r':1: preset: there is no preset \'jupiter\'; did you mean "jupyter"',
        ),
        ("preset = 3", ":1: preset: expected a text"),
        ('preset = "app"\nlimit = 3', ":2: limit: there is no option 'limit'"),
    ],
)
def test_mistakes(tmp_path: Path, text: str, message: str) -> None:
    """Each message has the line, the place and the correction."""
    with pytest.raises(ConfigurationError, match=message):
        read_options(file(tmp_path, text))


def test_the_preset_of_the_caller(tmp_path: Path) -> None:
    """A file that names no preset gets the one of the caller; its own has priority."""
    plain = file(tmp_path, 'origins = ["https://a.example"]')
    assert Guard.from_config(plain, preset="dask").protection.permission == "status:view"
    named = file(tmp_path, 'preset = "app"')
    assert Guard.from_config(named, preset="dask").protection.permission == "app:use"


def test_presets_are_packaged() -> None:
    """The presets lie in the package: the wheel has all of its files."""
    import stormdoor

    assert preset_file("app").is_relative_to(Path(stormdoor.__file__).parent)
    assert preset_file("app").suffix == ".toml"
