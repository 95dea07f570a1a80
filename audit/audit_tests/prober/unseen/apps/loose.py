"""Tides of a harbour that are open, each time in another way that is easily passed by.

    python loose.py PORT WAY[+any]        `+any` does not look at the page that asks
"""

import asyncio
import json
import re
import sys
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

PORT = int(sys.argv[1])
WAY, _, PAGES = sys.argv[2].partition("+")
OWN = f"http://127.0.0.1:{PORT}"
SECRET = "hb-20c7e51d9f"
TIDES = {"kind": "tides", "harbour": "Brest", "levels": [1.2, 3.4, 5.1, 2.2]}
PRIVATE_NET = re.compile(r"http://(localhost|127\.|10\.|192\.168\.)")


def session(request):
    found = re.search(r"harbour=([^;]*)", request.headers.get("Cookie", ""))
    return found[1] if found else None


def foreign(origin):
    if origin is None:
        return False
    if WAY == "scheme":
        return urlsplit(origin).scheme != "http"
    if WAY == "private":
        return not PRIVATE_NET.match(origin)
    return origin != OWN


def gate(connection, request):
    if PAGES != "any" and WAY != "claimed" and foreign(request.headers.get("Origin")):
        return connection.respond(HTTPStatus.FORBIDDEN, "not for this page\n")
    if WAY.startswith("agent") and not request.headers.get("User-Agent"):
        return connection.respond(HTTPStatus.FORBIDDEN, "no robots\n")
    if WAY in {"agent-cookie", "scheme", "private", "claimed"} and session(request) != SECRET:
        return connection.respond(HTTPStatus.UNAUTHORIZED, "log in\n")
    if WAY == "any-cookie" and not session(request):
        return connection.respond(HTTPStatus.UNAUTHORIZED, "log in\n")
    if WAY == "null":
        token = parse_qs(urlsplit(request.path).query).get("token", [""])[0]
        # What a page sends that has not kept one.
        if token not in {SECRET, "null", "undefined"}:
            return connection.respond(HTTPStatus.UNAUTHORIZED, "log in\n")
    return None


async def slowly(connection, request):
    if WAY == "slow":
        await asyncio.sleep(3)
    return gate(connection, request)


async def heard(connection):
    try:
        found = json.loads(await connection.recv())
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


async def handle(connection):
    try:
        await tell(connection)
    except ConnectionClosed:
        return


async def tell(connection):
    if WAY == "one-message":
        # Every message but this one ends the connection.
        while True:
            if await heard(connection) != {"op": "sync", "since": 0, "v": 3}:
                return await connection.close(1007, "what?")
            await connection.send(json.dumps(TIDES))
    if WAY in {"empty-token", "any-user"}:
        given = await heard(connection)
        good = given.get("token") in {SECRET, ""} if WAY == "empty-token" else bool(given.get("user"))
        if not good:
            return await connection.close(4401, "log in")
    if WAY == "early":
        # What arrives before it has said hello is thrown away.
        loop = asyncio.get_running_loop()
        end = loop.time() + 0.6
        while (left := end - loop.time()) > 0:
            try:
                async with asyncio.timeout(left):
                    await connection.recv()
            except TimeoutError:
                break
        await connection.send(json.dumps({"type": "hello", "version": 2}))
    if WAY in {"early", "claimed"}:
        async for _ in connection:
            await connection.send(json.dumps(TIDES))
        return
    if WAY == "slow":
        await asyncio.sleep(3)
    await connection.send(json.dumps(TIDES))
    async for _ in connection:
        await connection.send(json.dumps(TIDES))


async def main():
    async with serve(handle, "127.0.0.1", PORT, process_request=slowly):
        await asyncio.Event().wait()


asyncio.run(main())
