"""JupyterLab: kernels and terminals."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from tests.support.recording import read
from tests.world.application import Application, OwnLogin, Recipe, files_of_page
from tests.world.client import Client, FailedError, answer_of, end_of
from tests.world.socket_channel import socket_channel

__all__ = ["APPLICATION", "COMMAND", "TOKEN", "V1", "ask", "log_in"]

TOKEN = "c0ffee" * 4
V1 = ("v1.kernel.websocket.jupyter.org",)
"""The subprotocol of kernels."""

_SECONDS = 60.0


async def _enter(client: Client, guarded: bool) -> Client:
    """Show Jupyter's token without a guard; with one, every client has logged in."""
    if guarded:
        return client
    return client.having(headers={"Authorization": f"token {TOKEN}"})


async def log_in(address: str) -> tuple[Client, str]:
    """Send the form of Jupyter's login as a browser does, and ask Jupyter for the name of the user."""
    client = await Client(address, origin=address).sent("GET", "/login")
    xsrf = client.cookies.get("_xsrf", "")
    form = urlencode({"password": TOKEN, "_xsrf": xsrf})
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    client = await client.sent("POST", "/login", form, kind)
    xsrf = client.cookies.get("_xsrf", xsrf)
    client = client.having(headers={"X-XSRFToken": xsrf, "Referer": f"{address}/lab"})
    answer = await client.request("GET", "/api/me")
    if answer.status_code != 200:
        raise FailedError(f"the login of Jupyter: {answer.status_code} {answer.text[:200]}")
    return client, str(answer.json()["identity"]["username"])


# A kernel ---------------------------------------------------------------------------------------


async def _kernel(owner: Client) -> tuple[str, Sequence[str]]:
    response = await owner.request("POST", "/api/kernels", "{}")
    if response.status_code != 201:
        raise FailedError(f"no kernel: {response.status_code} {response.text[:200]}")
    path = f"/api/kernels/{response.json()['id']}/channels?session_id={secrets.token_hex(8)}"
    return path, V1


async def ask(socket: ClientConnection, kind: str, content: dict[str, Any]) -> str:
    """Send a message as the subprotocol packs it: a table of offsets, then the parts."""
    header = {
        "msg_id": secrets.token_hex(16),
        "msg_type": kind,
        "username": "",
        "session": "s",
        "date": "2026-01-01T00:00:00.000Z",
        "version": "5.3",
    }
    parts = [b"shell", *(json.dumps(part).encode() for part in (header, {}, {}, content))]
    offsets = [8 * (len(parts) + 2)]
    for part in parts:
        offsets.append(offsets[-1] + len(part))
    table = b"".join(number.to_bytes(8, "little") for number in (len(offsets), *offsets))
    await socket.send(table + b"".join(parts))
    return str(header["msg_id"])


def _unpack(message: bytes) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Return header, parent header and content of a packed message."""
    count = int.from_bytes(message[:8], "little")
    ends = [int.from_bytes(message[8 * n : 8 * n + 8], "little") for n in range(1, count + 1)]
    parts = [message[a:b] for a, b in pairwise(ends)]
    header, parent, _, content = (json.loads(part) for part in parts[1:5])
    return header, parent, content


async def _replies(socket: ClientConnection, wanted: set[str]) -> str:
    """Wait for an `execute_reply` to each message id; return what the cells printed."""
    printed = ""
    busy = set(wanted)
    try:
        async with asyncio.timeout(_SECONDS):
            while wanted or busy:  # output and reply come over two channels, in any order
                message = await socket.recv()
                assert isinstance(message, bytes)
                header, parent, content = _unpack(message)
                if header["msg_type"] == "stream":
                    printed += content["text"]
                if header["msg_type"] == "status" and content["execution_state"] == "idle":
                    busy.discard(parent["msg_id"])
                if header["msg_type"] == "execute_reply":
                    if content["status"] != "ok":
                        raise FailedError(f"a cell ends with {content}")
                    wanted.discard(parent["msg_id"])
    except TimeoutError:
        raise FailedError(f"{len(wanted)} cells never ran") from None
    except ConnectionClosed:
        raise FailedError(
            f"{len(wanted)} cells never ran; closed: {await end_of(socket)}"
        ) from None
    return printed


async def _execute(socket: ClientConnection, code: str) -> str:
    return await _replies(socket, {await ask(socket, "execute_request", {"code": code})})


async def _change_nothing(socket: ClientConnection) -> None:
    """Try to run a cell as a viewer. The answer is that of a kernel, and nothing is printed."""
    id = await ask(socket, "execute_request", {"code": "print(6 * 7)"})
    async with asyncio.timeout(_SECONDS):
        while True:
            message = await socket.recv()
            assert isinstance(message, bytes)
            header, parent, content = _unpack(message)
            if header["msg_type"] == "stream":
                raise FailedError(f"the cell of a viewer prints {content['text']!r}")
            if header["msg_type"] == "execute_reply" and parent["msg_id"] == id:
                if content["status"] == "ok":
                    raise FailedError("the cell of a viewer runs")
                return


async def _calculate(socket: ClientConnection) -> None:
    printed = await _execute(socket, "print(6 * 7)")
    if printed.strip() != "42":
        raise FailedError(f"the kernel prints {printed!r}")


async def _run_all(socket: ClientConnection) -> None:
    """Send 120 cells at once, as "Run All Cells" does."""
    code = "print('a line of output')"
    printed = await _replies(
        socket, {await ask(socket, "execute_request", {"code": code}) for _ in range(120)}
    )
    if printed.count("a line of output") != 120:
        raise FailedError(f"{printed.count('a line of output')} of 120 cells printed")


async def _big_cell(socket: ClientConnection) -> None:
    text = "0123456789" * 15_000
    printed = await _execute(socket, f"print(len('{text}'))")
    if printed.strip() != "150000":
        raise FailedError(f"the kernel prints {printed!r}")


async def _comms(socket: ClientConnection) -> None:
    """Send the recorded comm messages of a widget, at the recorded times; each is answered."""
    comm = secrets.token_hex(16)
    source = (
        "from ipykernel.comm import CommManager\n"
        "def opened(comm, message): comm.on_msg(lambda said: comm.send(said['content']['data']))\n"
        "get_ipython().kernel.comm_manager.register_target('echo', opened)"
    )
    await _execute(socket, source)
    await ask(socket, "comm_open", {"comm_id": comm, "target_name": "echo", "data": {}})
    frames = read("jupyterlab-comm-60-per-second").frames
    times = [frame.at for frame in frames if frame.sender == "client"][2:]
    answered = 0

    async def listen() -> None:
        nonlocal answered
        try:
            while answered < len(times):
                message = await socket.recv()
                assert isinstance(message, bytes)
                answered += _unpack(message)[0]["msg_type"] == "comm_msg"
        except ConnectionClosed:
            return

    listening = asyncio.create_task(listen())
    began = time.monotonic() - times[0]
    for at in times:
        await asyncio.sleep(began + at - time.monotonic())
        await ask(socket, "comm_msg", {"comm_id": comm, "data": {"state": {"value": at}}})
    with_time = asyncio.wait_for(listening, _SECONDS)
    try:
        await with_time
    except TimeoutError:
        raise FailedError(f"{answered} of {len(times)} comm messages are answered") from None
    if answered != len(times):
        raise FailedError(f"{answered} of {len(times)} answered; closed: {await end_of(socket)}")


# A terminal -------------------------------------------------------------------------------------


async def _terminal(owner: Client) -> tuple[str, Sequence[str]]:
    response = await owner.request("POST", "/api/terminals", "")
    if response.status_code != 200:
        raise FailedError(f"no terminal: {response.status_code} {response.text[:200]}")
    return f"/terminals/websocket/{response.json()['name']}", ()


async def _type(socket: ClientConnection, text: str) -> None:
    await socket.send(json.dumps(["stdin", text]))


async def _echo(socket: ClientConnection) -> None:
    mark = secrets.token_hex(4)
    await _type(socket, f"echo $((6*7))-{mark}\r")
    await answer_of(socket, f"42-{mark}")


async def _key_repeat(socket: ClientConnection) -> None:
    """Hold a key down as the recorded user did, end the line, and see that every key has arrived."""
    await _type(socket, "stty -echo; read -r line; stty echo; echo ${#line}-keys\r")
    await asyncio.sleep(1)
    frames = read("jupyterlab-terminal-key-repeat").frames
    times = [frame.at for frame in frames if frame.sender == "client"][2:]
    began = time.monotonic() - times[0]
    for at in times:
        await asyncio.sleep(began + at - time.monotonic())
        await _type(socket, "a")
    await _type(socket, "\r")
    await answer_of(socket, f"{len(times)}-keys")


async def _paste(socket: ClientConnection) -> None:
    """Paste 100 kB in one message, as the recorded user did, and count what has arrived."""
    line = "a line that is pasted into the terminal of the page\r"
    await _type(socket, "stty -echo; head -n 1950 | wc -c; stty echo\r")
    await asyncio.sleep(1)
    await _type(socket, line * 1950)
    await answer_of(socket, str(len(line) * 1950))


COMMAND = [
    "jupyter",
    "lab",
    "--no-browser",
    "--allow-root",
    "--ip=127.0.0.1",
    "--port=8888",
    f"--IdentityProvider.token={TOKEN}",
]

APPLICATION = Application(
    name="jupyterlab",
    packages=["jupyterlab", "jupyter-server"],
    plain=Recipe({}, COMMAND),
    guarded=Recipe(
        {**files_of_page("guard-jupyterlab"), "notebooks/read-me.txt": ""},
        [*COMMAND, "--config=jupyter_server_config.py"],
    ),
    channels=[
        replace(
            socket_channel(
                "kernel",
                _kernel,
                _calculate,
                forbidden=_change_nothing,
                run_all_120_cells=_run_all,
                cell_of_150_kB=_big_cell,
                widget_60_per_second=_comms,
            ),
            private=False,  # a viewer watches the kernel of the owner
            viewer_exchanges=False,
        ),
        socket_channel(
            "terminal", _terminal, _echo, key_repeat_for_15_s=_key_repeat, paste_of_100_kB=_paste
        ),
    ],
    ready="/api",
    health="/api",
    enter=_enter,
    own_login=OwnLogin(log_in, logout="/logout"),
)
