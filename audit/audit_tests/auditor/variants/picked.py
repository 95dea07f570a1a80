"""Actions that a message or the address selects: consoles, devices, workers, tables of classes.

`ANYBODY` are of unauthenticated clients, `MEMBERS` of authenticated ones,
`FILES` of either in more files than one.
"""

__all__ = ["ANYBODY", "FILES", "MEMBERS"]

ANYBODY: dict[str, tuple[str, str]] = {
    "a file of its own descriptor": (
        "ok",
        """
import pty, subprocess, os, tempfile
from tornado.iostream import PipeIOStream
class Door(WebSocketHandler):
    def open(self):
        fd, self.path = tempfile.mkstemp()
        self.out = os.fdopen(fd, "wb")
    def on_message(self, message):
        self.out.write(message)
""",
    ),
    "a stream of a terminal that is only read": (
        "ok",
        """
import pty, subprocess, os, tempfile
from tornado.iostream import PipeIOStream
class Door(WebSocketHandler):
    def open(self):
        master, slave = pty.openpty()
        self.process = subprocess.Popen(["top"], stdin=slave, stdout=slave)
        self.pipe = PipeIOStream(master)
    def on_message(self, message):
        self.write_message("ok")
""",
    ),
    # consoles --------------------------------------------------------------------------------
    "a terminal of a library whose messages only resize it": (
        "ok",
        """
from terminado import TermSocket
class Door(TermSocket):
    def on_message(self, message):
        command = json.loads(message)
        if command[0] == "set_size":
            self.size = tuple(command[1:3])
""",
    ),
    "a terminal of a library that asks for a user": (
        "ok",
        """
from terminado import TermSocket
class Door(TermSocket):
    def get_current_user(self):
        return self.get_secure_cookie("user")
    def get(self, *args, **kwargs):
        if self.current_user != b"root":
            raise HTTPError(403)
        return super(TermSocket, self).get(*args, **kwargs)
""",
    ),
    "a bridge to a host that asks the client for its password": (
        "ok",
        """
import paramiko
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        if data["kind"] == "connect":
            self.ssh = paramiko.SSHClient()
            self.ssh.connect(data["host"], username=data["user"], password=data["password"])
            self.channel = self.ssh.invoke_shell()
        elif data["kind"] == "type":
            self.channel.send(data["text"])
""",
    ),
    "what a pane of a terminal multiplexer shows": (
        "ok",
        """
import libtmux
server = libtmux.Server()
class Door(WebSocketHandler):
    def on_message(self, message):
        if message == "show":
            pane = server.sessions[0].active_window.active_pane
            self.write_message(chr(10).join(pane.capture_pane()))
""",
    ),
    "a program of the loop that says how the machine is": (
        "ok",
        """
from tornado.process import Subprocess
class Door(WebSocketHandler):
    def on_message(self, message):
        if message == "load":
            self.process = Subprocess(["uptime"], stdout=Subprocess.STREAM)
""",
    ),
    "its own process is ended": (
        "ok",
        """
import signal, subprocess
class Door(WebSocketHandler):
    def open(self):
        self.child = subprocess.Popen(["tail", "-f", "/var/log/public.log"])
    def on_message(self, message):
        if message == "stop":
            os.kill(self.child.pid, signal.SIGTERM)
""",
    ),
    # tables and registries ---------------------------------------------------------------------
    "subclasses that only show": (
        "ok",
        """
class View:
    name = ""
    def show(self, data):
        raise NotImplementedError
class Clock(View):
    name = "clock"
    def show(self, data):
        return {"now": db.now()}
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        for one in View.__subclasses__():
            if one.name == data["name"]:
                self.write_message(one().show(data))
""",
    ),
    "queries as classes, by their class": (
        "ok",
        """
class Show:
    def __init__(self, data): self.page = data["page"]
class Service:
    def __init__(self):
        self.handlers = {Show: self.show}
    def show(self, query): return db.news(query.page)
    def handle(self, query):
        return self.handlers[query.__class__](query)
service = Service()
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        if data["kind"] == "show":
            self.write_message(service.handle(Show(data)))
""",
    ),
    "a service of the program says what its actions are": (
        "ok",
        """
class Door(WebSocketHandler):
    def initialize(self, node):
        self.node = node
    def on_message(self, message):
        if message == "actions":
            self.write_message({"actions": self.node.list_actions()})
""",
    ),
    "one of the figures of a player": (
        "ok",
        """
import vlc
player = vlc.MediaPlayer("song.mp3")
class Door(WebSocketHandler):
    def on_message(self, message):
        if message == "position":
            self.write_message({"position": player.get_position(), "volume": player.audio_get_volume()})
""",
    ),
    "an event of the program that there was a message": (
        "ok",
        """
from pyee import EventEmitter
bus = EventEmitter()
class Door(WebSocketHandler):
    def on_message(self, message):
        bus.emit("message", len(message))
""",
    ),
    # workers -----------------------------------------------------------------------------------
    "a worker notes what it takes from a queue of the module": (
        "ok",
        """
import queue, threading
from elsewhere import logger
jobs = queue.Queue()
def work():
    while True:
        job = jobs.get()
        logger.info("%s", job)
threading.Thread(target=work).start()
class Door(WebSocketHandler):
    def on_message(self, message):
        jobs.put(json.loads(message))
""",
    ),
    "a thread notes what it takes from the queue that both are given": (
        "ok",
        """
import queue, threading
from elsewhere import logger
class Worker(threading.Thread):
    def __init__(self, jobs):
        threading.Thread.__init__(self)
        self.jobs = jobs
    def run(self):
        while True:
            logger.info("heard %s", self.jobs.get())
class Door(WebSocketHandler):
    def initialize(self, jobs):
        self.jobs = jobs
    def on_message(self, message):
        self.jobs.put(message)
def main():
    jobs = queue.Queue()
    Worker(jobs).start()
    Application([("/ws", Door, {"jobs": jobs})]).listen(80)
""",
    ),
    "the jobs of the scheduler": (
        "ok",
        """
from apscheduler.schedulers.tornado import TornadoScheduler
scheduler = TornadoScheduler()
class Door(WebSocketHandler):
    def on_message(self, message):
        if message == "jobs":
            self.write_message({"jobs": [job.id for job in scheduler.get_jobs()]})
""",
    ),
    "how the containers are": (
        "ok",
        """
import docker
engine = docker.from_env()
class Door(WebSocketHandler):
    def on_message(self, message):
        if message == "list":
            self.write_message({"names": [one.name for one in engine.containers.list()]})
""",
    ),
    "says when a message was there": (
        "ok",
        """
import threading
heard = threading.Event()
class Door(WebSocketHandler):
    def on_message(self, message):
        if message == "ready":
            heard.set()
""",
    ),
    # devices -----------------------------------------------------------------------------------
    "a port that the connection opens and reads": (
        "ok",
        """
import serial
class Door(WebSocketHandler):
    def open(self):
        self.port = serial.Serial("/dev/ttyUSB0", 9600)
    def on_message(self, message):
        if message == "temperature":
            self.write_message(self.port.readline())
""",
    ),
    "a line of a chat by a topic": (
        "ok",
        """
import paho.mqtt.client as mqtt
client = mqtt.Client()
class Door(WebSocketHandler):
    def on_message(self, message):
        client.publish("lobby/chat", message)
""",
    ),
    "the weather from its page": (
        "ok",
        """
import requests
class Door(WebSocketHandler):
    def on_message(self, message):
        if message == "weather":
            self.write_message(requests.get("https://weather.example/today").json())
""",
    ),
    "a line is added to a file": (
        "ok",
        """
class Door(WebSocketHandler):
    def on_message(self, message):
        with open("heard.log", "a") as file:
            file.write(message)
""",
    ),
    "an upload under a name that is made up": (
        "ok",
        """
import uuid
class Door(WebSocketHandler):
    def on_message(self, message):
        with open(os.path.join("/srv/uploads", uuid.uuid4().hex), "wb") as file:
            file.write(message)
""",
    ),
    "a file of the machine's own figures": (
        "ok",
        """
class Door(WebSocketHandler):
    def on_message(self, message):
        if message == "mark":
            with open("mark.txt", "w") as file:
                file.write("marked")
""",
    ),
    # the object that it names ---------------------------------------------------------------------
    "a robot whose name is looked for is shown": (
        "ok",
        """
from elsewhere import robots
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        robot = next((one for one in robots if one["name"] == data["robot"]), None)
        if robot is not None:
            self.write_message({"name": robot["name"], "state": robot["state"]})
""",
    ),
    "the one chat of a bot": (
        "ok",
        """
import telegram
bot = telegram.Bot(options.token)
class Door(WebSocketHandler):
    def on_message(self, message):
        bot.send_message(options.feedback, message)
""",
    ),
    "an event of a namespace that shows": (
        "ok",
        """
import socketio
from elsewhere import relay
class Door(socketio.AsyncNamespace):
    async def on_state(self, sid, data):
        await self.emit("state", {"on": relay.is_on()}, room=sid)
sio = socketio.AsyncServer(async_mode="tornado")
sio.register_namespace(Door("/"))
app = Application([("/socket.io/", socketio.get_tornado_handler(sio))])
""",
    ),
    "an event of an old connection that shows": (
        "ok",
        """
from tornadio2 import SocketConnection, TornadioRouter, event
from elsewhere import arm
class Door(SocketConnection):
    @event("where")
    def where(self):
        self.emit("where", arm.get_position())
router = TornadioRouter(Door)
app = Application(router.apply_routes([]))
""",
    ),
    # more consoles, files and machines -----------------------------------------------------------
    "the log of the one pod": (
        "ok",
        """
from kubernetes import client
api = client.CoreV1Api()
class Door(WebSocketHandler):
    def on_message(self, message):
        if message == "log":
            self.write_message(api.read_namespaced_pod_log(options.pod, "default"))
""",
    ),
    "an archive that is listed": (
        "ok",
        """
import io, tarfile
class Door(WebSocketHandler):
    def on_message(self, message):
        names = tarfile.open(fileobj=io.BytesIO(message)).getnames()
        self.write_message({"names": names})
""",
    ),
    "the connection ends": (
        "ok",
        """
class Door(WebSocketHandler):
    def on_message(self, message):
        if message == "quit":
            self.close()
""",
    ),
    # brokers -------------------------------------------------------------------------------------
    "a list of lines of a broker": (
        "ok",
        """
import redis
store = redis.Redis()
class Door(WebSocketHandler):
    def on_message(self, message):
        store.rpush("history", message)
""",
    ),
    "a queue of lines of a broker": (
        "ok",
        """
import pika
channel = pika.BlockingConnection().channel()
class Door(WebSocketHandler):
    def on_message(self, message):
        channel.basic_publish(exchange="", routing_key="chat.lines", body=message)
""",
    ),
    "a task of the loop sends it to all": (
        "ok",
        """
from tornado.ioloop import IOLoop
from tornado.queues import Queue
async def tell(lines, people):
    while True:
        line = await lines.get()
        for one in people:
            one.write_message(line)
class Door(WebSocketHandler):
    def initialize(self, lines):
        self.lines = lines
    async def on_message(self, message):
        await self.lines.put(json.loads(message)["text"])
def main():
    lines = Queue()
    app = Application([("/ws", Door, dict(lines=lines))])
    app.listen(80)
    IOLoop.current().spawn_callback(tell, lines, clients)
    IOLoop.current().start()
""",
    ),
    # more devices --------------------------------------------------------------------------------
    "registers of a controller are read": (
        "ok",
        """
from pymodbus.client import ModbusTcpClient
plc = ModbusTcpClient("10.0.0.9")
class Door(WebSocketHandler):
    def on_message(self, message):
        if message == "read":
            self.write_message({"values": plc.read_holding_registers(0, 8).registers})
""",
    ),
    "the lights of a bridge": (
        "ok",
        """
from phue import Bridge
bridge = Bridge("10.0.0.3")
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        self.write_message({"on": bridge.get_light(data["light"], "on")})
""",
    ),
    "somebody is put out": (
        "missing",
        """
class Door(WebSocketHandler):
    everybody = set()
    def open(self):
        self.nick = self.get_argument("nick")
        Door.everybody.add(self)
    def on_message(self, message):
        data = json.loads(message)
        if data["kind"] == "kick":
            for one in Door.everybody:
                if one.nick == data["nick"]:
                    one.close()
""",
    ),
    "who is there": (
        "ok",
        """
class Door(WebSocketHandler):
    everybody = set()
    def open(self):
        self.nick = self.get_argument("nick")
        Door.everybody.add(self)
    def on_message(self, message):
        data = json.loads(message)
        if data["kind"] == "who":
            self.write_message({"names": [one.nick for one in Door.everybody]})
""",
    ),
    # its own among those of all --------------------------------------------------------------------
    "its own figure in a world of all": (
        "ok",
        """
import uuid
from elsewhere import world
class Door(WebSocketHandler):
    def open(self):
        self.uid = uuid.uuid4().hex
        world.join(self.uid)
    def on_message(self, message):
        data = json.loads(message)
        if data["kind"] == "move":
            world.move(self.uid, data["x"], data["y"])
        elif data["kind"] == "name":
            world.set_name(self.uid, data["name"])
""",
    ),
    "its own light in a row of all": (
        "ok",
        """
import itertools
from elsewhere import lights
numbers = itertools.count()
class Door(WebSocketHandler):
    def open(self):
        self.number = next(numbers)
    def on_message(self, message):
        lights.set_color(self.number, json.loads(message)["color"])
""",
    ),
    "its own worker of many": (
        "ok",
        """
from elsewhere import pool
class Door(WebSocketHandler):
    def open(self):
        self.worker = pool.take()
    def on_message(self, message):
        data = json.loads(message)
        if data["kind"] == "pause":
            pool.pause(self.worker)
        elif data["kind"] == "speed":
            pool.set_speed(self.worker, data["speed"])
""",
    ),
    "its own terminal is as large as it says": (
        "ok",
        """
from elsewhere import sessions
class Door(WebSocketHandler):
    def open(self):
        self.session = sessions.begin()
    def on_message(self, message):
        data = json.loads(message)
        if data["kind"] == "resize":
            self.session.set_size(data["rows"], data["columns"])
""",
    ),
    "a list of those that are there, by a loop": (
        "ok",
        """
from elsewhere import robots
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        for robot in robots:
            if robot.name == data["robot"]:
                self.write_message({"name": robot.name, "battery": robot.battery})
""",
    ),
    "what is printed for whoever watches the machine": (
        "ok",
        """
from elsewhere import console
class Door(WebSocketHandler):
    def on_message(self, message):
        console.print(message)
        console.log("heard", len(message))
""",
    ),
    "a question for a model": (
        "ok",
        """
from elsewhere import model
class Door(WebSocketHandler):
    def on_message(self, message):
        self.write_message({"answer": model.run(message)})
""",
    ),
    "its own settings of the page": (
        "ok",
        """
class Door(WebSocketHandler):
    def open(self):
        self.view = {}
    def on_message(self, message):
        data = json.loads(message)
        self.view.update(data)
        self.rate = data["rate"]
        self.write_message(self.view)
""",
    ),
    "the input of a filter of its own": (
        "ok",
        """
import subprocess
class Door(WebSocketHandler):
    def on_message(self, message):
        done = subprocess.run(["wc", "-w"], input=message.encode(), stdout=subprocess.PIPE)
        self.write_message(done.stdout)
""",
    ),
    "asks a broker for the last lines": (
        "ok",
        """
import redis
store = redis.Redis()
class Door(WebSocketHandler):
    def on_message(self, message):
        if message == "more":
            for line in store.lrange("history", 0, 20):
                self.write_message(line)
""",
    ),
    "a bus of the connection's manager, always the same": (
        "ok",
        """
class Door(WebSocketHandler):
    def __init__(self, *args, **kwargs):
        self.eventManager = kwargs.pop("manager").instance
        super(Door, self).__init__(*args, **kwargs)
    def on_message(self, message):
        self.eventManager.publish("said", json.loads(message)["text"])
""",
    ),
}

MEMBERS: dict[str, tuple[str, str]] = {
    "a table under the name of who was found": (
        "ok",
        """
class Door(Base):
    @gen.engine
    def open(self):
        self.user = yield gen.Task(db.find_user, self.current_user)
    def on_message(self, message):
        data = json.loads(message)
        for row in db[self.user.name].find({"path": data["path"]}):
            self.write_message(row)
""",
    ),
    "the account is enabled, and it is asked for the log": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        user = db.users.get(self.current_user)
        if not user or not user.enabled or user.deleted:
            return
        if not user.has_permission("logs", data["job_id"]):
            return
        jobs.add_watch(data["job_id"])
from elsewhere import jobs
""",
    ),
    "commands as classes, and each is asked": (
        "ok",
        """
class Remove:
    def __init__(self, user, data): self.user, self.id = user, data["id"]
class Service:
    def __init__(self):
        self.handlers = {Remove: self.remove}
    def remove(self, command):
        if not db.owns(command.user, command.id):
            raise PermissionError(command.id)
        db.remove(command.id)
    def handle(self, command):
        return self.handlers[type(command)](command)
service = Service()
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        if data["kind"] == "remove":
            service.handle(Remove(self.current_user, data))
""",
    ),
    "a session of the database, of the owner": (
        "ok",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        session = self.application.get_db_session()
        session.query(db.Note).filter_by(id=data["id"], owner=self.current_user).one().delete()
""",
    ),
}

_WEB = """
class Door(WebSocketHandler):
    __queue = None
    def initialize(self, queue):
        self.__queue = queue
    def on_message(self, message):
        self.__queue.put(message)
class Frontend:
    __queue = None
    def __init__(self, port, queue):
        self.__port = port
        self.__queue = queue
    def run(self):
        Application([("/ws", Door, {"queue": self.__queue})]).listen(self.__port)
"""
_MAIN = """
import queue
from app import Frontend
from parts import Player, Desk
jobs = queue.Queue()
player = Player(jobs)
desk = Desk("desk", jobs, {"player": player})
desk.start()
Frontend(80, jobs).run()
"""
_PARTS = """
import json, threading
from elsewhere import speaker
class Player:
    def __init__(self, jobs):
        self.jobs = jobs
    def receive(self, job):
        {plays}
class Desk(threading.Thread):
    __queue = None
    def __init__(self, name, queue, threads):
        threading.Thread.__init__(self, name=name)
        self.__queue = queue
        self.__threads = threads
    def run(self):
        while True:
            job = json.loads(self.__queue.get())
            thread = self.__threads.get(job["target"])
            if thread is not None:
                thread.receive(job)
"""
_ACTIONS = """
from app import Action
from elsewhere import machine
class Reboot(Action):
    @classmethod
    def is_for(cls, name):
        return name == "reboot"
    def on_data(self, data):
        {does}
"""
_DOOR = """
class Action:
    def __init__(self, socket):
        self.socket = socket
    @classmethod
    def is_for(cls, name):
        return False
    def on_data(self, data):
        raise NotImplementedError
def action_for(name, socket):
    for one in Action.__subclasses__():
        if one.is_for(name):
            return one(socket)
    raise ValueError
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        action_for(data["action"], self).on_data(data["data"])
"""
_REGISTRY = """
COMMANDS = {}
def command(name):
    def wrap(function):
        COMMANDS[name] = function
        return function
    return wrap
"""
_LOOKS_UP = """
from registry import COMMANDS
import commands_of_all
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        COMMANDS[data["command"]](data)
"""

_KEYED = """
import colander
class Envelope(colander.MappingSchema):
    pass
class Door(WebSocketHandler):
    def open(self):
        self.authenticated = False
    def on_message(self, message):
        parsed = Envelope().deserialize(json.loads(message))
        if not self.authenticated:
            user = db.query(User).filter(User.apikey == parsed["auth"]).first()
            if user is None:
                self.close()
                return
            self.authenticated = True
            self.user = user
        {asks}
        db.jobs.watch(parsed["job_id"])
from elsewhere import User
"""
FILES: dict[str, tuple[str, str, dict[str, str]]] = {
    "a key in what a schema makes of the message, and the job is asked for": (
        "ok",
        _KEYED.replace(
            "{asks}", 'if not db.may_watch(self.user, parsed["job_id"]): raise PermissionError'
        ),
        {},
    ),
    "a desk hands it to one that counts": (
        "ok",
        _WEB,
        {"main.py": _MAIN, "parts.py": _PARTS.replace("{plays}", "self.heard = len(job)")},
    ),
    "a class of another file that tells how it is": (
        "ok",
        _DOOR,
        {"actions.py": _ACTIONS.replace("{does}", "self.socket.write_message(machine.state())")},
    ),
}
