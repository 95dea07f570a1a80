"""The appearance of the login's pages: wrong values stop the start, and every colour is readable."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from stormdoor import ConfigurationError, Guard, LoginAppearance
from stormdoor.auth.oidc.settings import OpenIdProvider
from stormdoor.config.appearance import contrast, readable_on


@pytest.mark.parametrize(
    "value",
    ["red", "1a5fb4", "#1a5fb", "#12345g", "#fff;}", "#fff\n", "rgb(1,2,3)", "#\u0661\u0661\u0661"],
)
def test_a_wrong_colour_stops_the_start(value: str, tmp_path: Path) -> None:
    """Nothing else than digits gets into the style. The message has the line to write."""
    with pytest.raises(ConfigurationError, match='write six hexadecimal digits: color = "#1a5fb4"'):
        LoginAppearance(color=value)
    file = tmp_path / "stormdoor.toml"
    file.write_text('origins = ["http://127.0.0.1:1"]\n[login]\nname = "Lab"\ncolor = "red"\n')
    with pytest.raises(
        ConfigurationError, match=r"stormdoor.toml:4: login.color: 'red' is no colour"
    ):
        Guard.from_config(file)


@pytest.mark.parametrize("option", ["name", "notice"])
def test_a_text_without_bounds_stops_the_start(option: str) -> None:
    """It is plain text of a bounded length; a notice may have several lines."""
    for text in ("a" * 1001, "a\x00b", "a\x1b[2Jb"):
        with pytest.raises(ConfigurationError, match=f"^{option}: write a text of at most"):
            LoginAppearance(**{option: text})
    LoginAppearance(notice="one\ntwo\u3000three \U0001f468\u200d\U0001f469")


def test_a_file_sets_the_appearance(tmp_path: Path) -> None:
    """`[login]` of the configuration file."""
    file = tmp_path / "stormdoor.toml"
    file.write_text('origins = ["http://127.0.0.1:1"]\n[login]\nname = "Lab"\ncolor = "#15B"\n')
    assert Guard.from_config(file).appearance == LoginAppearance(name="Lab", color="#15B")


def test_the_text_on_each_colour_is_readable() -> None:
    """Contrast of at least 4.5 (WCAG 2.2 §1.4.3) for all colours of a grid, and the known values of WCAG."""
    assert round(contrast("#fff", "#000000"), 2) == 21.0
    assert round(contrast("#767676", "#ffffff"), 2) == 4.54
    digits = "0369cf"
    for parts in itertools.product(digits, repeat=3):
        color = "#" + "".join(parts)
        assert contrast(color, readable_on(color)) >= 4.5


@pytest.mark.parametrize("text", ["a\x07b", "a\nb", "a\ud800b", "a" * 61])
def test_the_label_of_a_provider_follows_the_rule_of_a_name(text: str) -> None:
    """What one refuses, the other refuses, too; each shows what the other shows."""
    facts: dict[str, Any] = {"issuer": "https://login.example", "client_id": "lab"}
    redirect = "https://lab.example/auth/oidc/callback"
    for good in ("Our\u3000house", "\U0001f468\u200d\U0001f469", "a" * 60):
        assert LoginAppearance(name=good).name == good
        assert OpenIdProvider(**facts, redirect_uri=redirect, label=good).label == good
    with pytest.raises(ConfigurationError, match=r"^name: write a text of at most 60"):
        LoginAppearance(name=text)
    with pytest.raises(ConfigurationError, match=r"^label: write a text of at most 60"):
        OpenIdProvider(**facts, redirect_uri=redirect, label=text)
