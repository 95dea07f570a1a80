"""The adapters of python-socketio and sockjs-tornado, with the real libraries."""

from __future__ import annotations

from typing import Any

import pytest
from tornado.web import Application

from stormdoor import Guard
from stormdoor.apps import Setup, choose_adapter
from stormdoor.config.file import read_options
from stormdoor.config.preset import preset_file
from tests.tornado.login_client import LoginClient
from tests.tornado.transports.plain_http import library
from tests.tornado.wire import request, serving

socketio = library("socketio")
sockjs = library("sockjs.tornado")

ORIGIN = "http://127.0.0.1:1"
PASSWORD = "correct horse battery"


def _socketio() -> Application:
    server: Any = socketio.AsyncServer(async_mode="tornado", cors_allowed_origins="*")
    handler: Any = socketio.get_tornado_handler(server)
    return Application([("/socket.io/", handler)])


def _sockjs() -> Application:
    return Application(sockjs.SockJSRouter(sockjs.SockJSConnection, "/echo").urls)


@pytest.mark.parametrize(
    ("name", "make", "path"),
    [
        ("socketio", _socketio, "/socket.io/?EIO=4&transport=websocket"),
        ("sockjs", _sockjs, "/echo/000/abcdefgh/websocket"),
    ],
)
async def test_the_adapter_guards_the_library(name: str, make: Any, path: str) -> None:
    """It is chosen, its preset has the permission, and its sockets need a login."""
    application = make()
    adapter = choose_adapter(application)
    assert adapter.name == name
    options = read_options(preset_file(adapter.preset), preset=adapter.preset)
    arguments = dict(options.arguments) | {"origins": [ORIGIN], "hosts": ["127.0.0.1"]}
    setup = Setup(lambda: Guard(**arguments))
    adapter.guard(application, setup)
    guard = setup.guard()
    async with serving(application, guard) as at:
        await guard.admin.add_principal("alice", password=PASSWORD, roles=["member"])
        origin = ("Origin", ORIGIN)
        async with await request(at.port, path, origin, upgrade=True) as wire:
            assert wire.status == 401
        browser = LoginClient(at.port, ORIGIN)
        assert (await browser.log_in("alice", PASSWORD)).status == 200
        cookies = "; ".join(f"{k}={v}" for k, v in browser.cookies.items())
        async with await request(at.port, path, origin, ("Cookie", cookies), upgrade=True) as wire:
            assert wire.status == 101
