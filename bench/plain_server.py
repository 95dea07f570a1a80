"""Tornado without any guard: it echoes a message as it came (raw) or through `json`."""

import json

from policy import PATH
from serving import parser, run_loop, serve
from tornado.web import Application
from tornado.websocket import WebSocketHandler


class Raw(WebSocketHandler):
    """Writes back what it received."""

    def on_message(self, message: str | bytes) -> None:
        """Answers as it came."""
        self.write_message(message)


class Json(WebSocketHandler):
    """Decodes the message and encodes the reply, as an application does, and checks nothing."""

    def on_message(self, message: str | bytes) -> None:
        """Answers with the same object."""
        self.write_message(json.dumps(json.loads(message)))


HANDLERS = {"raw": Raw, "json": Json}


def main() -> None:
    """Serves the echo that `--echo` names."""
    arguments = parser(__doc__)
    arguments.add_argument("--echo", choices=HANDLERS, default="raw")
    options = arguments.parse_args()
    application = Application([(PATH, HANDLERS[options.echo])], log_function=lambda _: None)
    run_loop(serve(application, options.port, options.tls), uvloop=options.uvloop)


if __name__ == "__main__":
    main()
