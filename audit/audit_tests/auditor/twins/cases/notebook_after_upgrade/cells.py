import asyncio
import json
import os
import sys

from base import SignedIn
from tornado.web import Application
from tornado.websocket import WebSocketHandler


class CellHandler(SignedIn, WebSocketHandler):
    """Runs the cells of a notebook in a kernel of the session."""

    def prepare(self):
        self.refuse_without_session()
        self.busy = asyncio.Lock()

    def data_received(self, chunk):
        raise NotImplementedError

    async def on_message(self, message):
        cell = json.loads(message)
        async with self.busy:
            kernel = await self.kernel()
            kernel.stdin.write(json.dumps({"code": cell["code"]}).encode() + b"\n")
            await kernel.stdin.drain()
            answer = await kernel.stdout.readline()
        await self.write_message(answer.decode())

    async def kernel(self):
        if "kernel" not in self.nb:
            self.nb["kernel"] = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "kernel", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
            )
        return self.nb["kernel"]


def make_app(sessions):
    return Application([(r"/cells", CellHandler)], sessions=sessions, cookie_secret=os.environ["NB_SECRET"])


async def main():
    make_app({}).listen(8898)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
