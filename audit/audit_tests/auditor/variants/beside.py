"""Data that a message leaves for another part of the program: in a list, a queue, a polled variable.

`ANYBODY` are of unauthenticated clients; `FILES` are whole programs.
"""

__all__ = ["ANYBODY", "FILES", "LATE"]

_HANDED_IN = """
class Door(WebSocketHandler):
    def initialize(self, {name}):
        self.{name} = {name}
    def on_message(self, message):
        asked = json.loads(message)
        if "run" in asked:
            self.{name}.append({{"run": asked["run"]}})
def start(port, given):
    application = Application([("/ws", Door, dict({name}=given))])
    application.listen(port)
"""
_MADE_FOR_ITSELF = """
import collections
class Door(WebSocketHandler):
    def open(self):
        self.commands = {made}
    def on_message(self, message):
        self.commands.append(json.loads(message)["run"])
"""
_IN_TURN = """
import collections, subprocess
class Dispatcher:
    running = 0
    jobs = collections.deque()
    @staticmethod
    def enter(job):
        Dispatcher.jobs.append((job, None))
        while Dispatcher.jobs and Dispatcher.running < 2:
            following = Dispatcher.jobs.popleft()
            Dispatcher.running += 1
            {later}
    @staticmethod
    async def start(job, then):
        {does}
class Door(WebSocketHandler):
    def on_message(self, message):
        Dispatcher.enter(json.loads(message))
"""
_LATER = "asyncio.get_running_loop().call_soon(Dispatcher.start, *following)"
_AT_ONCE = "asyncio.ensure_future(Dispatcher.start(*following))"
_WORKING = """
import queue, subprocess, threading
class Work:
    jobs = queue.Queue()
    @classmethod
    def run(cls):
        while True:
            job = cls.jobs.get()
            {does}
threading.Thread(target=Work.run).start()
class Door(WebSocketHandler):
    def on_message(self, message):
        Work.jobs.put(json.loads(message))
"""
_LOOPING = """
import threading
from elsewhere import board
class Player:
    paused = False
    def __init__(self):
        self.muted = False
        self.heard = None
    def run(self):
        while True:
            if {looked_at}:
                continue
            board.play()
player = Player()
threading.Thread(target=player.run).start()
running = True
def work():
    while running:
        board.step()
flags = {{"busy": False}}
def wait():
    while True:
        while flags["busy"]:
            board.rest()
class Door(WebSocketHandler):
    busy = False
    def on_message(self, message):
        global running
        said = json.loads(message)
        {sets}
"""
_OWN_PIECE = """
from tornado.ioloop import PeriodicCallback
class Snake:
    def __init__(self):
        self.direction = "up"
        self.long = 1
    def run(self):
        while True:
            if self.direction == "up":
                self.long += 1
class World:
    def __init__(self):
        self.snakes = {{}}
    def turn(self):
        for snake in self.snakes.values():
            if snake.direction == "up":
                snake.long += 1
world = World()
PeriodicCallback(world.turn, 100).start()
class Door(WebSocketHandler):
    def open(self):
        self.snake = Snake()
        world.snakes[id(self)] = self.snake
    def on_message(self, message):
        {sets}
"""
_TAKEN_FOR = """
class Door(WebSocketHandler):
    {who}
    async def on_message(self, message):
        said = json.loads(message)
        if said["watch"] == "letters":
            {does}
        {more}
"""
_TELLS_THEIRS = """async for row in db.letters.watch():
                if row["to"] == self.current_user:
                    self.write_message(json.dumps(row["text"]))"""
_RUNS = 'subprocess.Popen(["/usr/bin/judge", job["path"]])'

ANYBODY: dict[str, tuple[str, str]] = {
    "lines are a list that was handed in": ("ok", _HANDED_IN.format(name="lines")),
    "commands are a list of the connection's own": ("ok", _MADE_FOR_ITSELF.format(made="[]")),
    "commands are a queue of the connection's own": (
        "ok",
        _MADE_FOR_ITSELF.format(made="collections.deque()"),
    ),
    "what is lined up is only noted in turn": (
        "ok",
        _IN_TURN.format(later=_LATER, does="print(job)"),
    ),
    "the queue of a class is only counted by its loop": (
        "ok",
        _WORKING.format(does="print(len(job))"),
    ),
    "a loop of an object looks at something else": (
        "ok",
        _LOOPING.format(looked_at="self.muted", sets='player.heard = said["on"]'),
    ),
    "the connection has an entry of that name": (
        "ok",
        _LOOPING.format(
            looked_at="self.muted", sets='self.flags = {}; self.flags["busy"] = said["on"]'
        ),
    ),
    "the connection has something of that name": (
        "ok",
        _LOOPING.format(looked_at="self.busy", sets='self.busy = said["on"]'),
    ),
    "what is in a heap is noted": (
        "ok",
        """
import subprocess, heapq
heap = []
def turn():
    rank, job = heapq.heappop(heap)
    print(job)
class Door(WebSocketHandler):
    def on_message(self, message):
        heapq.heappush(heap, (1, json.loads(message)))
        turn()
""",
    ),
    "a clock has a queue emptied, and noted": (
        "ok",
        """
import subprocess, collections
from tornado.ioloop import PeriodicCallback
jobs = collections.deque()
def turn():
    if jobs:
        job = jobs.popleft()
        print(job)
class Door(WebSocketHandler):
    def on_message(self, message):
        jobs.append(json.loads(message))
PeriodicCallback(turn, 100).start()
""",
    ),
    "a thread goes through a list and notes it": (
        "ok",
        """
import subprocess, threading, time
todo = []
def work():
    while True:
        for job in list(todo):
            todo.remove(job)
            print(job)
        time.sleep(1)
threading.Thread(target=work, daemon=True).start()
class Door(WebSocketHandler):
    def on_message(self, message):
        todo.append(json.loads(message))
""",
    ),
    "another process looks at something else": (
        "ok",
        """
from multiprocessing import Manager, Process
from elsewhere import board
def control(state):
    while True:
        if state["cold"]:
            board.output(17, 1)
class Door(WebSocketHandler):
    def initialize(self, state):
        self.state = state
    def on_message(self, message):
        self.state["heat"] = json.loads(message)["heat"]
def main():
    values = Manager().dict()
    Process(target=control, args=(values,)).start()
    Application([("/ws", Door, dict(state=values))]).listen(8888)
""",
    ),
    "a clock has a table looked at that nobody sets": (
        "ok",
        """
from tornado.ioloop import PeriodicCallback
from elsewhere import board
wish = {}
def turn():
    if wish.get("lamp"):
        board.output(17, 1)
class Door(WebSocketHandler):
    def on_message(self, message):
        print(message)
PeriodicCallback(turn, 100).start()
""",
    ),
    "a clock looks at a piece of the connection's own": (
        "ok",
        _OWN_PIECE.format(sets='self.snake.direction = json.loads(message)["to"]'),
    ),
    "a clock looks at a piece that is found under the connection": (
        "ok",
        _OWN_PIECE.format(sets='world.snakes[id(self)].direction = json.loads(message)["to"]'),
    ),
    "what is for all is told, whoever stands in the source": (
        "ok",
        _TAKEN_FOR.format(
            who='current_user = "maria"',
            does='self.write_message(json.dumps(db.news.find({"front": True})))',
            more="print(self.current_user)",
        ),
    ),
    "what is of nobody yet is told": (
        "ok",
        _TAKEN_FOR.format(who="current_user = None", does=_TELLS_THEIRS, more="pass"),
    ),
    "who it is says the client's cookie": (
        "ok",
        _TAKEN_FOR.format(
            who="""def prepare(self):
        if self.get_current_user() is None:
            raise HTTPError(401)
    def get_current_user(self):
        return self.get_signed_cookie("user")""",
            does=_TELLS_THEIRS,
            more="pass",
        ),
    ),
    "a page that was filled in is said to the client": (
        "ok",
        """
class Door(WebSocketHandler):
    def on_message(self, message):
        asked = json.loads(message)
        self.write_message(self.render_string("line.html", text=asked["text"]).decode())
""",
    ),
}

_LOOKED_UP_ELSEWHERE = """
import requests
class Machines:
    def __init__(self, token=None):
        self.token = token or os.environ["TOKEN"]
    def find(self, number):
        return requests.post(
            "https://machines.example/find", headers={{"Authorization": self.token}}, json={{"id": number}}
        ).json()
class Door(WebSocketHandler):
    def on_message(self, message):
        said = json.loads(message)
        token = said.get("token")
        {first}
        {then}
    def find(self, token, number):
        found = Machines(token=token).find(number)
        if not found:
            raise LookupError(number)
        room.start(found)
"""
_READ = 'roles = jwt.decode(token, os.environ["KEY"], algorithms=["HS256"])["roles"]'
_FOUND = 'self.find(token, said["machine_id"])'

LATE: dict[str, tuple[str, str]] = {
    "a token that was read is the one that is shown elsewhere": (
        "ok",
        _LOOKED_UP_ELSEWHERE.format(first=_READ, then=_FOUND),
    ),
}

_SETS = """
import json
import shared
from tornado.web import Application
from tornado.websocket import WebSocketHandler
class Door(WebSocketHandler):
    def on_message(self, message):
        for key, value in json.loads(message).items():
            if key == "heat":
                {sets}
application = Application([("/ws", Door)])
"""
_LOOKS = """
import time
import shared
from elsewhere import board
def control():
    if {looked_at}:
        board.output(17, 1)
while True:
    control()
    time.sleep(1)
"""


def _set_and_looked_at(sets: str, looked_at: str) -> dict[str, str]:
    return {
        "app.py": _SETS.format(sets=sets),
        "shared.py": "heat = 1\ncold = 0\nvalues = {}\n",
        "logic.py": _LOOKS.format(looked_at=looked_at),
    }


FILES: dict[str, tuple[str, dict[str, str]]] = {
    "a loop looks at another variable": (
        "ok",
        _set_and_looked_at("shared.heat = value", "shared.cold"),
    ),
    "a loop looks at another entry": (
        "ok",
        _set_and_looked_at('shared.values["heat"] = value', 'shared.values["cold"]'),
    ),
    "a connection notes what it was told last": (
        "ok",
        _set_and_looked_at("shared.last_heard = value", "shared.last_heard"),
    ),
}
