import json
import os
import shutil
import uuid
from pathlib import Path
from songs.conf import Settings
from songs.models import Song
from tornado.web import Application
from tornado.web import HTTPError
from tornado.websocket import WebSocketHandler


class Chat(WebSocketHandler):
    def prepare(self):
        if self.current_user is None:
            raise HTTPError(401)

    async def on_message(self, message):
        data = json.loads(message)
        open("/srv/notes/" + os.path.basename(data["name"]))
        open("/srv/notes/index")
        self.part = str(uuid.UUID(data["part"]))
        open(f"/srv/parts/{self.part}")
        (NOTES / f"{int(data['number'])}.txt").write_text(data["text"])
        (NOTES / "index").open()
        self.shop.open(data["name"])
        song = Song.objects.get(id=data["song"])
        open(os.path.join(settings.SONGS, named(song.ending)))
        open("/srv/songs/" + Song.objects.filter(title=data["title"]).first().file)
        os.remove("/srv/parts/" + str(int(data["number"])) + ".part")


class Tested(WebSocketHandler):
    def prepare(self):
        if self.current_user is None:
            raise HTTPError(401)

    def on_message(self, message):
        data = json.loads(message)
        path = os.path.realpath(os.path.join("/srv/notes", data["name"]))
        if not path.startswith("/srv/notes/"):
            return
        open(path)


class Without(WebSocketHandler):
    def prepare(self):
        if self.current_user is None:
            raise HTTPError(401)

    def on_message(self, message):
        command, name = message.split()
        if ".." in name or name.startswith("/"):
            return
        open("/srv/notes/" + name)


class Below(WebSocketHandler):
    def prepare(self):
        if self.current_user is None:
            raise HTTPError(401)

    def on_message(self, message):
        data = json.loads(message)
        path = (NOTES / data["name"]).resolve()
        if NOTES not in path.parents:
            return
        path.write_text(data["text"])


NOTES = Path("/srv/notes")
settings = Settings.of(os.environ)


def named(ending):
    return f"{uuid.uuid4()}.{ending}"


class Named(WebSocketHandler):
    def open(self, name):
        open(os.path.join("/srv/notes", name))


_BASE = None


def configured(base=None):
    global _BASE
    _BASE = base or os.environ["LOGS"]


def base():
    return _BASE


class Logs(WebSocketHandler):
    """The client says which row it is, and the row where its file lies."""

    def on_message(self, message):
        service = self.sql.services.select(id=json.loads(message)["service"])
        self.write_message(open(os.path.join(base(), str(service.number), service.name)).read())


app = Application([(r"/chat", Chat), (r"/named/(\w+)", Named), (r"/logs", Logs)])
