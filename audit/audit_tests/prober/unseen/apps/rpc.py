"""JSON-RPC that says nothing until it is asked; the old style, with coroutines of generators."""

import json
import sys

from tornado import gen, ioloop, web, websocket

HOW = sys.argv[2]


class Rpc(websocket.WebSocketHandler):
    def check_origin(self, origin):
        return True

    @gen.coroutine
    def on_message(self, message):
        call = json.loads(message)
        if HOW == "asked-at-each-call" and self.get_cookie("JSESSIONID") != "node0-9c1e5f7a33":
            yield gen.sleep(0.05)
            self.write_message({"jsonrpc": "2.0", "id": call["id"],
                                "error": {"code": -32001, "message": "not for you"}})
            return
        if HOW == "same-page" and self.get_cookie("JSESSIONID") != "node0-9c1e5f7a33":
            return
        if HOW == "hangs-up" and self.get_cookie("JSESSIONID") != "node0-9c1e5f7a33":
            self.stream.close()
            return
        if HOW == "closes" and self.get_cookie("JSESSIONID") != "node0-9c1e5f7a33":
            self.close(1008, "policy")
            return
        yield gen.sleep(0.01)
        self.write_message({"jsonrpc": "2.0", "id": call["id"], "result": {"balance": 1200, "currency": "EUR"}})


if __name__ == "__main__":
    web.Application([(r"/rpc", Rpc)]).listen(int(sys.argv[1]), "127.0.0.1")
    ioloop.IOLoop.current().start()
