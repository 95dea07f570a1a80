"""A chat on another framework: who is there is looked up before, or with the first line."""

import json
import sys

from aiohttp import WSMsgType, web

HOW = sys.argv[2]


async def chat(request):
    known = request.cookies.get("aio") == "aio-2d9f61b0c7"
    if not known and HOW == "refuses":
        return web.json_response({"error": "unauthorized"}, status=401)
    if not known and HOW == "redirects":
        raise web.HTTPFound("/login")
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    if not known and HOW != "open":
        await socket.send_str(json.dumps({"action": "connect", "error": "no session"}))
        await socket.close()
        return socket
    await socket.send_str(json.dumps({"action": "connect", "members": ["ada", "grace"]}))
    async for message in socket:
        if message.type == WSMsgType.TEXT:
            await socket.send_str(json.dumps({"action": "sent", "text": message.data}))
    return socket


app = web.Application()
app.router.add_get("/chat", chat)
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None)
