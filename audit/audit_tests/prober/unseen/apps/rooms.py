"""Whiteboards with the invitation as their address: /board/ID, with a long random id."""

import asyncio
import sys
import uuid

import tornado.web
import tornado.websocket

HOW = sys.argv[2]
BOARD = "3f0c7a9e52d84b16a1c0de77f4419b2a"
BOARDS = {BOARD: [{"stroke": [1, 2, 3], "by": "ada"}]}


class Index(tornado.web.RequestHandler):
    def get(self):
        links = "".join(f'<li><a href="/board/{one}/view">a board</a>' for one in BOARDS)
        self.write(f"<h1>Boards</h1><ul>{links if HOW == 'listed' else ''}</ul>")


class Board(tornado.websocket.WebSocketHandler):
    def check_origin(self, origin):
        return HOW == "any-page" or super().check_origin(origin)

    def prepare(self):
        self.board = self.path_args[0]
        if self.board not in BOARDS:
            if HOW != "made-on-demand":
                raise tornado.web.HTTPError(404)
            BOARDS[self.board] = [{"stroke": [], "by": uuid.uuid4().hex}]

    def open(self, board):
        self.write_message({"event": "strokes", "strokes": BOARDS[board]})


async def main():
    app = tornado.web.Application([(r"/", Index), (r"/board/(\w+)/live", Board)])
    app.listen(int(sys.argv[1]), "127.0.0.1")
    await asyncio.Event().wait()


asyncio.run(main())
