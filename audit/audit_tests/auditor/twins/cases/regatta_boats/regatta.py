import json
import os

from crews import Crews, crew_only, skipper_only
from tornado import web
from tornado.ioloop import IOLoop
from tornado.websocket import WebSocketHandler


class RegattaSocket(WebSocketHandler):
    def get_current_user(self):
        return (self.get_signed_cookie("sailor") or b"").decode()

    @web.authenticated
    async def get(self, *args):
        await super().get(*args)

    def on_message(self, message):
        body = json.loads(message)
        crews = self.application.crews
        try:
            if body["say"] == "found":
                crews.found(body["boat"], self.current_user)
            elif body["say"] == "hire":
                crew = crews.at(body["boat"])
                skipper_only(crew, self.current_user)
                crew["sailors"].add(str(body["sailor"]))
            elif body["say"] == "sail":
                crew = crews.at(body["boat"])
                crew_only(crew, self.current_user)
                crew["sail"] = str(body["sail"])
            elif body["say"] == "tack":
                crew = crews.at(body["boat"])
                crew_only(crew, self.current_user)
                crew["course"] = [float(body["angle"])]
        except (KeyError, PermissionError) as error:
            return self.write_message({"error": str(error)})
        self.write_message({"ok": body["say"]})


class Regatta(web.Application):
    def __init__(self):
        self.crews = Crews()
        super().__init__([("/regatta", RegattaSocket)], cookie_secret=os.environ["REGATTA_SECRET"], login_url="/")


if __name__ == "__main__":
    Regatta().listen(8403)
    IOLoop.current().start()
