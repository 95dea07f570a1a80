"""Actions of Chromium in Bokeh and Panel: drag a slider, upload a file."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

from tests.world.recorder.served import Served

__all__ = ["PATIENCE", "drag", "drag_slider", "upload"]

PATIENCE = 90_000  # milliseconds

_DRAG = """
async (handle, seconds) => {
    const box = handle.getBoundingClientRect();
    const y = box.y + box.height / 2;
    let x = box.x + box.width / 2;
    const fire = (target, type, buttons) => target.dispatchEvent(new MouseEvent(type, {
        bubbles: true, composed: true, cancelable: true,
        buttons, clientX: x, clientY: y,
    }));
    fire(handle.firstElementChild, 'mousedown', 1);
    const began = performance.now();
    const start = x;
    for (let count = 0; performance.now() < began + seconds * 1000; count++) {
        const place = count % 200;
        x = start + 3 + (place < 100 ? place : 200 - place);
        fire(document.documentElement, 'mousemove', 1);
        const wait = began + (count + 1) * 1000 / 60 - performance.now();
        await new Promise(resolve => setTimeout(resolve, Math.max(0, wait)));
    }
    fire(document.documentElement, 'mouseup', 0);
}
"""


def drag(page: Page, handle: Locator, seconds: float) -> None:
    """Drag a slider to and fro: 60 movements a second, as a screen draws them.

    The page itself makes the events. A mouse that is moved over the DevTools protocol is slower.
    """
    handle.evaluate(_DRAG, seconds)
    page.wait_for_timeout(1000)


def drag_slider(page: Page, served: Served) -> None:
    """Drag the slider of the page for 6 s."""
    page.goto(f"{served.address}/app")
    handle = page.locator(".noUi-handle").first
    handle.wait_for(timeout=PATIENCE)
    drag(page, handle, 6)


def upload(page: Page, served: Served) -> None:
    """Upload a file of 200 kB."""
    page.goto(f"{served.address}/app")
    file = {"name": "f.bin", "mimeType": "application/octet-stream", "buffer": bytes(200_000)}
    page.locator("input[type=file]").first.set_input_files(file, timeout=PATIENCE)  # type: ignore[arg-type]
    expect(page.get_by_text("got 2").first).to_be_visible(timeout=PATIENCE)
