"""Auction push server: public lot channels and private bidder channels."""

import asyncio
import collections
import os
from typing import Literal

import pydantic
from tornado.web import Application, HTTPError
from tornado.websocket import WebSocketHandler


class Subscribe(pydantic.BaseModel):
    kind: Literal["subscribe", "unsubscribe"]
    channel: str = pydantic.Field(pattern=r"^(lot|bidder):[a-z0-9-]{1,40}$")


class Hub:
    def __init__(self):
        self.channels = collections.defaultdict(set)

    def publish(self, channel, body):
        for socket in tuple(self.channels[channel]):
            socket.write_message({"channel": channel, "body": body})


class PushSocket(WebSocketHandler):
    def initialize(self, hub):
        self.hub = hub

    def get_current_user(self):
        cookie = self.get_signed_cookie("bidder")
        return cookie.decode() if cookie else None

    async def prepare(self):
        if not self.current_user:
            raise HTTPError(401)

    def on_message(self, message):
        try:
            wish = Subscribe.model_validate_json(message)
        except pydantic.ValidationError:
            return self.close(1003)
        if wish.kind == "unsubscribe":
            self.hub.channels[wish.channel].discard(self)
            return None
        if wish.channel.startswith("bidder:") and wish.channel != f"bidder:{self.current_user}":
            return self.write_message({"error": "private channel"})
        self.hub.channels[wish.channel].add(self)
        return self.write_message({"subscribed": wish.channel})

    def on_close(self):
        for sockets in self.hub.channels.values():
            sockets.discard(self)


def make_app():
    return Application([("/push", PushSocket, {"hub": Hub()})], cookie_secret=os.environ["BIDS_SECRET"])


async def main():
    make_app().listen(8210)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
