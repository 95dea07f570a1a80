"""Record the WebSocket traffic of real applications: `python -m tests.world.record [NAME…]`.

Chromium drives each application, unguarded, on loopback. The DevTools protocol tells the time and the
size of each frame. Nothing of the payloads is kept.
"""

from __future__ import annotations

import sys

from playwright.sync_api import sync_playwright

from tests.support.browser import find_chromium
from tests.support.recording import Frame, Recording, write
from tests.world.recorder.actions import ACTIONS, Action
from tests.world.recorder.kernel_client import comm_60_per_second
from tests.world.recorder.sockets import observe_sockets

__all__ = ["main"]

_FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]


def _record(action: Action) -> Recording:
    with action.application() as served:
        if action.drive is None:
            sockets = comm_60_per_second(served)
        else:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=find_chromium(), args=_FLAGS)
                page = browser.new_page(viewport={"width": 1200, "height": 900})
                sockets = observe_sockets(page)
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
