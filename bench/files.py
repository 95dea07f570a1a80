"""Count the files of stormdoor that execute during one handshake and one message.

To follow a path, a reader opens these files. A server of `guarded_server` and its client run in this
process, on loopback. The handshake presents a session cookie, the store is in memory, and the message is an
allowed command with a reply. Each path has run once before, so nothing that happens once in a process is
counted.

- *decision*: from the parsed request to the registered connection or the refusal, in `admit`.
- *handshake*: the decision, and all that the server does from the accepted connection to the open socket. The
  front serves it, so no file of Tornado's path counts.
- *message*: from the received bytes to the sent reply.

    python bench/files.py            # the figures
    python bench/files.py --names    # and the files
"""

import argparse
import asyncio
import json
import logging
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import FrameType
from typing import Final, TypeVar

from tornado.httpclient import HTTPRequest
from tornado.testing import bind_unused_port
from tornado.web import Application
from tornado.websocket import WebSocketClientConnection, websocket_connect

import stormdoor
from stormdoor import (
    Command,
    Guard,
    GuardedHandler,
    PolicySet,
    Reply,
    SessionAuthenticator,
    action,
    guarded_server,
    protect,
    role,
)
from stormdoor.core.account import Account
from stormdoor.guard.handshake import HandshakePipeline

__all__ = ["count"]

ROOT: Final = Path(stormdoor.__file__).parent
ORIGIN: Final = "https://app.example"
T = TypeVar("T")


class Say(Command, tag_field="action", tag="say"):
    """The message."""

    text: str


class Chat(GuardedHandler):
    """The endpoint."""

    permission = "chat:connect"

    @action("chat:say")
    def say(self, _command: Say) -> Reply:
        """Answer at once."""
        return Reply()


class _Files:
    """Notes the files of stormdoor in which a function is called."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.decision: set[str] = set()
        self._deciding = False

    def __call__(self, frame: FrameType, event: str, _argument: object) -> None:
        """See `sys.setprofile`."""
        code = frame.f_code
        if code is HandshakePipeline.admit.__code__:
            self._deciding = event == "call"
        if event != "call" or not code.co_filename.startswith(str(ROOT)):
            return
        name = Path(code.co_filename).relative_to(ROOT).as_posix()
        self.names.add(name)
        if self._deciding:
            self.decision.add(name)


async def _counted(work: Callable[[], Awaitable[T]]) -> tuple[T, _Files]:
    files = _Files()
    before = sys.getprofile()
    sys.setprofile(files)
    try:
        return await work(), files
    finally:
        sys.setprofile(before)


async def count() -> dict[str, list[str]]:
    """Return the files of each path, sorted."""
    guard = Guard(
        origins=[ORIGIN],
        hosts=["127.0.0.1"],
        authenticators=[SessionAuthenticator()],
        policies=PolicySet([role("member", "chat:connect", "chat:say")]),
        production=False,
        insecure_allow_plaintext=True,
    )
    # No maintenance loop: only the measured code may run.
    await guard.state.open()
    await guard.follower.start()
    guard.running = True
    await guard.state.accounts.add_account(Account(id="alice", roles=frozenset({"member"})))
    cookie = f"{guard.sessions.cookie.name}={(await guard.sessions.create('alice')).secret}"
    application = Application([("/ws", Chat)], websocket_ping_interval=20)
    protect(application, guard)
    server = guarded_server(application)
    listening, port = bind_unused_port()
    server.add_socket(listening)

    async def connect() -> WebSocketClientConnection:
        headers = {"Origin": ORIGIN, "Cookie": cookie}
        request = HTTPRequest(f"ws://127.0.0.1:{port}/ws", headers=headers)
        return await websocket_connect(request)

    async def say(client: WebSocketClientConnection) -> str | bytes | None:
        await client.write_message('{"action":"say","text":"hi"}')
        return await client.read_message()

    first = await connect()
    await say(first)
    client, handshake = await _counted(connect)
    await say(client)
    answer, message = await _counted(lambda: say(client))
    if answer is None or json.loads(answer).get("type") != "Reply":
        raise RuntimeError(f"the message was not allowed: {answer!r}")
    server.stop()
    await guard.close()
    return {
        "decision": sorted(handshake.decision),
        "handshake": sorted(handshake.names),
        "message": sorted(message.names),
    }


def main() -> None:
    """Count and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--names", action="store_true", help="name the files")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    for path, names in asyncio.run(count()).items():
        print(f"{path}: {len(names)} files")
        if options.names:
            print("".join(f"  {name}\n" for name in names), end="")


if __name__ == "__main__":
    main()
