"""What whoever connects has the program turn to: another machine, another device, another's news.

All are of clients of whom nobody knows who they are.
"""

__all__ = ["ANYBODY"]

ANYBODY: dict[str, tuple[str, str]] = {
    # -- the address names the machine behind ----------------------------------------------------
    "the query names the host that is connected to": (
        "missing",
        """
from tornado.websocket import websocket_connect
class Door(WebSocketHandler):
    async def open(self):
        host = self.get_argument("host", "127.0.0.1")
        port = self.get_query_argument("port")
        self.behind = await websocket_connect(f"ws://{host}:{port}/")
    def on_message(self, message):
        self.behind.write_message(message)
""",
    ),
    "the query names the host of a desktop": (
        "missing",
        """
from tornado.iostream import IOStream
from desktops import Viewer
class Door(WebSocketHandler):
    async def open(self):
        self.viewer = Viewer.connect(self.get_query_argument("host"))
    def on_message(self, message):
        self.viewer.press(message)
""",
    ),
    "what is behind is told the Host of the request": (
        "ok",
        """
from tornado.websocket import websocket_connect
from tornado.httpclient import HTTPRequest
class Door(WebSocketHandler):
    async def open(self):
        host = self.request.headers["Host"]
        self.behind = await websocket_connect(HTTPRequest("ws://127.0.0.1:9000/", headers={"Host": host}))
    def on_message(self, message):
        self.behind.write_message(message)
""",
    ),
    "the host behind stands in the source": (
        "ok",
        """
from tornado.websocket import websocket_connect
class Door(WebSocketHandler):
    async def open(self):
        self.behind = await websocket_connect("ws://127.0.0.1:9000/")
    def on_message(self, message):
        self.behind.write_message(message)
""",
    ),
    # -- a driver is called like a device --------------------------------------------------------
    "what was noted is taken out again": (
        "ok",
        """
import motor
lines = motor.MotorClient("localhost", 27017).shop.lines
class Door(WebSocketHandler):
    async def on_message(self, message):
        await lines.insert_one({"line": message})
        found = await lines.find_one({"line": message})
        self.write_message(found["line"])
        lines.delete_one({"line": message})
""",
    ),
    "a row of a table is saved": (
        "ok",
        """
from motor.motor_tornado import MotorClient
class Door(WebSocketHandler):
    async def on_message(self, message):
        shop = MotorClient("localhost", 27017).shop
        await shop.lines.save({"line": message})
""",
    ),
    "rows that a message names by their id go": (
        "missing",
        """
import motor
lines = motor.MotorClient("localhost", 27017).shop.lines
class Door(WebSocketHandler):
    async def on_message(self, message):
        data = json.loads(message)
        await lines.remove({"_id": data["id"]})
""",
    ),
    "a motor moves": (
        "missing",
        """
from robots import RobotClient
robot = RobotClient("10.0.0.5")
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        robot.motor.run_for(data["ticks"])
""",
    ),
    # -- what is done stands in a lambda ---------------------------------------------------------
    "the device is handed what is done with it": (
        "missing",
        """
class Player:
    def __init__(self):
        self.out = room.open_output()
    def act(self, what):
        what(self.out)
player = Player()
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        player.act(lambda out: out.note_on(data["note"], velocity=100))
""",
    ),
    "the device of a table of what can be done": (
        "missing",
        """
class Player:
    def __init__(self):
        self.out = room.open_output()
    def act(self, what):
        what(self.out)
class Door(WebSocketHandler):
    def initialize(self, player):
        self.player = player
    def on_message(self, message):
        data = json.loads(message)
        what = {
            "on": lambda out, note: out.note_on(note),
            "off": lambda out, note: out.note_off(note),
        }[data["status"]]
        self.player.act(lambda out: what(out, data["note"]))
application = Application([("/", Door, {"player": Player()})])
""",
    ),
    "the connection's own player is handed what is done with it": (
        "ok",
        """
class Player:
    def __init__(self):
        self.out = room.open_output()
    def act(self, what):
        what(self.out)
class Door(WebSocketHandler):
    def open(self):
        self.player = Player()
    def on_message(self, message):
        data = json.loads(message)
        self.player.act(lambda out: out.note_on(data["note"], velocity=100))
""",
    ),
    "a name from around a lambda": (
        "missing",
        """
from tornado import ioloop
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        relay = self.application.relay
        ioloop.IOLoop.current().add_callback(lambda: relay.turn_on(data["line"]))
""",
    ),
}
