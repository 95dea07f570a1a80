"""mitmweb: the socket that shows the recorded requests."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence

from websockets.asyncio.client import ClientConnection

from tests.world.application import Application, OwnClient, Recipe, run
from tests.world.client import Client, FailedError, answer_of
from tests.world.socket_channel import socket_channel

__all__ = ["APPLICATION"]

_PASSWORD = "c0ffee" * 4

_PROXY = "8080"


async def _enter(client: Client, guarded: bool) -> Client:
    entered = await client.logged_in_at(f"/?token={_PASSWORD}")
    if not any(name.startswith("mitmproxy-auth") for name in entered.cookies):
        raise FailedError(f"mitmweb lets no one in: {sorted(entered.cookies)}")
    return entered


async def _updates(owner: Client) -> tuple[str, Sequence[str]]:
    return "/updates", ()


async def _filter(updates: ClientConnection) -> None:
    name = secrets.token_hex(4)
    payload = {"name": name, "expr": "~all"}
    await updates.send(json.dumps({"type": "flows/updateFilter", "payload": payload}))
    await answer_of(updates, name)


async def _typing(updates: ClientConnection) -> None:
    """Type into the filter: one message and one answer for each key."""
    for _ in range(200):
        await _filter(updates)


_PROGRAM = """
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer


class Page(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(204)
        self.end_headers()


server = HTTPServer(("127.0.0.1", 0), Page)
threading.Thread(target=server.serve_forever, daemon=True).start()
proxy = urllib.request.ProxyHandler({"http": "http://127.0.0.1:8080"})
page = f"http://127.0.0.1:{server.server_port}/"
assert urllib.request.build_opener(proxy).open(page, timeout=20).status == 204
"""
"""A recorded program sends its request through the proxy."""

_COMMAND = [
    "mitmweb",
    "--web-port",
    "8888",
    "--no-web-open-browser",
    "--listen-host",
    "127.0.0.1",
    "--listen-port",
    _PROXY,
    "--set",
    f"web_password={_PASSWORD}",
]

APPLICATION = Application(
    name="mitmweb",
    packages=["mitmproxy"],
    plain=Recipe({}, _COMMAND),
    guarded=run({}, _COMMAND, "--insecure-allow-http", _PROXY),
    channels=[socket_channel("", _updates, _filter, filter_200_times=_typing)],
    enter=_enter,
    own_client=OwnClient(_PROGRAM, logs_in=False),
)
