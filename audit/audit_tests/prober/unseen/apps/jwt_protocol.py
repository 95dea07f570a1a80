"""Game with its token offered as a subprotocol, beside the name of the protocol that is used."""

import asyncio
import json
import sys

import tornado.web
import tornado.websocket

HOW = sys.argv[2]
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJlLW9mLXRoaXMtcHJvZ3JhbQ"


class Game(tornado.websocket.WebSocketHandler):
    def check_origin(self, origin):
        return True

    def select_subprotocol(self, subprotocols):
        return "game.v1" if "game.v1" in subprotocols else None

    def open(self):
        offered = self.request.headers.get("Sec-WebSocket-Protocol", "")
        tokens = [one.strip() for one in offered.split(",") if one.strip() not in {"", "game.v1"}]
        if HOW == "checked" and tokens != [TOKEN]:
            self.close(4401)
            return
        if HOW == "any-token" and not tokens:
            self.close(4401)
            return
        self.write_message(json.dumps({"board": ["e2", "e4"], "turn": "black"}))


async def main():
    tornado.web.Application([(r"/game/9", Game)]).listen(int(sys.argv[1]), "127.0.0.1")
    await asyncio.Event().wait()


asyncio.run(main())
