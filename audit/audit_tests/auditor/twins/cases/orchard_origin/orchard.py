from __future__ import annotations

import json
import os

from sockets import OrchardSocket
from tornado.ioloop import IOLoop
from tornado.web import Application


class Rows(OrchardSocket):
    trees: dict[str, dict] = {}

    def on_message(self, message: str | bytes) -> None:
        order = json.loads(message)
        if order["do"] == "plant":
            self.trees.setdefault(order["row"], {"grower": self.grower, "sort": str(order["sort"])})
        tree = self.trees.get(order["row"], {})
        if tree.get("grower") == self.grower:
            if order["do"] == "graft":
                tree["sort"] = str(order["sort"])
            elif order["do"] == "fell":
                del self.trees[order["row"]]
        self.write_message({"trees": len(self.trees)})


def make_app(growers: dict[str, str]) -> Application:
    return Application([(r"/rows", Rows)], growers=growers, partners=os.environ["PARTNERS"].split(","))


if __name__ == "__main__":
    with open(os.environ["GROWERS"]) as file:
        make_app(json.load(file)).listen(8317)
    IOLoop.current().start()
