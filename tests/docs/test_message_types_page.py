"""The page about permissions of message types: its files serve as it says."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import HTTPRequest
from tornado.web import Application
from tornado.websocket import WebSocketClientConnection, websocket_connect

from stormdoor import Guard
from stormdoor.config.check import check_file
from tests.docs.pages import blocks, serving
from tests.support.project import ROOT

PAGE = ROOT / "docs" / "how-to" / "permit-message-types.md"
LOOK, DRAW = '{"type": "look"}', '{"type": "draw", "line": 1}'


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Write the files of the page, and import its program."""
    for block in blocks(PAGE):
        if block.caption:
            (tmp_path / block.caption).write_text(block.text, encoding="utf-8")
    (tmp_path / "stormdoor.toml").chmod(0o600)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    spec = importlib.util.spec_from_file_location("program_of_page", tmp_path / "program.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.modules.pop("board", None)


async def _open(guard: Guard, at: str, name: str) -> WebSocketClientConnection:
    issued = await guard.sessions.create(name)
    headers = {
        "Origin": "http://127.0.0.1:8888",
        "Cookie": f"{guard.sessions.cookie.name}={issued.secret}",
    }
    return await websocket_connect(HTTPRequest(f"ws://{at}/board", headers=headers))


async def _ask(socket: WebSocketClientConnection, message: str) -> dict[str, Any]:
    await socket.write_message(message)
    answer = await socket.read_message()
    assert isinstance(answer, str)
    found: dict[str, Any] = json.loads(answer)
    return found


async def test_viewers_watch_and_members_draw(program: Any, tmp_path: Path) -> None:
    """A viewer's message is answered and not delivered; with another role, her next one is."""
    assert {one.level for one in check_file(tmp_path / "stormdoor.toml")} <= {"note"}
    app: Application = program.app
    guard: Guard = program.guard
    refused = {"error": "you may only look"}
    async with serving(app, guard) as at:
        await guard.admin.add_principal("vera", roles=["viewer"])
        await guard.admin.add_principal("max", roles=["member"])
        vera, max_ = await _open(guard, at, "vera"), await _open(guard, at, "max")
        assert await _ask(vera, DRAW) == refused
        assert await _ask(vera, LOOK) == {"lines": []}
        assert await _ask(max_, DRAW) == {"lines": [1]}
        await guard.admin.grant_role("vera", "member")
        assert await _ask(vera, DRAW) == {"lines": [1, 1]}
        await guard.admin.withdraw_role("vera", "member")
        assert await _ask(vera, DRAW) == refused
        vera.close()
        max_.close()
