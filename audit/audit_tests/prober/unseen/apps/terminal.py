"""A terminal: what is typed is answered, nothing else comes; bytes in both directions."""

import asyncio
import sys

import tornado.web
import tornado.websocket

HOW = sys.argv[2]


class Terminal(tornado.websocket.WebSocketHandler):
    def check_origin(self, origin):
        if HOW in {"any-page", "open"}:
            return True
        return super().check_origin(origin)

    def prepare(self):
        if HOW == "open":
            return
        given = self.request.headers.get("Authorization", "")
        if given != "Basic cm9vdDpmOWMyYTcxZTA0YmQ=":
            self.set_status(401)
            self.set_header("WWW-Authenticate", 'Basic realm="terminal"')
            self.finish()

    async def open(self):
        self.process = await asyncio.create_subprocess_exec(
            "/bin/sh", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        asyncio.ensure_future(self.pump())

    async def pump(self):
        while data := await self.process.stdout.read(4096):
            try:
                await self.write_message(data, binary=True)
            except tornado.websocket.WebSocketClosedError:
                return

    def on_message(self, message):
        self.process.stdin.write(message if isinstance(message, bytes) else message.encode())

    def on_close(self):
        self.process.stdin.close()


async def main():
    tornado.web.Application([(r"/tty", Terminal)]).listen(int(sys.argv[1]), "127.0.0.1")
    await asyncio.Event().wait()


asyncio.run(main())
