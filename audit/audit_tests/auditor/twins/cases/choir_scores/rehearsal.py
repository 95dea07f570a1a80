import os
from http import HTTPStatus

from models import Base
from services import NotAMember, ScoreService
from sqlalchemy import create_engine
from sqlalchemy.exc import NoResultFound
from tornado.escape import json_decode
from tornado.ioloop import IOLoop
from tornado.web import Application, HTTPError
from tornado.websocket import WebSocketHandler


class RehearsalSocket(WebSocketHandler):
    def initialize(self, service):
        self._service = service

    def prepare(self):
        cookie = self.get_signed_cookie("singer")
        if cookie is None:
            raise HTTPError(HTTPStatus.UNAUTHORIZED)
        self._singer = int(cookie)

    def on_message(self, message):
        request = json_decode(message)
        try:
            self.write_message({"result": self._perform(request)})
        except (NotAMember, NoResultFound):
            self.write_message({"error": "no such score"})

    def _perform(self, request):
        method, params = request["method"], request["params"]
        if method == "titles":
            return self._service.titles(self._singer, int(params["choir"]))
        if method == "annotate":
            return self._service.annotate(self._singer, int(params["score"]), str(params["notes"]))
        if method == "withdraw":
            return self._service.withdraw(self._singer, int(params["score"]))
        return None


def make_app(engine):
    Base.metadata.create_all(engine)
    return Application(
        [(r"/rehearsal", RehearsalSocket, {"service": ScoreService(engine)})],
        cookie_secret=os.environ["CHOIR_SECRET"],
    )


if __name__ == "__main__":
    make_app(create_engine(os.environ["CHOIR_DB"])).listen(8304)
    IOLoop.current().start()
