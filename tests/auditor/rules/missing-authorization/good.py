import asyncio

from elsewhere import documents
from tornado.web import Application, HTTPError, authenticated
from tornado.websocket import WebSocketHandler


class Door(WebSocketHandler):
    def get_current_user(self):
        return self.get_signed_cookie("user")

    @authenticated
    def get(self, name):
        if not documents.may_read(self.current_user, name):
            raise HTTPError(403)
        return super().get(name)

    def open(self, name):
        self.document = documents.open_by_name(name)

    def on_message(self, message):
        self.document.change(message)


app = Application([(r"/ws", Door)])


class Member(WebSocketHandler):
    """The membership that is looked up for this user and this room decides."""

    def get_current_user(self):
        return self.get_signed_cookie("user")

    @authenticated
    def get(self, room):
        return super().get(room)

    def open(self, room):
        if self.current_user not in documents.members[room]:
            self.close()
            return
        self.room = room

    def on_message(self, message):
        documents.publish(self.room, message)


class Queued(WebSocketHandler):
    """What is put on a queue has not been acted upon."""

    def initialize(self):
        self.queue = asyncio.Queue()

    def get_current_user(self):
        return self.get_signed_cookie("user")

    @authenticated
    def get(self):
        return super().get()

    def on_message(self, message):
        self.queue.put_nowait(message)


doors = Application([(r"/member/(.*)", Member), (r"/queue", Queued)])
