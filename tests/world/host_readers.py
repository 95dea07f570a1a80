"""The types that the parsers of Jupyter Server and Bokeh find in messages: run with the Python of the host.

It reads lines of JSON from standard input, `[["t", TEXT] or ["b", HEX], …]`, each with the frames of one
connection, and prints the types that the host acts on. `python host_readers.py jupyter|jupyter-v1|bokeh`.
"""

import asyncio
import json
import sys
from importlib import import_module
from typing import Any


class Stream:
    """Takes what the server sends to a kernel."""

    def __init__(self, channel: str) -> None:
        self.channel = channel
        self.sent: list[list[bytes]] = []

    def send_multipart(self, parts: list[bytes], *_: Any, **__: Any) -> None:
        """See `zmq.Socket`."""
        self.sent.append([bytes(one) for one in parts])


class Log:
    """Takes what the server logs."""

    def warning(self, *_: Any) -> None:
        """Take it."""

    debug = info = error = warning


def of_jupyter(frames: list[str | bytes], subprotocol: str | None) -> list[str]:
    """Return the types that a kernel finds in what Jupyter Server passes on, after `stdin` its answers."""
    session_class = import_module("jupyter_client.session").Session
    channels = import_module("jupyter_server.services.kernels.connection.channels")
    session = session_class(key=b"key")
    streams = {name: Stream(name) for name in ("shell", "control", "stdin", "iopub")}

    class Manager:
        allowed_message_types = ()

    class Connection:
        channels = streams
        log = Log()
        multi_kernel_manager = Manager()

    Connection.subprotocol = subprotocol  # type: ignore[attr-defined]
    Connection.session = session  # type: ignore[attr-defined]
    handle: Any = channels.ZMQChannelsWebsocketConnection.handle_incoming_message
    found: list[str] = []
    for frame in frames:
        try:
            handle(Connection(), frame)
        except Exception:  # noqa: BLE001, S112 - the server refuses it
            continue
        for name, stream in streams.items():
            for parts in stream.sent:
                try:
                    _, fed = session.feed_identities(parts)
                    message = session.deserialize(fed)
                except Exception:  # noqa: BLE001, S112 - the kernel refuses it
                    continue
                # A kernel answers its question with each message on stdin, without regard to the type.
                found.append("input_reply" if name == "stdin" else str(message["msg_type"]))
            stream.sent.clear()
    return found


def of_bokeh(frames: list[str | bytes]) -> list[str]:
    """Return the types of the messages that Bokeh assembles. After an error it closes the socket."""
    protocol = import_module("bokeh.protocol").Protocol()
    receiver = import_module("bokeh.protocol.receiver").Receiver(protocol)
    found: list[str] = []
    for frame in frames:
        try:
            message = asyncio.run(receiver.consume(frame))
        except Exception:  # noqa: BLE001 - it closes the socket
            break
        if message is not None:
            found.append(message.msgtype)
    return found


def main() -> None:
    """Read lines of frames until the end of the input, and answer each with a line."""
    for line in sys.stdin:
        frames: list[str | bytes] = [
            text if kind == "t" else bytes.fromhex(text) for kind, text in json.loads(line)
        ]
        match sys.argv[1]:
            case "jupyter":
                found = of_jupyter(frames, None)
            case "jupyter-v1":
                found = of_jupyter(frames, "v1.kernel.websocket.jupyter.org")
            case _:
                found = of_bokeh(frames)
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
