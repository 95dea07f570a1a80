"""A ledger that is guarded, each time in another way that a hostile reader might not expect.

    python vault.py PORT WAY[+any]        `+any` does not look at the page that asks
"""

import asyncio
import hashlib
import hmac
import json
import secrets
import sys
from http import HTTPStatus

from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

PORT = int(sys.argv[1])
WAY, _, PAGES = sys.argv[2].partition("+")
OWN = f"http://127.0.0.1:{PORT}"
KEY = b"a key that this program alone knows"
SESSION = "v-71d0c4e8a25f"
LOGIN = "vk-5c0d9e2b7a41f386"
TAB = "tok-4fa1c9"
FORGERY = hmac.new(KEY, SESSION.encode(), hashlib.sha256).hexdigest()[:20]
ADDRESS = "/s/5f2b8c0e9a7d4136b1c2d3e4f5061728/feed"
ROWS = [{"who": "ada", "sum": 1200, "memo": "looms"}, {"who": "lin", "sum": -90, "memo": "thread"}]
SAMPLE = [{"who": "demo", "sum": 10 * n, "memo": "an example of what stands here"} for n in range(9)]
LEDGER = {"kind": "ledger", "rows": ROWS}


def signed(address):
    """The session, bound to the address that it was given to."""
    mac = hmac.new(KEY, f"{SESSION}|{address}".encode(), hashlib.sha256).hexdigest()[:32]
    return f"{SESSION}.{mac}"


def cookie(request):
    pairs = (one.strip().partition("=") for one in request.headers.get("Cookie", "").split(";"))
    return {name: value for name, _, value in pairs}.get("vault", "")


def known(connection):
    given = cookie(connection.request)
    if WAY == "bound":
        return hmac.compare_digest(given, signed(connection.remote_address[0]))
    return hmac.compare_digest(given, SESSION)


def offered(connection):
    return [one.strip() for one in connection.request.headers.get("Sec-WebSocket-Protocol", "").split(",")]


def foreign(request):
    if WAY == "fetch":
        said = request.headers.get("Sec-Fetch-Site")
        return said != "same-origin" if said is not None else request.headers.get("Origin") != OWN
    return request.headers.get("Origin") not in {OWN, None}


def gate(connection, request):
    """Before the 101: not every way looks at something here."""
    if PAGES != "any" and WAY not in {"spoken", "empty"} and foreign(request):
        return connection.respond(HTTPStatus.FORBIDDEN, "not for this page\n")
    if WAY in {"bound", "fetch"} and not known(Here(connection, request)):
        return connection.respond(HTTPStatus.FORBIDDEN, "who is there?\n")
    if WAY == "path" and request.path != ADDRESS:
        return connection.respond(HTTPStatus.NOT_FOUND, "no such feed\n")
    return None


class Here:
    """Connection with another request."""

    def __init__(self, connection, request):
        self.remote_address, self.request = connection.remote_address, request


def chosen(connection, protocols):
    return "ledger.v1" if "ledger.v1" in protocols else None


async def say(connection, **fields):
    await connection.send(json.dumps(fields))


async def serve_ledger(connection):
    await say(connection, **LEDGER)
    async for _ in connection:
        await say(connection, **LEDGER)


async def heard(connection):
    try:
        return json.loads(await connection.recv())
    except ValueError:
        return {}


async def banner(connection):
    """Send a long banner to every client, and wait for a login."""
    await say(connection, server="vault 4", regions=["eu", "us"], accepts=["login", "resume"],
              limits={"rows": 500, "rate": 20}, notes="Maintenance on Sunday from two to four o'clock.")
    given = await heard(connection)
    if not isinstance(given, dict) or given.get("login") != LOGIN:
        return await connection.close(4401, "login")
    await serve_ledger(connection)


async def challenge(connection):
    """Send challenges until a client answers one with the key."""
    while True:
        number = secrets.token_hex(8)
        await say(connection, state="waiting", number=number)
        given = await heard(connection)
        want = hmac.new(KEY, number.encode(), hashlib.sha256).hexdigest()
        if isinstance(given, dict) and given.get("answer") == want:
            return await serve_ledger(connection)


async def spoken(connection):
    """The first message says where the page is from, and proves that it has read it."""
    given = await heard(connection)
    good = isinstance(given, dict) and given.get("forgery") == FORGERY and known(connection)
    if not good or foreign(connection.request):
        return await say(connection, kind="nothing", rows=0)
    await serve_ledger(connection)


async def empty(connection):
    """A foreign page is given a table without rows."""
    if not known(connection):
        return await connection.close(4401)
    rows = [] if foreign(connection.request) else ROWS
    await say(connection, kind="ledger", rows=rows)
    await connection.wait_closed()


async def waiting(connection):
    """Keep an unknown client in a queue."""
    if known(connection):
        return await serve_ledger(connection)
    for place in range(900, 0, -1):
        await say(connection, kind="place", place=place, minutes=place // 4)
        await asyncio.sleep(0.3)


async def sample(connection):
    """Send an unknown client a sample that looks like the ledger."""
    rows = ROWS * 5 if known(connection) else SAMPLE
    await say(connection, kind="ledger", rows=rows)
    await connection.wait_closed()


async def polite(connection):
    """Every request is answered well; who is not known is told where to go."""
    async for _ in connection:
        if known(connection):
            await say(connection, id=1, done=True, data={"state": "member", "rows": ROWS})
        else:
            await say(connection, id=1, done=True, data={"state": "visitor", "next": "/enter"})


async def nothing(connection):
    """Every request is answered; who is not known owns nothing."""
    async for _ in connection:
        await say(connection, id=1, result=ROWS if known(connection) else None)


async def beats(connection):
    """Send the beat and the load of the machine to every client, and the ledger to known ones."""
    if known(connection):
        await say(connection, **LEDGER)
    for number in range(1000):
        await say(connection, kind="load", number=number, load=secrets.randbelow(100) / 100)
        await asyncio.sleep(0.2)


async def goodbye(connection):
    """Says an event, and hangs up as if all were well."""
    if known(connection):
        return await serve_ledger(connection)
    await say(connection, event="goodbye", data={"then": "/", "after": 3, "version": 12})
    await connection.close(1000)


async def echo(connection):
    """Echo the messages of an unknown client."""
    async for message in connection:
        await (say(connection, **LEDGER) if known(connection) else connection.send(message))


async def protocol(connection):
    """The tab's own word stands among the subprotocols; it is short."""
    if TAB not in offered(connection):
        return await connection.close(1008)
    await serve_ledger(connection)


async def both(connection):
    """The cookie, and the tab's word beside it."""
    if TAB not in offered(connection) or not known(connection):
        return await connection.close(1008)
    await serve_ledger(connection)


async def member(connection):
    if not known(connection):
        return await connection.close(4401)
    await serve_ledger(connection)


WAYS = {
    "banner": banner, "challenge": challenge, "spoken": spoken, "empty": empty, "waiting": waiting,
    "sample": sample, "polite": polite, "nothing": nothing, "beats": beats, "goodbye": goodbye, "echo": echo,
    "protocol": protocol, "both": both, "bound": member, "fetch": member, "path": serve_ledger,
}  # fmt: skip


async def handle(connection):
    try:
        await WAYS[WAY](connection)
    except ConnectionClosed:
        return


async def main():
    pick = chosen if WAY in {"protocol", "both"} else None
    async with serve(handle, "127.0.0.1", PORT, process_request=gate, select_subprotocol=pick):
        await asyncio.Event().wait()


if __name__ == "__main__":
    if sys.argv[2] == "show":
        print(signed("127.0.0.1"), FORGERY)
    else:
        asyncio.run(main())
