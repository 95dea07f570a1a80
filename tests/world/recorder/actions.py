"""The recordings to make: application, action and endpoint of each."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Page

from tests.world.recorder.notebooks import big_cell, key_repeat, paste, run_120_cells, widget_slider
from tests.world.recorder.served import Served, bokeh, jupyterlab, panel
from tests.world.recorder.sliders import drag_slider, upload

__all__ = ["ACTIONS", "Action"]


@dataclass(frozen=True, slots=True)
class Action:
    """One recording.

    Attributes:
        name: Of the file.
        application: Starts it.
        action: The description for the header.
        endpoint: End of the path of the socket that is kept.
        shown: The path for the header, with identifiers replaced.
        drive: What the browser does; None for the client written by hand.
    """

    name: str
    application: Callable[[], contextlib.AbstractContextManager[Served]]
    action: str
    endpoint: str
    shown: str
    drive: Callable[[Page, Served], None] | None


_CHANNELS = "/api/kernels/ID/channels"
_TERMINAL = "/terminals/websocket/ID"

_RECORDED = [
    Action(
        "jupyterlab-run-all-120-cells",
        jupyterlab,
        "Run All Cells of a notebook with 120 cells; Chromium",
        "/channels",
        _CHANNELS,
        run_120_cells,
    ),
    Action(
        "jupyterlab-cell-of-93-kb",
        jupyterlab,
        "run a cell of 93 kB, and save; Chromium",
        "/channels",
        _CHANNELS,
        big_cell,
    ),
    Action(
        "jupyterlab-widget-slider",
        jupyterlab,
        "drag a slider of ipywidgets for 10 s; Chromium",
        "/channels",
        _CHANNELS,
        widget_slider,
    ),
    Action(
        "jupyterlab-comm-60-per-second",
        jupyterlab,
        "600 comm messages in 10 s, each answered; a client written by hand",
        "/channels",
        _CHANNELS,
        None,
    ),
    Action(
        "jupyterlab-terminal-key-repeat",
        jupyterlab,
        "hold a key down in a terminal for 15 s, 30 repeats a second; Chromium",
        "/1",
        _TERMINAL,
        key_repeat,
    ),
    Action(
        "jupyterlab-terminal-paste-100-kb",
        jupyterlab,
        "paste 100 kB into a terminal; Chromium",
        "/1",
        _TERMINAL,
        paste,
    ),
    Action("bokeh-slider", bokeh, "drag a slider for 6 s; Chromium", "/ws", "/app/ws", drag_slider),
    Action(
        "bokeh-upload-200-kb",
        bokeh,
        "upload a file of 200 kB with FileInput; Chromium",
        "/ws",
        "/app/ws",
        upload,
    ),
    Action("panel-slider", panel, "drag a slider for 6 s; Chromium", "/ws", "/app/ws", drag_slider),
    Action(
        "panel-upload-200-kb",
        panel,
        "upload a file of 200 kB with FileInput; Chromium",
        "/ws",
        "/app/ws",
        upload,
    ),
]

ACTIONS = {action.name: action for action in _RECORDED}
