import asyncio
import json

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


class Moderated(Queued):
    """Each change asks for the role; a line is added by each member."""

    def on_message(self, message):
        data = json.loads(message)
        if data["do"] == "say":
            documents.lines[data["room"]].append({"from": self.current_user, "text": data["text"]})
            return
        if documents.role_of(self.current_user) != "moderator":
            return
        if data["do"] == "delete":
            documents.delete(data["room"])
        else:
            documents.rename(data["room"], data["name"])


class Equal(Queued):
    """All users are equal: the program tells none apart."""

    def on_message(self, message):
        data = json.loads(message)
        documents.shapes[data["shape"]].color = data["color"]
        documents.erase(data["shape"])


doors = Application(
    [(r"/member/(.*)", Member), (r"/queue", Queued), (r"/mod", Moderated), (r"/equal", Equal)]
)
