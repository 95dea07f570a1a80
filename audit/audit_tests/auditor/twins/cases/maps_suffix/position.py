"""Live positions of a user's own vehicles on a map."""

import asyncio
import json
import os
from urllib.parse import urlsplit

from tornado import web, websocket

HOME = "maps.example"


class PositionHandler(websocket.WebSocketHandler):
    def get_current_user(self):
        value = self.get_signed_cookie("uid")
        return int(value) if value else None

    def check_origin(self, origin):
        parts = urlsplit(origin.lower())
        host = parts.hostname or ""
        return parts.scheme == "https" and parts.port is None and (host == HOME or host.endswith("." + HOME))

    def prepare(self):
        if self.current_user is None:
            raise web.HTTPError(401)

    def open(self):
        self.fleet = self.settings["fleets"].setdefault(self.current_user, {})

    def on_message(self, message):
        body = json.loads(message)
        if body["t"] == "where":
            self.write_message({"vehicles": self.fleet})
        elif body["t"] == "rename" and body["id"] in self.fleet:
            self.fleet[body["id"]]["name"] = str(body["name"])[:40]


def make_app():
    return web.Application(
        [(r"/positions", PositionHandler)],
        fleets={},
        cookie_secret=os.environ["MAPS_SECRET"],
        xsrf_cookies=True,
    )


async def main():
    make_app().listen(8001)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
