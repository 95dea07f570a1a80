import asyncio
import json
import os

from sessions import Sessions
from tornado.web import Application, HTTPError
from tornado.websocket import WebSocketHandler


class LoomSocket(WebSocketHandler):
    """Patterns of hand looms. A weaver changes only looms that the weaver has registered."""

    weaver = None

    async def prepare(self):
        await self.authenticate()

    async def authenticate(self):
        self.weaver = await self.settings["sessions"].weaver(self.get_cookie("loom_session"))
        if not self.weaver:
            raise HTTPError(401)

    async def on_message(self, message):
        body = json.loads(message)
        looms = self.settings["looms"]
        if body["do"] == "register":
            looms.setdefault(body["loom"], {"weaver": self.weaver, "pattern": []})
        loom = looms.get(body["loom"])
        if loom is None or loom["weaver"] != self.weaver:
            return await self.write_message({"error": "no such loom"})
        if body["do"] == "weave":
            loom["pattern"].append(str(body["row"]))
        elif body["do"] == "unpick":
            loom["pattern"].clear()
        await self.write_message({"rows": len(loom["pattern"])})


def make_app():
    return Application([(r"/looms", LoomSocket)], sessions=Sessions(os.environ["LOOM_SESSIONS"]), looms={})


async def main():
    make_app().listen(8313)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
