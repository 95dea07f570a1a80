import json

from elsewhere import procedures
from tornado.web import Application, HTTPError
from tornado.websocket import WebSocketHandler


class Door(WebSocketHandler):
    def on_message(self, message):
        call = json.loads(message)
        getattr(self, call["action"])(call["arguments"])  # finds SD302


class Looking(WebSocketHandler):
    """Handler that checks that the name exists, and not that it is allowed."""

    def on_message(self, message):
        call = json.loads(message)
        if call["name"] not in dir(procedures):
            return
        if callable(getattr(procedures, call["name"])):  # finds SD302
            getattr(procedures, call["name"])(call["arguments"])


class Begun(WebSocketHandler):
    """What Tornado calls begins like this, too."""

    def on_message(self, message):
        call = json.loads(message)
        getattr(self, "on_" + call["event"])(call)  # finds SD302

    def on_said(self, call):
        self.write_message(call["text"])


class Hidden(WebSocketHandler):
    """What every object has begins like this, too."""

    def on_message(self, message):
        call = json.loads(message)
        getattr(self, "_" + call["event"])(call)  # finds SD302

    def _said(self, call):
        self.write_message(call["text"])
        procedures.append(call["text"])


class Labelled(WebSocketHandler):
    """That it has a label is noted, and not asked."""

    def on_message(self, message):
        call = json.loads(message)
        found = getattr(procedures, call["remote"])  # finds SD302
        procedures.note(getattr(found, "label", ""))
        found(call)


class Afterwards(WebSocketHandler):
    """It is looked for in the list when it was called."""

    def on_message(self, message):
        call = json.loads(message)
        getattr(procedures, call["name"])(call["arguments"])  # finds SD302
        if call["name"] not in procedures.__all__:
            return


class Sometimes(WebSocketHandler):
    """It is looked for in the list where the message wants that."""

    def on_message(self, message):
        call = json.loads(message)
        if call["asked"]:
            if call["name"] not in procedures.__all__:
                return
            procedures.note(call["name"])
        getattr(procedures, call["name"])(call["arguments"])  # finds SD302


class HalfListed(WebSocketHandler):
    """Of two that have it done, only one looks into the list."""

    def prepare(self):
        if self.get_signed_cookie("user") is None:
            raise HTTPError(401)

    def on_message(self, message):
        call = json.loads(message)
        if call["name"] in procedures.__all__:
            self.perform(call["name"], call)
        else:
            self.perform(call["other"], call)

    def perform(self, name, call):
        getattr(procedures, name)(call)  # finds SD302


class Refused(WebSocketHandler):
    """What is in the list goes one way, and what is called is all the rest."""

    def on_message(self, message):
        call = json.loads(message)
        if call["action"] in procedures.__all__:
            self.write_message("another door")
        else:
            getattr(self, call["action"])(call)  # finds SD302


app = Application(
    [(r"/ws", Door), (r"/looking", Looking), (r"/begun", Begun), (r"/hidden", Hidden), (r"/labelled", Labelled), (r"/afterwards", Afterwards), (r"/sometimes", Sometimes), (r"/half", HalfListed), (r"/refused", Refused)]
)
