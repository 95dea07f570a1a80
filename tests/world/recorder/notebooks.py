"""Actions of Chromium in JupyterLab: run cells, drag a widget, type and paste into a terminal."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

from playwright.sync_api import Page, expect
from playwright.sync_api import TimeoutError as NotInTime

from tests.world.applications.jupyterlab import TOKEN
from tests.world.recorder.served import BIG_CELL, Served
from tests.world.recorder.sliders import PATIENCE, drag

__all__ = ["big_cell", "key_repeat", "paste", "run_120_cells", "widget_slider"]


def _wait_until(page: Page, met: Callable[[], bool], failure: str) -> None:
    end = time.monotonic() + PATIENCE / 1000
    while not met():
        if time.monotonic() > end:
            raise SystemExit(failure)
        page.wait_for_timeout(100)


def _open_notebook(page: Page, served: Served, name: str) -> None:
    page.goto(f"{served.address}/lab/tree/{name}?token={TOKEN}&reset")
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=PATIENCE)
    page.wait_for_selector(
        '.jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook-ExecutionIndicator[data-status="idle"]',
        timeout=PATIENCE,
    )
    with contextlib.suppress(NotInTime):
        page.get_by_role("button", name="Select", exact=True).click(timeout=5_000)


def _run_all(page: Page) -> None:
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()


def run_120_cells(page: Page, served: Served) -> None:
    """Run each cell of a notebook with 120 cells."""
    _open_notebook(page, served, "many.ipynb")
    _run_all(page)

    def done() -> bool:
        # The last cells are drawn only when they are in view.
        page.keyboard.press("Control+End")
        prompts = page.locator(".jp-InputPrompt").all_text_contents()
        return any(one.strip() == "[120]:" for one in prompts)

    _wait_until(page, done, "the 120 cells did not run")


def big_cell(page: Page, served: Served) -> None:
    """Run a cell of 93 kB and save the notebook."""
    _open_notebook(page, served, "big.ipynb")
    _run_all(page)
    expected = str(len(BIG_CELL.split("'''")[1]))
    expect(page.get_by_text(expected, exact=True).first).to_be_visible(timeout=PATIENCE)
    page.keyboard.press("Control+s")
    page.wait_for_timeout(1000)


def widget_slider(page: Page, served: Served) -> None:
    """Drag a slider of ipywidgets for 10 s."""
    _open_notebook(page, served, "widget.ipynb")
    _run_all(page)
    handle = page.locator(".noUi-handle").first
    handle.wait_for(timeout=PATIENCE)
    drag(page, handle, 10)


def _terminal(page: Page, served: Served) -> None:
    page.goto(f"{served.address}/lab?token={TOKEN}&reset")
    page.locator('.jp-LauncherCard[title*="terminal" i]').first.click(timeout=PATIENCE)
    page.wait_for_selector(".xterm-helper-textarea", timeout=PATIENCE, state="attached")
    page.wait_for_timeout(2000)
    page.locator(".xterm-screen").click()


def key_repeat(page: Page, served: Served) -> None:
    """Hold a key down in a terminal for 15 s: 30 repeats a second."""
    _terminal(page, served)
    began = time.monotonic()
    for count in range(450):
        # A key that is held down: the browser sees one `keydown` after another.
        page.keyboard.down("a")
        page.wait_for_timeout(max(0.0, began + (count + 1) / 30 - time.monotonic()) * 1000)
    page.keyboard.up("a")


def paste(page: Page, served: Served) -> None:
    """Paste 100 kB into a terminal and wait until they have arrived."""
    _terminal(page, served)
    page.keyboard.type("stty -echo; cat >pasted.txt; stty echo\n")
    page.wait_for_timeout(500)
    page.evaluate(
        """text => {
            const data = new DataTransfer();
            data.setData('text/plain', text);
            const event = new ClipboardEvent('paste', {clipboardData: data, bubbles: true});
            document.querySelector('.xterm-helper-textarea').dispatchEvent(event);
        }""",
        "a line that is pasted into the terminal of the page\n" * 1950,
    )
    pasted = served.folder / "pasted.txt"
    _wait_until(
        page, lambda: pasted.exists() and pasted.stat().st_size > 100_000, "no paste arrived"
    )
