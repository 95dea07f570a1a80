import json
import os

from policy import Policy
from tornado import web, websocket
from tornado.ioloop import IOLoop


class Farm:
    def __init__(self):
        self.jobs = {1: {"project": "kernel", "state": "running"}, 2: {"project": "website", "state": "running"}}
        self.deployed = []

    def project_of(self, number):
        return self.jobs[number]["project"]

    def cancel(self, number):
        self.jobs[number]["state"] = "cancelled"

    def deploy(self, number):
        self.deployed.append(number)


class BuildHandler(websocket.WebSocketHandler):
    @property
    def farm(self):
        return self.settings["farm"]

    @property
    def policy(self):
        return self.settings["policy"]

    def get_current_user(self):
        cookie = self.get_signed_cookie("login")
        return cookie.decode() if cookie else None

    @web.authenticated
    async def get(self, *args, **kwargs):
        await super().get(*args, **kwargs)

    def get_login_url(self):
        raise web.HTTPError(401)

    def on_message(self, message):
        request = json.loads(message)
        verb, number = request["verb"], int(request["job"])
        if verb not in ("cancel", "deploy") or number not in self.farm.jobs:
            self.write_message({"error": "what?"})
            return
        try:
            self.policy.require(self.current_user, verb, self.farm.project_of(number))
        except PermissionError as error:
            self.write_message({"error": str(error)})
            return
        if verb == "cancel":
            self.farm.cancel(number)
        else:
            self.farm.deploy(number)
        self.write_message({"done": verb})


def make_app(grants=None):
    return web.Application(
        [(r"/builds", BuildHandler)],
        farm=Farm(),
        policy=Policy(grants if grants is not None else {}),
        cookie_secret=os.environ["BUILD_SECRET"],
    )


if __name__ == "__main__":
    make_app().listen(8010)
    IOLoop.current().start()
