"""Log stream of one customer's containers."""

import asyncio
import json
import os
from urllib.parse import parse_qs, urlsplit

from tornado.web import Application, HTTPError
from tornado.websocket import WebSocketHandler


def credential(request):
    """The access token of a request."""
    cookie = request.cookies.get("access_token")
    return cookie.value if cookie else ""


class LogStream(WebSocketHandler):
    async def prepare(self):
        grants = self.settings["grants"]
        self.customer = grants.get(credential(self.request))
        if self.customer is None:
            raise HTTPError(401)

    async def open(self):
        self.since = parse_qs(urlsplit(self.request.uri).query).get("since", ["0"])[0]
        for at, line in self.settings["logs"].get(self.customer, ()):
            if str(at) >= self.since:
                await self.write_message({"at": at, "line": line})

    def on_message(self, message):
        """Nothing is expected from the browser."""


def make_app():
    with open(os.environ["GRANTS"]) as file:
        return Application([("/logs", LogStream)], grants=json.load(file), logs={})


async def main():
    make_app().listen(8181)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
