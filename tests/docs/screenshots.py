"""Take the screenshots of the documentation: `make screenshots`.

Chromium logs in to a demo that is started for this, runs all attacks, and shows the result. There is one
picture for the light and one for the dark, and the same of two pages on a phone. Others are of the login and
the logout of `stormdoor run`. `python -m tests.docs.terminal` takes those of terminals.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.demo.running import Running, running
from tests.run.running import running as run
from tests.run.running import write
from tests.support.browser import find_chromium
from tests.support.project import ROOT

__all__ = ["take", "take_login", "take_phone"]

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


PHONE_SIZE = {"width": 390, "height": 700}


def take_phone(browser: Browser, demo: Running, scheme: str, folder: Path) -> list[Path]:
    """Take the login and the dashboard of the demo as a phone shows them.

    Args:
        browser: Chromium.
        demo: A running demo.
        scheme: `light` or `dark`.
        folder: Where the pictures are written.
    """
    context = browser.new_context(
        viewport=PHONE_SIZE,  # type: ignore[arg-type, unused-ignore]
        device_scale_factor=2,
        color_scheme=scheme,  # type: ignore[arg-type, unused-ignore]
    )
    page = context.new_page()
    paths = [folder / f"phone-{name}-{scheme}.png" for name in ("login", "dashboard")]
    page.goto(f"{demo.origin}/?next=/dashboard")
    page.screenshot(path=paths[0], animations="disabled")
    page.fill("#username", "ada")
    page.fill("#password", demo.password("ada"))
    page.click("#login button")
    page.wait_for_url("**/dashboard")
    expect(page.get_by_text("Connected", exact=True)).to_be_visible(timeout=60_000)
    memory = page.get_by_text("Memory", exact=True).first.locator("..")
    expect(memory).to_contain_text(re.compile(r"\d"), timeout=60_000)
    page.mouse.move(0, 0)
    page.screenshot(path=paths[1], animations="disabled")
    if page.evaluate("document.documentElement.scrollWidth") > PHONE_SIZE["width"]:
        raise RuntimeError("the page is wider than the phone")
    context.close()
    return paths


LOGIN_SIZE = {"width": 480, "height": 400}
FORBIDDEN_SIZE = {"width": 390, "height": 400}
_PROGRAM = """
async def main():
    make().listen(PORT, "127.0.0.1")
    await asyncio.Event().wait()

asyncio.run(main())
"""


def take_login(browser: Browser, folder: Path) -> list[Path]:
    """Take the pages of the login, of the logout and of an account without the permission, under `run`.

    Args:
        browser: Chromium.
        folder: Where the pictures are written.
    """
    taken = []
    with tempfile.TemporaryDirectory() as place:
        write(Path(place), _PROGRAM)
        with run(Path(place), [sys.executable, "app.py"]) as program:
            said = program.wait_for("first account")
            password = Path(said["password_file"]).read_text("utf-8").split()[1]
            for scheme in ("light", "dark"):
                context = browser.new_context(
                    viewport=LOGIN_SIZE,  # type: ignore[arg-type, unused-ignore]
                    device_scale_factor=2,
                    color_scheme=scheme,  # type: ignore[arg-type, unused-ignore]
                )
                page = context.new_page()
                page.goto(f"http://127.0.0.1:{program.port}/")
                page.fill("#username", "admin")
                taken.append(folder / f"login-{scheme}.png")
                page.screenshot(path=taken[-1], animations="disabled")
                if scheme == "dark":
                    page.set_viewport_size(FORBIDDEN_SIZE)  # type: ignore[arg-type, unused-ignore]
                    _log_in_without_permission(page, Path(place))
                    taken.append(folder / "forbidden-dark.png")
                    page.screenshot(path=taken[-1], animations="disabled")
                else:
                    page.fill("#password", password)
                    page.click("main form button")
                    page.goto(f"http://127.0.0.1:{program.port}/auth/logout")
                    taken.append(folder / "logout.png")
                    page.screenshot(path=taken[-1], animations="disabled")
                context.close()
    return taken


def _log_in_without_permission(page: Page, place: Path) -> None:
    """Log in as an account without a role, from the page of the login.

    Args:
        page: The page of the login.
        place: The folder with the store of the program.
    """
    command = [sys.executable, "-m", "stormdoor", "principals", "add", "eve", "--password-stdin"]
    password = "correct horse battery"
    subprocess.run(
        [*command, "--store", "sqlite:door.db"],
        cwd=place,
        input=password.encode(),
        check=True,
        stdout=subprocess.DEVNULL,
    )
    page.fill("#username", "eve")
    page.fill("#password", password)
    page.click("main form button")
    expect(page.get_by_text("This account may not open the page")).to_be_visible()
    if page.evaluate("document.documentElement.scrollWidth") > FORBIDDEN_SIZE["width"]:
        raise RuntimeError("the page is wider than the phone")


def main() -> int:
    """Take all and write them into `docs/_static`."""
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
            for path in take_phone(browser, demo, scheme, FOLDER):
                sys.stdout.write(f"{path.relative_to(ROOT)}\n")
        for path in take_login(browser, FOLDER):
            sys.stdout.write(f"{path.relative_to(ROOT)}\n")
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
