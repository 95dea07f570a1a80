"""A client of the Jupyter kernel protocol, written by hand."""

from __future__ import annotations

import json
import secrets
import time
import urllib.request
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from tests.world.applications.jupyterlab import TOKEN
from tests.world.recorder.served import Served
from tests.world.recorder.sockets import ObservedSocket

__all__ = ["comm_60_per_second"]


def comm_60_per_second(served: Served) -> list[ObservedSocket]:
    """Send 60 comm messages a second for 10 s, as a widget without the throttle of ipywidgets does."""
    ask = urllib.request.Request(  # noqa: S310 - loopback
        f"{served.address}/api/kernels", b"{}", {"Authorization": f"token {TOKEN}"}
    )
    with urllib.request.urlopen(ask) as answer:  # noqa: S310
        kernel = json.load(answer)["id"]
    one = ObservedSocket(f"/api/kernels/{kernel}/channels")
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


def _ask(client: Any, one: ObservedSocket, kind: str, content: dict[str, Any]) -> None:
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


def _drain(client: Any, one: ObservedSocket, seconds: float) -> None:
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
