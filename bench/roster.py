"""The servers of a benchmark, and the requests that are sent to them."""

from dataclasses import dataclass
from typing import Final

from process import Server

__all__ = [
    "AIMS",
    "HANDSHAKES",
    "JSON",
    "MEMORY",
    "MESSAGES",
    "PLAIN_HANDSHAKE",
    "RAW",
    "Handshake",
]

RAW: Final = Server(name="Tornado, raw echo", command="{python} plain_server.py --port {port}")
JSON: Final = Server(
    name="Tornado + json", command="{python} plain_server.py --port {port} --echo json"
)
HAND: Final = Server(name="hand-written guard", command="{python} hand_server.py --port {port}")
DOOR: Final = Server(name="stormdoor", command="{python} echo_server.py --port {port}")
DOOR_TORNADO: Final = Server(
    name="stormdoor, Tornado's protocol", command=f"{DOOR.command} --tornado"
)
DOOR_ASYNC: Final = Server(
    name="stormdoor, async action",
    command="{python} echo_server.py --port {port} --action async",
)
DOOR_SESSION: Final = Server(
    name="stormdoor, session cookie",
    command="{python} echo_server.py --port {port}",
    header="Cookie: {session}",
)

_PICOWS: Final = "{python} peers/picows_server.py --port {port}"
_AIOHTTP: Final = "{python} peers/aiohttp_server.py --port {port}"
AIOHTTP: Final = Server(name="aiohttp", command=_AIOHTTP, peer=True)
PEERS: Final = (
    AIOHTTP,
    Server(name="aiohttp, uvloop", command=f"{_AIOHTTP} --uvloop", peer=True),
    Server(name="picows", command=_PICOWS, peer=True),
    Server(name="picows, uvloop", command=f"{_PICOWS} --uvloop", peer=True),
)
NODE: Final = Server(
    name="ws on Node", command="node peers/ws_server.js {port}", counts_objects=False, peer=True
)
RAW_UVLOOP: Final = Server(
    name="Tornado, raw echo, uvloop", command=f"{RAW.command} --uvloop", peer=True
)
JSON_UVLOOP: Final = Server(
    name="Tornado + json, uvloop", command=f"{JSON.command} --uvloop", peer=True
)
DOOR_UVLOOP: Final = Server(name="stormdoor, uvloop", command=f"{DOOR.command} --uvloop", peer=True)

MESSAGES: Final = (
    RAW,
    JSON,
    HAND,
    DOOR,
    DOOR_ASYNC,
    DOOR_SESSION,
    RAW_UVLOOP,
    JSON_UVLOOP,
    DOOR_UVLOOP,
    *PEERS,
    NODE,
)
MEMORY: Final = (RAW, HAND, DOOR, DOOR_SESSION, AIOHTTP, NODE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Handshake:
    """One kind of request and the answer it must get.

    Args:
        name: as the table calls it.
        server: that answers.
        header: as a server's; `{fresh}` is a token that no other request carries, `{forged}` one
            with a bad signature. None sends no credential.
        origin: of the request; None is the server's own.
        status: HTTP status of the answer.
    """

    name: str
    server: Server
    header: str | None
    origin: str | None = None
    status: int = 101


# A browser would send its cookie to a plain server as well, so the plain request has one too.
PLAIN_HANDSHAKE: Final = Handshake(
    name="Tornado, no check", server=RAW, header=f"Cookie: session={'x' * 43}"
)
_BEARER: Final = "Authorization: Bearer "
HANDSHAKES: Final = (
    PLAIN_HANDSHAKE,
    # A longer header is more work for Tornado itself: its regular expressions look at each character.
    Handshake(name="Tornado, no check, with a JWT", server=RAW, header=_BEARER + "{token}"),
    Handshake(name="hand-written guard, JWT", server=HAND, header=_BEARER + "{token}"),
    Handshake(name="stormdoor, session cookie", server=DOOR, header="Cookie: {session}"),
    Handshake(name="stormdoor, JWT first time", server=DOOR, header=_BEARER + "{fresh}"),
    Handshake(name="stormdoor, JWT cached", server=DOOR, header=_BEARER + "{token}"),
    Handshake(name="stormdoor, API key", server=DOOR, header="X-API-Key: {api_key}"),
    Handshake(name="refused: no credential", server=DOOR, header=None, status=401),
    Handshake(
        name="refused: foreign origin",
        server=DOOR,
        header="Cookie: {session}",
        origin="https://attacker.example",
        status=403,
    ),
    Handshake(name="refused: bad signature", server=DOOR, header=_BEARER + "{forged}", status=401),
    Handshake(
        name="hand-written, refused: bad signature",
        server=HAND,
        header=_BEARER + "{forged}",
        status=401,
    ),
)

AIMS: Final = {
    "messages": (
        "Aim for stormdoor: ≤ 0.45 × Tornado + json at c50w1, ≤ 0.27 at c50w4; "
        "on uvloop ≤ 0.25 and ≤ 0.15."
    ),
    "handshakes": (
        "Aim: session cookie ≤ 1.2, JWT first time ≤ 1.35, cached or API key ≤ 1.1, "
        "refused ≤ 0.8 × no check."
    ),
    "memory": "Aim for stormdoor: ≤ 1.5 KiB and ≤ 6 objects more than Tornado alone.",
}
