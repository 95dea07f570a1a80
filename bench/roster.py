"""The servers of a benchmark, and the requests that are sent to them."""

from dataclasses import dataclass, replace
from typing import Final

from process import Server

__all__ = [
    "AIMS",
    "BARE_SEND",
    "BROADCAST",
    "HANDSHAKES",
    "JSON",
    "MEMORY",
    "MESSAGES",
    "PLAIN_HANDSHAKE",
    "RAW",
    "Handshake",
    "on_uvloop",
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
DOOR_PROXIED: Final = Server(
    name="stormdoor behind a proxy", command=f"{DOOR.command} --trusted-proxy 127.0.0.1"
)
DOOR_PLAIN: Final = Server(name="stormdoor, app.listen", command=f"{DOOR.command} --app-listen")
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
_BROADCAST: Final = "{python} broadcast_server.py --port {port} --way"
BARE_SEND: Final = Server(name="bare socket.send", command=f"{_BROADCAST} bare")
BROADCAST: Final = (
    BARE_SEND,
    Server(name="Tornado, write_message", command=f"{_BROADCAST} plain"),
    Server(name="stormdoor, channels", command=f"{_BROADCAST} guarded"),
    Server(name="stormdoor, channels, uvloop", command=f"{_BROADCAST} guarded --uvloop"),
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
        more: further lines of the request's head, before the credential.
        status: HTTP status of the answer.
    """

    name: str
    server: Server
    header: str | None
    origin: str | None = None
    more: tuple[str, ...] = ()
    status: int = 101


# A browser would send its cookie to a plain server as well, so the plain request has one too.
PLAIN_HANDSHAKE: Final = Handshake(
    name="Tornado, no check", server=RAW, header=f"Cookie: session={'x' * 43}"
)
# The lines that Chrome 140 sends with an upgrade request over TLS, beside those of `upgrade`.
CHROME: Final = (
    "Pragma: no-cache",
    "Cache-Control: no-cache",
    (
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/140.0.0.0 Safari/537.36"
    ),
    'sec-ch-ua: "Chromium";v="140", "Not=A?Brand";v="24", "Google Chrome";v="140"',
    "sec-ch-ua-mobile: ?0",
    'sec-ch-ua-platform: "Linux"',
    "Accept-Encoding: gzip, deflate, br, zstd",
    "Accept-Language: en-GB,en-US;q=0.9,en;q=0.8,de;q=0.7",
    "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
)
# The lines that nginx adds, as `docs/how-to/` configures it.
FORWARDED: Final = ("X-Forwarded-For: 203.0.113.7", "X-Forwarded-Proto: http")
_BEARER: Final = "Authorization: Bearer "
HANDSHAKES: Final = (
    PLAIN_HANDSHAKE,
    Handshake(
        name="Tornado, no check, Chrome's head",
        server=RAW,
        header=PLAIN_HANDSHAKE.header,
        more=CHROME,
    ),
    # A longer header is more work for Tornado itself: its regular expressions look at each character.
    Handshake(name="Tornado, no check, with a JWT", server=RAW, header=_BEARER + "{token}"),
    Handshake(name="hand-written guard, JWT", server=HAND, header=_BEARER + "{token}"),
    Handshake(name="stormdoor, session cookie", server=DOOR, header="Cookie: {session}"),
    Handshake(name="stormdoor, JWT first time", server=DOOR, header=_BEARER + "{fresh}"),
    Handshake(name="stormdoor, JWT cached", server=DOOR, header=_BEARER + "{token}"),
    Handshake(name="stormdoor, API key", server=DOOR, header="X-API-Key: {api_key}"),
    Handshake(
        name="stormdoor, session, Chrome's head",
        server=DOOR,
        header="Cookie: {session}",
        more=CHROME,
    ),
    Handshake(
        name="stormdoor, session, trusted proxy",
        server=DOOR_PROXIED,
        header="Cookie: {session}",
        more=FORWARDED,
    ),
    Handshake(name="stormdoor, session, app.listen", server=DOOR_PLAIN, header="Cookie: {session}"),
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
        "Aim for stormdoor, × Tornado + json: ≤ 0.15 at c50w1; "
        "with an async action ≤ 0.20 at c50w1 and ≤ 0.18 at c50w4."
    ),
    "handshakes": (
        "Aim, × no check: session ≤ 0.80, JWT first time ≤ 0.90, API key ≤ 0.85; Chrome's head or a "
        "trusted proxy ≤ 0.9; refused without credential or from a foreign origin ≤ 0.25, with a bad "
        "signature ≤ 0.35."
    ),
    "broadcast": "Aim for stormdoor: ≤ 1.3 × a bare `socket.send` to each.",
    "memory": "Aim for stormdoor: ≤ 0.40 × Tornado alone.",
}


def on_uvloop(server: Server) -> Server:
    """Return the same server on uvloop. Servers of other languages and of other files stay as they are."""
    if "{python}" not in server.command or "_server.py" not in server.command:
        return server
    if "--uvloop" in server.command:
        return server
    return replace(server, command=f"{server.command} --uvloop")
