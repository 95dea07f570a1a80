"""The page about MessagePack: its program serves, and its client speaks with it."""

from __future__ import annotations

import msgspec
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tests.docs.pages import module_of, serving
from tests.support.project import ROOT

PAGE = ROOT / "docs" / "how-to" / "binary-commands.md"


async def test_the_programs_of_the_page() -> None:
    """The client of the page reports, and the table of refusals is true."""
    page = module_of(PAGE)
    async with serving(page.app, page.guard) as at:
        await page.guard.admin.add_principal("boiler-7", roles=["device"])
        key = (await page.guard.keys.issue("boiler-7", name="boiler", scopes=["sensor:*"])).secret
        assert await page.report(f"ws://{at}/sensors", key, [20.5, 21.0]) == 2
        headers = {"Authorization": f"Bearer {key}"}
        command = {"type": "report", "sensor": "boiler-7", "celsius": [1.0]}
        async with connect(
            f"ws://{at}/dashboard",
            additional_headers=headers,
            subprotocols=[Subprotocol("msgpack")],
        ) as socket:
            assert socket.subprotocol == "msgpack"
            await socket.send(msgspec.msgpack.encode({**command, "celsius": [float("nan")]}))
            answer = msgspec.msgpack.decode(await socket.recv(decode=False))
            assert answer == {"type": "error", "error": "invalid"}
            await socket.send(b"\xc1")
            with pytest.raises(ConnectionClosed) as closed:
                await socket.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1007
        async with connect(f"ws://{at}/dashboard", additional_headers=headers) as socket:
            await socket.send(msgspec.json.encode(command).decode())
            assert msgspec.json.decode(await socket.recv()) == {"type": "noted", "count": 1}
