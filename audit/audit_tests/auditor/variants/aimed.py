"""Targets that a client chooses for the program: another machine, another device, another's news.

`ANYBODY` are of unauthenticated clients; `CASES` state if the program requires a credential.
"""

__all__ = ["ANYBODY", "CASES"]

_SESSIONS = """
class Session:
    def __init__(self, number):
        self.number = number
        self.watching = []
    def watch(self, one):
        self.watching.append(one)
class Sessions:
    def __init__(self):
        self.held = {{}}
    def add(self, one):
        self.held[one.number] = one
    async def begin(self, watcher, session_id):
        session = self.held[{key}]
        session.watch(watcher)
class Program(Application):
    def __init__(self):
        super().__init__([(r"/watch/(\\d+)", Door, dict(sessions=Sessions()))])
class Door(WebSocketHandler):
    def initialize(self, sessions):
        self.sessions = sessions
    {hears}
"""
_BY_ADDRESS = """async def open(self, session_id):
        await self.sessions.begin(self, session_id)"""
_BY_MESSAGE = """async def on_message(self, message):
        await self.sessions.begin(self, json.loads(message)["session_id"])"""

ANYBODY: dict[str, tuple[str, str]] = {
    # -- the session of a thing ------------------------------------------------------------------
    "a message has the session that only its user knows": (
        "ok",
        _SESSIONS.format(key="session_id", hears=_BY_MESSAGE),
    ),
    "the session is that of the program": ("ok", _SESSIONS.format(key="0", hears=_BY_ADDRESS)),
    # -- the address names the machine behind ----------------------------------------------------
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
    # -- what is done stands in a lambda ---------------------------------------------------------
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
    # -- a message says what is connected to -----------------------------------------------------
    "a message brings what the other machine asks for": (
        "ok",
        """
from machines import Client
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        self.client = Client()
        self.client.connect(data["host"], data["user"], password=data["password"])
""",
    ),
    "a message connects itself to a room": (
        "ok",
        """
from rooms import hall
class Door(WebSocketHandler):
    def on_message(self, message):
        hall.connect(self)
""",
    ),
    "the program connects where it always does": (
        "ok",
        """
from stations import controller
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        controller.connect("tcp://127.0.0.1:5555")
        self.write_message(data["text"])
""",
    ),
    "a message goes to the one machine behind": (
        "ok",
        """
class Door(WebSocketHandler):
    async def on_message(self, message):
        reader, writer = await asyncio.open_connection("127.0.0.1", 7000)
        self.write_message(await reader.read())
""",
    ),
    # -- a message says what all see from then on ------------------------------------------------
    "a message picks the camera of its own connection": (
        "ok",
        """
import cv2
camera = cv2.VideoCapture(0)
class Door(WebSocketHandler):
    def open(self):
        self.camera = camera
    def on_message(self, message):
        self.camera = cv2.VideoCapture(int(message))
""",
    ),
    "the camera of all is opened again": (
        "ok",
        """
import cv2
camera = cv2.VideoCapture(0)
class Door(WebSocketHandler):
    def on_message(self, message):
        global camera
        if not camera.isOpened():
            camera = cv2.VideoCapture(0)
        self.write_message(message)
""",
    ),
    "a message picks the camera of all, behind a password": (
        "ok",
        """
import cv2
camera = cv2.VideoCapture(0)
class Door(WebSocketHandler):
    def prepare(self):
        if self.get_argument("password") != options.password:
            raise HTTPError(403)
    def on_message(self, message):
        global camera
        camera = cv2.VideoCapture(int(message))
""",
    ),
    # -- a message names the topic to subscribe to -----------------------------------------------
    "a message names a paper whose price is told to all": (
        "ok",
        """
SUBSCRIBERS = {}
def tell(told):
    for one in SUBSCRIBERS.get("price:" + told["paper"], []):
        one.write_message(told)
class Door(WebSocketHandler):
    def on_message(self, topic):
        SUBSCRIBERS.setdefault(topic, []).append(self)
""",
    ),
    # -- a pin of a board, and a pin that admits a client ------------------------------------------
    # -- facts of the server that a handler is written for -----------------------------------------
    "the kernels of the server are only counted": (
        "ok",
        """
from jupyter_server.base.handlers import JupyterHandler
class Door(WebSocketHandler, JupyterHandler):
    async def on_message(self, message):
        kernels = self.settings.get("kernel_manager")
        if kernels:
            self.write_message(str(len(kernels.list_kernel_ids())))
""",
    ),
}

CASES: dict[str, tuple[str, str, dict[str, str]]] = {
    "what comes of running a code is waited for": (
        "missing",
        """
class Door(WebSocketHandler):
    async def on_message(self, message):
        data = json.loads(message)
        kernel = room.kernel()
        sent = kernel.execute(data["code"])
        while True:
            answer = await kernel.get_message()
            if answer["parent"]["id"] != sent:
                continue
            self.write_message(answer)
            break
""",
        {},
    ),
    "a manager of sessions lists them": (
        "missing",
        """
class Door(WebSocketHandler):
    async def on_message(self, message):
        data = json.loads(message)
        sessions = self.settings["session_manager"]
        for one in await sessions.list_sessions():
            if one["path"] == data["path"]:
                self.write_message(one)
""",
        {},
    ),
    "a manager of sessions knows who has one": (
        "late",
        """
class Door(WebSocketHandler):
    def initialize(self):
        self.session_manager = room.session_manager
    async def on_message(self, message):
        data = json.loads(message)
        if not self.session_manager.verify(data["token"]):
            return self.close()
        self.write_message(data["text"])
""",
        {},
    ),
    "the answer to a code of a log-in": (
        "late",
        """
class Door(WebSocketHandler):
    async def on_message(self, message):
        data = json.loads(message)
        if not await room.verify(data["code"]):
            return self.close()
        self.write_message(data["text"])
""",
        {},
    ),
    "a pin of a board is no proof": (
        "missing",
        """
from pyfirmata import Arduino
board = Arduino("/dev/ttyACM0")
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        board.digital[data["pin"]].write(1)
        self.write_message("switched")
""",
        {},
    ),
    "a pin that opens the lock of a board": (
        "late",
        """
import RPi.GPIO as GPIO
PIN = os.environ["PIN"]
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        if data["pin"] != PIN:
            return self.close()
        GPIO.output(17, 1)
""",
        {},
    ),
    "a pin that the lock of a board looks at": (
        "late",
        """
import RPi.GPIO as GPIO
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        if not room.verify_pin(data["pin"]):
            return self.close()
        GPIO.output(17, 1)
""",
        {},
    ),
    "a pin that is looked up": (
        "late",
        """
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        guest = room.guests[data["pin"]]
        self.write_message(guest.name)
""",
        {},
    ),
}
