"""Record the WebSocket traffic of real applications: `python -m tests.world.record [NAME…]`.

Chromium drives each application, unguarded, on loopback. The DevTools protocol tells the time and the
size of each frame. Nothing of the payloads is kept.
"""

from __future__ import annotations

import base64
import contextlib
import json
import secrets
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Locator, Page, expect, sync_playwright
from playwright.sync_api import TimeoutError as NotInTime
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from tests.support.browser import find_chromium
from tests.support.recording import Frame, Recording, write
from tests.world.applications import applications
from tests.world.applications.jupyterlab import TOKEN
from tests.world.environment import install
from tests.world.site import started

__all__ = ["ACTIONS", "main"]

_FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
_PATIENCE = 90_000  # milliseconds
_CELL = "print('a line of output')"
_BIG_CELL = "text = '''\n" + ("0123456789 abcdefghijklmnopqrstuvwxyz 0123456789\n" * 1900) + "'''"


# The applications --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Served:
    """An application that runs without a guard."""

    name: str
    address: str
    folder: Path
    versions: dict[str, str]


@contextlib.contextmanager
def _served(name: str, packages: str, files: dict[str, str]) -> Iterator[_Served]:
    application = applications()[name]
    recipe = replace(application.plain, files={**application.plain.files, **files})
    home = install(name)
    asked = (
        f"import importlib.metadata as m, json;"
        f"print(json.dumps({{p: m.version(p) for p in {packages.split()!r}}}))"
    )
    told = subprocess.run(
        [home / "bin" / "python", "-c", asked], check=True, capture_output=True, text=True
    )
    with started(application, recipe) as site:
        yield _Served(name, site.address, site.folder, json.loads(told.stdout))


def _jupyter() -> contextlib.AbstractContextManager[_Served]:
    packages = "jupyterlab jupyter-server ipykernel terminado ipywidgets tornado"
    files = {
        "many.ipynb": _notebook([_cell(_CELL) for _ in range(120)]),
        "big.ipynb": _notebook([_cell(_BIG_CELL), _cell("print(len(text))")]),
        "widget.ipynb": _notebook(
            [_cell("import ipywidgets\nslider = ipywidgets.IntSlider(max=1000)\nslider")]
        ),
    }
    return _served("jupyterlab", packages, files)


def _cell(source: str) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": secrets.token_hex(4),
        "metadata": {},
        "outputs": [],
        "source": source,
    }


def _notebook(cells: list[dict[str, Any]]) -> str:
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    return json.dumps(
        {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    )


def _bokeh() -> contextlib.AbstractContextManager[_Served]:
    return _served("bokeh", "bokeh tornado", {})


def _panel() -> contextlib.AbstractContextManager[_Served]:
    return _served("panel", "panel bokeh tornado", {})


# What the browser does --------------------------------------------------------------------------


@dataclass(slots=True)
class _Socket:
    """One WebSocket of the page, as the DevTools protocol tells of it."""

    path: str
    subprotocol: str = ""
    frames: list[tuple[float, str, str, int]] = field(default_factory=list)


def _listen(page: Page) -> list[_Socket]:
    sockets: dict[str, _Socket] = {}
    found: list[_Socket] = []
    session = page.context.new_cdp_session(page)

    def created(event: dict[str, Any]) -> None:
        one = _Socket(urlsplit(event["url"]).path)
        sockets[event["requestId"]] = one
        found.append(one)

    def answered(event: dict[str, Any]) -> None:
        headers = {name.lower(): said for name, said in event["response"]["headers"].items()}
        sockets[event["requestId"]].subprotocol = headers.get("sec-websocket-protocol", "")

    def frame(sender: str) -> Callable[[dict[str, Any]], None]:
        def arrived(event: dict[str, Any]) -> None:
            response = event["response"]
            data = response["payloadData"]
            if response["opcode"] == 1:
                told = ("text", len(data.encode()))
            elif response["opcode"] == 2:
                told = ("binary", len(base64.b64decode(data)))
            else:
                return
            sockets[event["requestId"]].frames.append((event["timestamp"], sender, *told))

        return arrived

    session.on("Network.webSocketCreated", created)
    session.on("Network.webSocketHandshakeResponseReceived", answered)
    session.on("Network.webSocketFrameSent", frame("client"))
    session.on("Network.webSocketFrameReceived", frame("server"))
    session.send("Network.enable")
    return found


def _until(page: Page, met: Callable[[], bool], failure: str) -> None:
    end = time.monotonic() + _PATIENCE / 1000
    while not met():
        if time.monotonic() > end:
            raise SystemExit(failure)
        page.wait_for_timeout(100)


def _open_notebook(page: Page, served: _Served, name: str) -> None:
    page.goto(f"{served.address}/lab/tree/{name}?token={TOKEN}&reset")
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=_PATIENCE)
    page.wait_for_selector(
        '.jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook-ExecutionIndicator[data-status="idle"]',
        timeout=_PATIENCE,
    )
    with contextlib.suppress(NotInTime):
        page.get_by_role("button", name="Select", exact=True).click(timeout=5_000)


def _run_all(page: Page) -> None:
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()


def _run_120_cells(page: Page, served: _Served) -> None:
    _open_notebook(page, served, "many.ipynb")
    _run_all(page)

    def done() -> bool:
        # The last cells are drawn only when they are in view.
        page.keyboard.press("Control+End")
        prompts = page.locator(".jp-InputPrompt").all_text_contents()
        return any(one.strip() == "[120]:" for one in prompts)

    _until(page, done, "the 120 cells did not run")


def _big_cell(page: Page, served: _Served) -> None:
    _open_notebook(page, served, "big.ipynb")
    _run_all(page)
    expected = str(len(_BIG_CELL.split("'''")[1]))
    expect(page.get_by_text(expected, exact=True).first).to_be_visible(timeout=_PATIENCE)
    page.keyboard.press("Control+s")
    page.wait_for_timeout(1000)


def _widget_slider(page: Page, served: _Served) -> None:
    _open_notebook(page, served, "widget.ipynb")
    _run_all(page)
    handle = page.locator(".noUi-handle").first
    handle.wait_for(timeout=_PATIENCE)
    _drag(page, handle, 10)


def _terminal(page: Page, served: _Served) -> None:
    page.goto(f"{served.address}/lab?token={TOKEN}&reset")
    page.locator('.jp-LauncherCard[title*="terminal" i]').first.click(timeout=_PATIENCE)
    page.wait_for_selector(".xterm-helper-textarea", timeout=_PATIENCE, state="attached")
    page.wait_for_timeout(2000)
    page.locator(".xterm-screen").click()


def _key_repeat(page: Page, served: _Served) -> None:
    _terminal(page, served)
    began = time.monotonic()
    for count in range(450):
        # A key that is held down: the browser sees one `keydown` after another.
        page.keyboard.down("a")
        page.wait_for_timeout(max(0.0, began + (count + 1) / 30 - time.monotonic()) * 1000)
    page.keyboard.up("a")


def _paste(page: Page, served: _Served) -> None:
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
    _until(page, lambda: pasted.exists() and pasted.stat().st_size > 100_000, "no paste arrived")


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


def _drag(page: Page, handle: Locator, seconds: float) -> None:
    """Drag a slider to and fro: 60 movements a second, as a screen draws them.

    The page itself makes the events. A mouse that is moved over the DevTools protocol is slower.
    """
    handle.evaluate(_DRAG, seconds)
    page.wait_for_timeout(1000)


def _drag_slider(page: Page, served: _Served) -> None:
    page.goto(f"{served.address}/app")
    handle = page.locator(".noUi-handle").first
    handle.wait_for(timeout=_PATIENCE)
    _drag(page, handle, 6)


def _upload(page: Page, served: _Served) -> None:
    page.goto(f"{served.address}/app")
    file = {"name": "f.bin", "mimeType": "application/octet-stream", "buffer": bytes(200_000)}
    page.locator("input[type=file]").first.set_input_files(file, timeout=_PATIENCE)  # type: ignore[arg-type]
    expect(page.get_by_text("got 2").first).to_be_visible(timeout=_PATIENCE)


# A client of the kernel's protocol, by hand -----------------------------------------------------


def _comm_60_per_second(served: _Served) -> list[_Socket]:
    """Send 60 comm messages a second for 10 s, as a widget without the throttle of ipywidgets does."""
    ask = urllib.request.Request(  # noqa: S310 - loopback
        f"{served.address}/api/kernels", b"{}", {"Authorization": f"token {TOKEN}"}
    )
    with urllib.request.urlopen(ask) as answer:  # noqa: S310
        kernel = json.load(answer)["id"]
    one = _Socket(f"/api/kernels/{kernel}/channels")
    address = f"ws{served.address.removeprefix('http')}{one.path}?session_id=s"
    with connect(
        address,
        subprotocols=[Subprotocol("v1.kernel.websocket.jupyter.org")],
        additional_headers={"Authorization": f"token {TOKEN}"},
        compression=None,
        max_size=None,
    ) as client:
        one.subprotocol = client.subprotocol or ""
        comm = secrets.token_hex(16)
        source = (
            "from ipykernel.comm import CommManager\n"
            "def opened(comm, message): comm.on_msg(lambda said: comm.send(said['content']['data']))\n"
            "get_ipython().kernel.comm_manager.register_target('echo', opened)"
        )
        _ask(client, one, "execute_request", {"code": source, "silent": True})
        _drain(client, one, 3.0)
        _ask(client, one, "comm_open", {"comm_id": comm, "target_name": "echo", "data": {}})
        began = time.monotonic()
        for count in range(600):
            data = {"method": "update", "state": {"value": count}, "buffer_paths": []}
            _ask(client, one, "comm_msg", {"comm_id": comm, "data": data})
            _drain(client, one, began + (count + 1) / 60 - time.monotonic())
        _drain(client, one, 3.0)
    return [one]


def _ask(client: Any, one: _Socket, kind: str, content: dict[str, Any]) -> None:
    """Send a message as the subprotocol `v1.kernel.websocket.jupyter.org` packs it."""
    header = {
        "msg_id": secrets.token_hex(16),
        "msg_type": kind,
        "username": "",
        "session": secrets.token_hex(16),
        "date": "2026-01-01T00:00:00.000Z",
        "version": "5.3",
    }
    parts = [b"shell", *(json.dumps(part).encode() for part in (header, {}, {}, content))]
    offsets = [8 * (len(parts) + 2)]
    for part in parts:
        offsets.append(offsets[-1] + len(part))
    packed = b"".join(n.to_bytes(8, "little") for n in (len(offsets), *offsets)) + b"".join(parts)
    client.send(packed)
    one.frames.append((time.monotonic(), "client", "binary", len(packed)))


def _drain(client: Any, one: _Socket, seconds: float) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        try:
            told = client.recv(timeout=left)
        except TimeoutError:
            return
        except ConnectionClosed as closed:
            raise SystemExit(f"the server closed the socket: {closed}") from closed
        kind = "text" if isinstance(told, str) else "binary"
        one.frames.append((time.monotonic(), "server", kind, len(told)))


# The list ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Action:
    """One recording.

    Attributes:
        name: Of the file.
        application: Starts it.
        action: The description for the header.
        endpoint: End of the path of the socket that is kept.
        shown: The path for the header, with identifiers replaced.
        drive: The browser's action, or a client's.
    """

    name: str
    application: Callable[[], contextlib.AbstractContextManager[_Served]]
    action: str
    endpoint: str
    shown: str
    drive: Callable[[Page, _Served], None] | None


_CHANNELS = "/api/kernels/ID/channels"
_TERMINAL = "/terminals/websocket/ID"

_RECORDED = [
    _Action(
        "jupyterlab-run-all-120-cells",
        _jupyter,
        "Run All Cells of a notebook with 120 cells; Chromium",
        "/channels",
        _CHANNELS,
        _run_120_cells,
    ),
    _Action(
        "jupyterlab-cell-of-93-kb",
        _jupyter,
        "run a cell of 93 kB, and save; Chromium",
        "/channels",
        _CHANNELS,
        _big_cell,
    ),
    _Action(
        "jupyterlab-widget-slider",
        _jupyter,
        "drag a slider of ipywidgets for 10 s; Chromium",
        "/channels",
        _CHANNELS,
        _widget_slider,
    ),
    _Action(
        "jupyterlab-comm-60-per-second",
        _jupyter,
        "600 comm messages in 10 s, each answered; a client written by hand",
        "/channels",
        _CHANNELS,
        None,
    ),
    _Action(
        "jupyterlab-terminal-key-repeat",
        _jupyter,
        "hold a key down in a terminal for 15 s, 30 repeats a second; Chromium",
        "/1",
        _TERMINAL,
        _key_repeat,
    ),
    _Action(
        "jupyterlab-terminal-paste-100-kb",
        _jupyter,
        "paste 100 kB into a terminal; Chromium",
        "/1",
        _TERMINAL,
        _paste,
    ),
    _Action(
        "bokeh-slider", _bokeh, "drag a slider for 6 s; Chromium", "/ws", "/app/ws", _drag_slider
    ),
    _Action(
        "bokeh-upload-200-kb",
        _bokeh,
        "upload a file of 200 kB with FileInput; Chromium",
        "/ws",
        "/app/ws",
        _upload,
    ),
    _Action(
        "panel-slider", _panel, "drag a slider for 6 s; Chromium", "/ws", "/app/ws", _drag_slider
    ),
    _Action(
        "panel-upload-200-kb",
        _panel,
        "upload a file of 200 kB with FileInput; Chromium",
        "/ws",
        "/app/ws",
        _upload,
    ),
]

ACTIONS = {action.name: action for action in _RECORDED}


def _record(action: _Action) -> Recording:
    with action.application() as served:
        if action.drive is None:
            sockets = _comm_60_per_second(served)
        else:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=find_chromium(), args=_FLAGS)
                page = browser.new_page(viewport={"width": 1200, "height": 900})
                sockets = _listen(page)
                try:
                    action.drive(page, served)
                except BaseException:
                    page.screenshot(path=f"build/{action.name}.png")
                    raise
                finally:
                    browser.close()
    kept = [one for one in sockets if one.path.endswith(action.endpoint) and one.frames]
    one = max(kept, key=lambda socket: len(socket.frames))
    began = one.frames[0][0]
    frames = tuple(Frame(at - began, *rest) for at, *rest in one.frames)  # type: ignore[arg-type]
    return Recording(
        served.name, served.versions, action.action, action.shown, one.subprotocol, frames
    )


def main() -> None:
    """Make the recordings that the command line names; without a name, all of them."""
    for name in sys.argv[1:] or ACTIONS:
        recording = _record(ACTIONS[name])
        path = write(name, recording)
        sent = [one for one in recording.frames if one.sender == "client"]
        print(
            f"{path.name}: {len(recording.frames)} frames, {len(sent)} of the client, the largest"
            f" {max(one.size for one in sent)} bytes, {recording.frames[-1].at:.1f} s"
        )


if __name__ == "__main__":
    main()
