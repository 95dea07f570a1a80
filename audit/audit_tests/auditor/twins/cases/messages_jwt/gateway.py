"""Message gateway of a telephony provider: one inbox for each subscriber."""

import asyncio
import json
import os

import jwt
from tornado.web import Application, HTTPError
from tornado.websocket import WebSocketHandler


class Inboxes:
    def __init__(self):
        self.by_subject = {}

    def of(self, subject):
        return self.by_subject.setdefault(subject, [])


class InboxSocket(WebSocketHandler):
    def initialize(self, inboxes, key):
        self.inboxes = inboxes
        self.key = key

    def claims(self):
        scheme, _, token = self.request.headers.get("Authorization", "").partition(" ")
        try:
            return jwt.decode(
                token,
                self.key,
                algorithms=["ES256"],
                audience="gateway",
                issuer="https://login.example",
                options={"require": ["exp", "sub"]},
            )
        except jwt.InvalidTokenError as error:
            raise HTTPError(401) from error

    async def prepare(self):
        self.subject = self.claims().get("sub", "guest")

    def open(self):
        self.inbox = self.inboxes.of(self.subject)
        for item in self.inbox:
            self.write_message(item)

    def on_message(self, message):
        item = json.loads(message)
        if item.get("op") == "clear":
            self.inbox.clear()


def make_app():
    with open(os.environ["GATEWAY_PUBLIC_KEY"]) as file:
        return Application([("/inbox", InboxSocket, {"inboxes": Inboxes(), "key": file.read()})])


async def main():
    make_app().listen(8790)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
