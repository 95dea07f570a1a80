"""The pages of the providers: their settings pass the check, and name the routes that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stormdoor.auth.oidc.known_providers import KNOWN_PROVIDERS
from stormdoor.config.check import check_file
from stormdoor.runtime import Guard
from tests.support.project import ROOT

PAGES = ROOT / "docs" / "how-to" / "providers"


def _file(page: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write the configuration file of a page, with secrets."""
    [text] = re.findall(r"```toml\n(.*?)```", (PAGES / page).read_text("utf-8"), re.DOTALL)
    for name in re.findall(r'env = "(\w+)"', text):
        monkeypatch.setenv(name, "a secret of the provider")
    (folder / "trail-key").write_text("k" * 43)
    file = folder / "stormdoor.toml"
    file.write_text(text.replace("/run/secrets/trail-key", str(folder / "trail-key")), "utf-8")
    return file


def test_each_known_provider_has_a_page() -> None:
    """And no other has one; the index leads to each."""
    pages = {page.stem for page in PAGES.glob("*.md")} - {"index"}
    assert pages == set(KNOWN_PROVIDERS)
    index = (PAGES / "index.md").read_text("utf-8")
    for name in KNOWN_PROVIDERS:
        assert f"({name}.md)" in index


@pytest.mark.parametrize("name", [*KNOWN_PROVIDERS, "index"])
def test_the_settings_of_a_page_pass_the_check(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rule decides who enters, and the redirect address belongs to the provider's routes."""
    file = _file(f"{name}.md", tmp_path, monkeypatch)
    assert [one for one in check_file(file) if one.level == "error"] == []
    providers = Guard.from_config(file).providers
    assert len(providers) == (2 if name == "index" else 1)
    for one in providers:
        assert one.provider == (one.name if name == "index" else name)
        assert one.redirect_uri == f"https://app.example/auth/{one.provider}/callback"
        rules = (one.allowed_domains, one.allowed_groups, one.allowed_roles, one.allowed_tenants)
        assert any(rules)


@pytest.mark.parametrize("name", KNOWN_PROVIDERS)
def test_a_page_says_which_logout_comes(name: str) -> None:
    """It names each logout of the table, and the options that end sockets otherwise."""
    text = (PAGES / f"{name}.md").read_text("utf-8").partition("## Logout")[2]
    text = text.partition("## What")[0]
    for logout in KNOWN_PROVIDERS[name].logouts:
        named = f"POST /auth/{name}/logout" if logout == "RP-initiated" else logout
        assert named in text.replace("Backchannel", "back-channel")
    assert "idle_seconds" in text
    assert "absolute_seconds" in text
