"""Servers that send one message to all clients: `socket.send`, Tornado's `write_message`, or channels.

The text of each `{"type":"shout"}` is sent to all connected clients.
"""

import json
import tempfile
from argparse import Namespace
from pathlib import Path
from typing import Any, ClassVar

import serving
from echo_server import make_guard
from policy import PATH, PERMISSIONS
from serving import parser, serve
from tornado.web import Application
from tornado.websocket import WebSocketHandler

from stormdoor import Command, Guard, GuardedHandler, Reply, action, protect
from stormdoor.channels import Topic
from stormdoor.core.frame import TEXT as TEXT_FRAME
from stormdoor.core.frame import head

TEXT = "x" * 60
TOPIC = Topic("everybody", PERMISSIONS[0])


class Plain(WebSocketHandler):
    """Tornado alone, as people write it."""

    everybody: ClassVar[set[Any]] = set()

    def open(self) -> None:
        """Listens from now on."""
        self.everybody.add(self)

    def on_close(self) -> None:
        """No more."""
        self.everybody.discard(self)

    def on_message(self, message: str | bytes) -> None:
        """Says it to all."""
        said = json.dumps({"type": "said", "text": TEXT})
        for one in self.everybody:
            one.write_message(said)


class Bare(Plain):
    """The floor: the frame is made once, and each client costs one `socket.send` without any check."""

    def on_message(self, message: str | bytes) -> None:
        """Says it to all."""
        said = json.dumps({"type": "said", "text": TEXT}).encode()
        frame = head(TEXT_FRAME, len(said)) + said
        for one in self.everybody:
            one.ws_connection.stream.socket.send(frame)


UNGUARDED = {"bare": Bare, "plain": Plain}


class Shout(Command, tag="shout"):
    """Says something to all."""


class Said(Reply, tag="said"):
    """The message that all clients receive."""

    text: str


def guarded(guard: Guard) -> type[GuardedHandler]:
    """The same with a guard, which checks each recipient at each delivery."""

    class Guarded(GuardedHandler):
        permission = PERMISSIONS[0]

        def open(self) -> None:
            """Listens from now on."""
            guard.channels.subscribe(self.connection, TOPIC)

        @action(PERMISSIONS[0])
        def shout(self, command: Shout) -> None:
            """Says it to all."""
            guard.channels.publish(TOPIC, Said(text=TEXT))

    return Guarded


async def run(options: Namespace, directory: Path) -> None:
    """Serves until SIGTERM."""
    settings: dict[str, Any] = {"log_function": lambda _: None}
    if options.way in UNGUARDED:
        await serve(Application([(PATH, UNGUARDED[options.way])], **settings), options.port)
        return
    guard = make_guard(options.port, directory)
    application = Application([(PATH, guarded(guard))], **settings)
    protect(application, guard)
    async with guard:
        await serve(application, options.port)


def main() -> None:
    """Serves the broadcast."""
    arguments = parser(__doc__)
    arguments.add_argument("--way", choices=[*UNGUARDED, "guarded"], required=True)
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="stormdoor-broadcast-") as directory:
        serving.run_loop(run(options, Path(directory)), uvloop=options.uvloop)


if __name__ == "__main__":
    main()
