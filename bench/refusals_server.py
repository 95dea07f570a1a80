"""The server of `refusals.py`: the same sockets with a guard, or by `--plain` without one."""

import tempfile
from pathlib import Path
from typing import Any

from echo_server import credentials, make_guard
from policy import PERMISSIONS
from serving import allow_slow_store, parser, publish, run_loop, serve
from tornado.web import Application
from tornado.websocket import WebSocketHandler

from stormdoor import protect, public


class Echo(WebSocketHandler):
    """A socket that the front serves."""

    def on_message(self, message: str | bytes) -> None:
        """Answers with the message."""
        self.write_message(message)


class Prepared(Echo):
    """A socket that Tornado serves."""

    def prepare(self) -> None:
        """Does nothing."""


class Made(Echo):
    """A socket that the front decides, and Tornado refuses."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Does nothing more."""
        super().__init__(*args, **kwargs)


class Prices(Echo):
    """A public socket."""


async def run(port: int, directory: Path, *, plain: bool) -> None:
    """Serves until SIGTERM."""
    application = Application(
        [
            ("/ws", Echo),
            (r"/ws/(.*)", Echo),
            (r"/prepared/(.*)", Prepared),
            (r"/made/(.*)", Made),
            ("/public", Prices),
        ],
        log_function=lambda _: None,
    )
    if plain:
        await serve(application, port)
        return
    allow_slow_store()
    guard = make_guard(port, directory)
    protect(application, guard, PERMISSIONS[0], permissions={Prices: public("prices")})
    async with guard:
        publish(await credentials(guard))
        await serve(application, port)


def main() -> None:
    """Serves the sockets."""
    arguments = parser(__doc__)
    arguments.add_argument("--plain", action="store_true", help="without a guard")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="stormdoor-refusals-") as directory:
        run_loop(
            run(options.port, Path(directory).resolve(), plain=options.plain), uvloop=options.uvloop
        )


if __name__ == "__main__":
    main()
