"""axe: Deque's rules for accessible pages, run on a page. Installed with npm when a test asks."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from playwright.sync_api import Page

from tests.support.installing import NotInstalledError, made_once, missing, run
from tests.support.project import ROOT

__all__ = ["axe_source", "findings"]

_HERE = Path(__file__).parent
_FILES = ("package.json", "package-lock.json")


def axe_source() -> str:
    """Return the script of axe. Without npm the test is skipped; in CI it fails."""
    digest = hashlib.sha256(b"".join((_HERE / name).read_bytes() for name in _FILES)).hexdigest()

    def install(folder: Path) -> None:
        npm = shutil.which("npm")
        if npm is None:
            raise NotInstalledError("npm is not on PATH")
        folder.mkdir()
        for name in _FILES:
            shutil.copy(_HERE / name, folder)
        run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder)

    try:
        folder = made_once(ROOT / "build" / "axe" / digest[:16], install)
    except NotInstalledError as reason:
        missing(f"axe cannot be installed: {reason}")
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text("utf-8")


def findings(page: Page, source: str) -> list[str]:
    """Return each rule that the page violates, with the elements, in the words of axe.

    Args:
        page: The page, in the state to judge.
        source: From `axe_source`.
    """
    page.evaluate(source)
    found = page.evaluate("async () => (await axe.run()).violations")
    return [
        f"{one['id']} ({one['impact']}): {node['html'][:200]}: {node['failureSummary']}"
        for one in found
        for node in one["nodes"]
    ]
