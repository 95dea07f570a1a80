"""The Envoy that a page is run with comes by itself, or its tests say why not."""

from pathlib import Path

import pytest

from tests.support import envoy

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.installs


@pytest.mark.parametrize(("ci", "outcome"), [("true", "errors"), ("", "skipped")])
def test_no_network(
    ci: str,
    outcome: str,
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Without a download a test is skipped with the reason, and is an error in CI."""
    monkeypatch.setattr(envoy, "ROOT", tmp_path)
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_NO_CACHE", "1")
    monkeypatch.setenv("CI", ci)
    pytester.makeconftest("from tests.support.envoy import envoy")
    pytester.makepyfile("def test_page(envoy): pass")
    result = pytester.runpytest_inprocess("-rs", "-p", "no:cacheprovider")
    result.assert_outcomes(**{outcome: 1})
    result.stdout.fnmatch_lines(["*no Envoy: *uv pip install: *"])
