"""Remote control of one robot arm; the operator's panel cannot set headers."""

import asyncio
import hmac
import json
import os

import tornado.web
import tornado.websocket


class Arm:
    def __init__(self):
        self.joints = [0.0] * 6

    def move(self, joint, degrees):
        self.joints[joint] = max(-180.0, min(180.0, degrees))


class ArmSocket(tornado.websocket.WebSocketHandler):
    def initialize(self, arm, secret):
        self.arm = arm
        self.secret = secret
        self.known = False

    def open(self):
        self.timer = asyncio.get_running_loop().call_later(5, self.expire)

    def expire(self):
        if not self.known:
            self.close(4401, "too slow")

    def on_message(self, message):
        order = json.loads(message)
        if not self.known and order.get("type") != "hello":
            self.close(4401, "say hello first")
            return
        if order["type"] == "hello":
            self.known = hmac.compare_digest(str(order.get("secret", "")).encode(), self.secret.encode())
            if not self.known:
                self.close(4403, "wrong secret")
        elif order["type"] == "move":
            self.arm.move(int(order["joint"]), float(order["degrees"]))
            self.write_message({"joints": self.arm.joints})

    def on_close(self):
        self.timer.cancel()


def make_app(secret):
    return tornado.web.Application([("/arm", ArmSocket, {"arm": Arm(), "secret": secret})])


async def main():
    make_app(os.environ["ARM_SECRET"]).listen(8077)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
