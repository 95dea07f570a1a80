import json
import os

from container import Container
from rules import Authorizer, OwnersOnly, PermitAll
from tornado.ioloop import IOLoop
from tornado.web import Application, HTTPError
from tornado.websocket import WebSocketHandler


class Pipelines:
    def __init__(self):
        self.by_name = {
            "site": {"owner": "nina", "state": "idle", "variables": {}},
            "docs": {"owner": "otto", "state": "idle", "variables": {}},
        }


class PipelineSocket(WebSocketHandler):
    def initialize(self, container):
        self.pipelines = container.get(Pipelines).by_name
        self.authorizer = container.get(Authorizer)

    def prepare(self):
        user = self.get_signed_cookie("ci_user")
        if not user:
            raise HTTPError(403)
        self.user = user.decode()

    def on_message(self, message):
        body = json.loads(message)
        pipeline = self.pipelines.get(body.get("pipeline"))
        action = body.get("action")
        if pipeline is None or not self.authorizer.permits(self.user, action, pipeline):
            self.write_message({"error": "not found"})
            return
        if action == "view":
            self.write_message({"state": pipeline["state"]})
        elif action == "run":
            pipeline["state"] = "running"
            self.write_message({"state": "running"})
        elif action == "set":
            pipeline["variables"][str(body["name"])] = str(body["value"])
            self.write_message({"set": body["name"]})


def configure(debug=False):
    container = Container()
    container.bind(Pipelines, lambda c: Pipelines())
    container.bind(Authorizer, lambda c: OwnersOnly())
    if debug:
        container.bind(Authorizer, lambda c: PermitAll())
    return container


def make_app():
    return Application(
        [("/pipelines", PipelineSocket, {"container": configure()})], cookie_secret=os.environ["CI_SECRET"]
    )


if __name__ == "__main__":
    make_app().listen(8011)
    IOLoop.current().start()
