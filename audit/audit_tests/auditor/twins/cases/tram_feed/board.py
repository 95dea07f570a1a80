import asyncio
import json
import os

from hub import Hub, Passage
from tornado.web import Application, HTTPError
from tornado.websocket import WebSocketClosedError, WebSocketHandler


class BoardHandler(WebSocketHandler):
    def initialize(self, hub, operators):
        self.hub = hub
        self.operators = operators
        self.tasks = []

    def prepare(self):
        scheme, _, key = self.request.headers.get("Authorization", "").partition(" ")
        self.operator = self.operators.get(key) if scheme == "Board" else None
        if self.operator is None:
            raise HTTPError(401)

    def on_message(self, message):
        body = json.loads(message)
        match body:
            case {"follow": str(depot)}:
                self.tasks.append(asyncio.create_task(self.forward(depot)))
                self.write_message({"following": depot})
            case {"report": int(tram), "depot": str(depot), "delay": int(delay)}:
                self.hub.publish(Passage(depot, self.operator, tram, delay))
                self.write_message({"reported": tram})
            case _:
                self.close(1003)

    async def forward(self, depot):
        try:
            async for passage in self.hub.passages(self.operator, depot):
                await self.write_message(passage)
        except WebSocketClosedError:
            pass

    def on_close(self):
        for task in self.tasks:
            task.cancel()


def make_app(operators):
    return Application([(r"/board", BoardHandler, {"hub": Hub(), "operators": operators})])


async def main():
    make_app(json.loads(os.environ["BOARD_OPERATORS"])).listen(8307)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
