"""Tide gauges post levels; the pilots' room closes the sluice."""

import hmac
import json
import os
from typing import NamedTuple, Optional

from tornado.ioloop import IOLoop
from tornado.web import Application, HTTPError
from tornado.websocket import WebSocketHandler


class Config(NamedTuple):
    port: int
    sluice_key: Optional[str]

    @classmethod
    def from_environment(cls, environment):
        return cls(
            port=int(environment.get("PORT", 8314)),
            sluice_key=environment["SLUICE_KEY"],
        )


class Gauge(WebSocketHandler):
    level = 0.0
    sluice = "open"

    def initialize(self, config):
        self.config = config

    def prepare(self):
        if self.config.sluice_key is not None:
            given = self.request.headers.get("X-Sluice-Key", "")
            if not hmac.compare_digest(given.encode(), self.config.sluice_key.encode()):
                raise HTTPError(403)

    def on_message(self, message):
        body = json.loads(message)
        if "level" in body:
            Gauge.level = float(body["level"])
        if body.get("sluice") in ("open", "closed"):
            Gauge.sluice = body["sluice"]
        self.write_message({"level": Gauge.level, "sluice": Gauge.sluice})


def make_app(config):
    return Application([(r"/gauge", Gauge, {"config": config})])


if __name__ == "__main__":
    config = Config.from_environment(os.environ)
    make_app(config).listen(config.port)
    IOLoop.current().start()
