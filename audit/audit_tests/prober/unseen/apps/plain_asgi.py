"""The example of a framework's documentation, on its server: a token in a cookie or in the address."""

import sys

import uvicorn
from fastapi import Cookie, FastAPI, Query, WebSocket, WebSocketException, status

HOW = sys.argv[2]
app = FastAPI()


@app.websocket("/items/{item}/ws")
async def items(socket: WebSocket, item: str, session: str | None = Cookie(None), token: str | None = Query(None)):
    given = session or token
    if given is None or (HOW == "checked" and given != "fa-8e3c0d71b2"):
        raise WebSocketException(code=status.WS_1008_POLICY_VIOLATION)
    await socket.accept()
    await socket.send_json({"item": item, "stock": 14})
    while True:
        data = await socket.receive_text()
        await socket.send_json({"item": item, "said": data})


uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
