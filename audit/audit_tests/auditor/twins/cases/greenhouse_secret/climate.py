import json
import os
from datetime import UTC, datetime, timedelta

import jwt
from tornado import web, websocket
from tornado.ioloop import IOLoop

SIGNING = {"key": os.environ["CLIMATE_JWT_KEY"], "algorithm": "HS256"}


class Login(web.RequestHandler):
    def post(self):
        name = self.get_body_argument("name")
        if self.settings["passwords"].get(name) != self.get_body_argument("password"):
            raise web.HTTPError(401)
        until = datetime.now(UTC) + timedelta(hours=1)
        self.write(jwt.encode({"sub": name, "exp": until}, **SIGNING))


class Climate(websocket.WebSocketHandler):
    def prepare(self):
        token = self.request.headers.get("Authorization", "").removeprefix("Bearer ")
        try:
            claims = jwt.decode(token, SIGNING["key"], algorithms=[SIGNING["algorithm"]])
        except jwt.InvalidTokenError:
            raise web.HTTPError(401) from None
        self.gardener = claims["sub"]

    def on_message(self, message):
        body = json.loads(message)
        house = self.settings["houses"][body["house"]]
        if self.gardener not in house["gardeners"]:
            self.close(4403)
            return
        if "vents" in body:
            house["vents"] = bool(body["vents"])
        self.write_message({"house": body["house"], "vents": house["vents"]})


def make_app(houses, passwords):
    return web.Application([("/login", Login), ("/climate", Climate)], houses=houses, passwords=passwords)


if __name__ == "__main__":
    with open(os.environ["CLIMATE"]) as file:
        make_app(**json.load(file)).listen(8320)
    IOLoop.current().start()
