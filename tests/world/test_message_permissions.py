"""A permission for each event of Socket.IO and each type of message of SockJS, as the guides declare it."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace

import msgspec
import pytest

from tests.world.application import Application, Recipe, files_of_page
from tests.world.applications import applications
from tests.world.client import Client, FailedError, answer_of, open_socket
from tests.world.environment import require
from tests.world.site import Site, started

pytestmark = [pytest.mark.installs, pytest.mark.slow, pytest.mark.unmeasured]

_POLL = "/socket.io/?EIO=4&transport=polling"
_SETTLED_SECONDS = 1.0


def _guarded(name: str, extra: Mapping[str, str] = {}) -> tuple[Application, Recipe]:
    """Return an application with the configuration file of its guide."""
    home, host = require(name), name.partition("-")[0]
    application = replace(applications()[host], home=home)
    files = {**files_of_page(f"guard-{host}"), **extra}
    command = ["stormdoor", "run", "--config", "stormdoor.toml", "--", "python", "app.py"]
    return application, replace(application.guarded, files=files, command=command)


async def _says_over_websocket(client: Client, text: str) -> None:
    socket = await open_socket(client, "/socket.io/?EIO=4&transport=websocket")
    await answer_of(socket, '0{"sid"')
    await socket.send("40")
    await answer_of(socket, '40{"sid"')
    await socket.send(f'42["say","{text}"]')
    await socket.send('42["wave"]')  # needs `app:use` alone
    await answer_of(socket, '42["waved"]')
    await socket.close()


async def _says_over_polling(client: Client, text: str) -> int:
    begun = await client.request("GET", _POLL)
    path = f"{_POLL}&sid={json.loads(begun.text[1:])['sid']}"
    kind = {"Content-Type": "text/plain;charset=UTF-8"}
    assert (await client.request("POST", path, "40", kind)).status_code == 200
    await client.request("GET", path)
    return (await client.request("POST", path, f'42["say","{text}"]', kind)).status_code


def _heard(site: Site, text: str) -> bool:
    return f"HEARD {text}" in (site.folder / "log.txt").read_text("utf-8")


def _telling(app: str) -> str:
    """Return the application of the guide, with a second event, and a line for each `say`."""
    return app.replace(
        "    await server.emit",
        '    print("HEARD", text, flush=True)\n    await server.emit',
    ).replace(
        "async def main",
        '@server.event\nasync def wave(sid):\n    await server.emit("waved", to=sid)\n\n\nasync def main',
    )


@pytest.mark.parametrize("host", ["socketio", "socketio-oldest"])
def test_a_viewer_of_socketio_listens_and_does_not_talk(host: str) -> None:
    """The event `say` of a viewer does not reach the application, over any transport."""
    application, recipe = _guarded(host)
    told = _telling(recipe.files["app.py"])

    async def work(site: Site) -> None:
        for name, heard, status in (("alice", True, 200), ("victor", False, 403)):
            over_socket, over_polling = secrets.token_hex(8), secrets.token_hex(8)
            await _says_over_websocket(site.client(name), over_socket)
            assert await _says_over_polling(site.client(name), over_polling) == status
            await asyncio.sleep(_SETTLED_SECONDS)
            assert [_heard(site, one) for one in (over_socket, over_polling)] == [heard] * 2

    files = {**recipe.files, "app.py": told}
    with started(application, replace(recipe, files=files)) as site:
        asyncio.run(work(site))


_IN_JSON = '451-["wave",{"_placeholder":true,"num":0}]'
"""A listed event in JSON, with an attachment: a reader of JSON lets the next binary message pass."""


def _packed(kind: int, *data: str) -> bytes:
    return msgspec.msgpack.encode({"type": kind, "nsp": "/", "data": list(data) or None})


async def _says_in_msgpack(client: Client, texts: Sequence[str]) -> None:
    """Say the first text after an event in JSON, the second one alone, and the third one by polling."""
    socket = await open_socket(client, "/socket.io/?EIO=4&transport=websocket")
    await answer_of(socket, '0{"sid"')
    await socket.send(_packed(0))
    await answer_of(socket, b"sid")
    await socket.send(_IN_JSON)
    for text in texts[:2]:
        await socket.send(_packed(2, "say", text))
    await socket.send(_packed(2, "wave"))
    await answer_of(socket, b"waved")
    await socket.close()
    begun = await client.request("GET", _POLL)
    path = f"{_POLL}&sid={json.loads(begun.text[1:])['sid']}"
    for packet in (_packed(0), _packed(2, "say", texts[2])):
        body = b"b" + base64.b64encode(packet)
        await client.request("POST", path, body, {"Content-Type": "text/plain;charset=UTF-8"})


def test_packets_in_msgpack() -> None:
    """Events in MessagePack need their permission, too; without the guard, each of them arrives."""
    application, recipe = _guarded("socketio-oldest")
    app = _telling(recipe.files["app.py"]).replace(
        'async_mode="tornado",', 'async_mode="tornado", serializer="msgpack",'
    )

    async def said(site: Site, client: Client) -> list[bool]:
        texts = [secrets.token_hex(8) for _ in range(3)]
        await _says_in_msgpack(client, texts)
        await asyncio.sleep(_SETTLED_SECONDS)
        return [_heard(site, one) for one in texts]

    files = {**recipe.files, "app.py": app}
    with started(application, replace(application.plain, files=files)) as site:
        assert asyncio.run(said(site, site.client())) == [True] * 3
    with started(application, replace(recipe, files=files)) as site:
        assert asyncio.run(said(site, site.client("alice"))) == [True] * 3
        assert asyncio.run(said(site, site.client("victor"))) == [False] * 3


def test_a_viewer_of_sockjs_listens_and_does_not_talk() -> None:
    """A message of the type `say` of a viewer does not reach the application, over any transport."""
    application, recipe = _guarded("sockjs")
    told = recipe.files["app.py"].replace(
        "        self.send(message)",
        '        print("HEARD", message, flush=True)\n        self.send(message)',
    )

    async def work(site: Site) -> None:
        for name, heard in (("alice", True), ("victor", False)):
            client = site.client(name)
            ids = [secrets.token_hex(8) for _ in range(3)]
            said = [json.dumps({"type": "say", "id": one}) for one in ids]
            other = json.dumps({"type": "wave"})
            socket = await open_socket(client, f"/echo/000/{secrets.token_hex(4)}/websocket")
            await answer_of(socket, "o")
            await socket.send(json.dumps([said[0]]))
            await socket.send(json.dumps([other]))
            await answer_of(socket, "wave")
            await socket.close()
            raw = await open_socket(client, "/echo/websocket")
            await raw.send(said[1])
            await raw.send(other)
            await answer_of(raw, "wave")
            await raw.close()
            path = f"/echo/000/{secrets.token_hex(4)}"
            assert (await client.request("POST", f"{path}/xhr")).text == "o\n"
            sent = await client.request("POST", f"{path}/xhr_send", json.dumps([said[2]]))
            if sent.status_code != (204 if heard else 403):
                raise FailedError(f"xhr_send answers {sent.status_code} to {name}")
            await asyncio.sleep(_SETTLED_SECONDS)
            log = (site.folder / "log.txt").read_text("utf-8")
            assert [one in log for one in ids] == [heard] * 3

    files = {**recipe.files, "app.py": told}
    with started(application, replace(recipe, files=files)) as site:
        asyncio.run(work(site))
