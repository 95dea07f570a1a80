"""picows, a parser in Cython: the token at the upgrade, then JSON in and out, without any further check."""

import json
import sys
from pathlib import Path

import jwt
from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from policy import AUDIENCE, ISSUER, SECRET
from serving import parser, run_loop, until_stopped


class Echo(WSListener):
    """One connection."""

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Answers with the same object."""
        if frame.msg_type == WSMsgType.TEXT:
            found = json.loads(frame.get_payload_as_bytes())
            transport.send(WSMsgType.TEXT, json.dumps(found).encode())
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), b"")
            transport.disconnect()


def admit(request: WSUpgradeRequest) -> Echo | None:
    """None refuses."""
    header = request.headers.get("Authorization", "")
    try:
        token = header.removeprefix("Bearer ")
        jwt.decode(token, SECRET, algorithms=["HS256"], audience=AUDIENCE, issuer=ISSUER)
    except jwt.PyJWTError:
        return None
    return Echo()


async def run(port: int) -> None:
    """Serves until SIGTERM."""
    await ws_create_server(admit, "127.0.0.1", port, backlog=4096)
    await until_stopped()


if __name__ == "__main__":
    options = parser(__doc__).parse_args()
    run_loop(run(options.port), uvloop=options.uvloop)
