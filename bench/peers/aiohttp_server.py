"""aiohttp: the token at the upgrade, then JSON in and JSON out, without any further check."""

import sys
from pathlib import Path

import jwt
from aiohttp import WSMsgType, web

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from policy import AUDIENCE, ISSUER, PATH, SECRET
from serving import parser, run_loop, until_stopped


async def echo(request: web.Request) -> web.WebSocketResponse:
    """One connection."""
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    try:
        jwt.decode(token, SECRET, algorithms=["HS256"], audience=AUDIENCE, issuer=ISSUER)
    except jwt.PyJWTError:
        raise web.HTTPUnauthorized from None
    socket = web.WebSocketResponse(compress=False)
    await socket.prepare(request)
    async for message in socket:
        if message.type is WSMsgType.TEXT:
            await socket.send_json(message.json())
    return socket


async def run(port: int) -> None:
    """Serves until SIGTERM."""
    application = web.Application()
    application.router.add_get(PATH, echo)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=4096).start()
    await until_stopped()


if __name__ == "__main__":
    options = parser(__doc__).parse_args()
    run_loop(run(options.port), uvloop=options.uvloop)
