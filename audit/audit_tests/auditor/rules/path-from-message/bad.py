import json
import os
import shutil
import uuid
import zipfile
from pathlib import Path
from songs.models import Song
from tornado import gen
from tornado.web import HTTPError
from tornado.websocket import WebSocketHandler


class Chat(WebSocketHandler):
    def prepare(self):
        if self.current_user is None:
            raise HTTPError(401)

    @gen.coroutine
    def on_message(self, message):
        data = json.loads(message)
        open("/srv/notes/" + data["name"])  # finds SD507
        os.remove(os.path.join("/srv", data["name"]))  # finds SD507
        shutil.rmtree(data["folder"])  # finds SD507
        name = data["name"]
        try:
            name = str(uuid.UUID(name))
        except ValueError:
            pass
        open("/srv/notes/" + name)  # finds SD507
        shutil.copy("/srv/notes/empty", "/srv/notes/" + data["name"])  # finds SD507
        zipfile.ZipFile("/srv/" + data["name"])  # finds SD507
        (NOTES / data["name"]).write_text(data["text"])  # finds SD507
        NOTES.joinpath(data["name"]).unlink()  # finds SD507
        with Path(data["name"]).open() as file:  # finds SD507
            file.read()
        song = Song.objects.create(title=data["title"])
        open("/srv/songs/" + song.title)  # finds SD507
        file = yield self.found(data["name"])
        open("/srv/notes/" + file)  # finds SD507

    @gen.coroutine
    def found(self, name):
        raise gen.Return(name + ".txt")


class Asked(WebSocketHandler):
    def prepare(self):
        if self.current_user is None:
            raise HTTPError(401)

    def on_message(self, message):
        data = json.loads(message)
        if "name" in data and data["kind"] in KINDS:
            open("/srv/notes/" + data["name"])  # finds SD507


class Absolute(WebSocketHandler):
    def prepare(self):
        if self.current_user is None:
            raise HTTPError(401)

    def on_message(self, message):
        data = json.loads(message)
        if data["name"].endswith(".txt"):
            open("/srv/notes/" + data["name"])  # finds SD507
        open(os.path.abspath("/srv/notes/" + data["name"]))  # finds SD507


class Commands(WebSocketHandler):
    def prepare(self):
        if self.current_user is None:
            raise HTTPError(401)

    def on_message(self, message):
        if message.startswith("open "):
            open("/srv/notes/" + message[5:])  # finds SD507


class Beside(WebSocketHandler):
    def prepare(self):
        if self.current_user is None:
            raise HTTPError(401)

    def on_message(self, message):
        command, name = message.split()
        if command not in KINDS:
            return
        here = os.path.dirname(os.path.abspath(__file__))
        open(os.path.join(here, name))  # finds SD507


KINDS = ("text", "picture")
NOTES = Path("/srv/notes")
LAST = None


def remember(name):
    global LAST
    LAST = name


class Remembered(WebSocketHandler):
    """A function that says `global` gives it what the client wrote."""

    def on_message(self, message):
        remember(json.loads(message)["name"])
        open("/srv/notes/" + LAST)  # finds SD507
