"""Take the screenshots of the documentation: `make screenshots`.

Chromium logs in to a demo that is started for this, runs all attacks, and shows the result. There is one
picture for the light and one for the dark.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, expect, sync_playwright

from tests.demo.running import Running, running
from tests.support.browser import find_chromium
from tests.support.project import ROOT

__all__ = ["take"]

FOLDER = ROOT / "docs" / "_static"
SIZE = {"width": 800, "height": 640}
ATTACKS = 8


def take(browser: Browser, demo: Running, scheme: str, folder: Path) -> Path:
    """Take the screenshot of the attack page after all attacks.

    Args:
        browser: Chromium.
        demo: A running demo.
        scheme: `light` or `dark`.
        folder: Where the picture is written.
    """
    context = browser.new_context(viewport=SIZE, device_scale_factor=2, color_scheme=scheme)  # type: ignore[arg-type, unused-ignore]
    page = context.new_page()
    page.goto(f"{demo.origin}/?next=/attack")
    page.fill("#username", "alice")
    page.fill("#password", demo.password("alice"))
    page.click("#login button")
    page.wait_for_url("**/attack")
    page.click("#run-all")
    summary = page.locator("#summary")
    expect(summary).to_contain_text(f"{ATTACKS} refused, 0 succeeded", timeout=60_000)
    expect(summary).to_contain_text(f"0 refused, {ATTACKS} succeeded")
    page.mouse.move(0, 0)
    path = folder / f"demo-{scheme}.png"
    page.screenshot(path=path, animations="disabled")
    context.close()
    return path


def main() -> int:
    """Take both and write them into `docs/_static`."""
    executable = find_chromium()
    if executable is None:
        sys.stderr.write("no Chromium or Chrome on this machine\n")
        return 1
    with (
        tempfile.TemporaryDirectory() as folder,
        running(Path(folder) / "data", port=8765) as demo,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        for scheme in ("light", "dark"):
            path = take(browser, demo, scheme, FOLDER)
            sys.stdout.write(f"{path.relative_to(ROOT)}\n")
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
