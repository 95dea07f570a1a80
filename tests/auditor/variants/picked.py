"""What is done is picked by a message or by the address: consoles, devices, workers, tables of classes.

`ANYBODY` are of clients of whom nobody knows who they are, `MEMBERS` of those whose identity is known,
`FILES` of either in more files than one.
"""

__all__ = ["ANYBODY", "FILES", "MEMBERS"]

ANYBODY: dict[str, tuple[str, str]] = {
    "a stream of a terminal": (
        "missing",
        """
import pty, subprocess, os, tempfile
from tornado.iostream import PipeIOStream
class Door(WebSocketHandler):
    def open(self):
        master, slave = pty.openpty()
        self.process = subprocess.Popen(["vim"], stdin=slave, stdout=slave)
        self.pipe = PipeIOStream(master)
    def on_message(self, message):
        self.pipe.write(message)
""",
    ),
    "a file of a forked terminal": (
        "missing",
        """
import pty, subprocess, os, tempfile
from tornado.iostream import PipeIOStream
class Door(WebSocketHandler):
    def open(self):
        pid, child = pty.fork()
        self.out = os.fdopen(child, "wb")
    def on_message(self, message):
        self.out.write(message)
""",
    ),
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
    "a terminal of a library": (
        "missing",
        """
from terminado import TermSocket, UniqueTermManager
class Door(TermSocket):
    def check_origin(self, origin):
        return True
manager = UniqueTermManager(shell_command=["bash"])
app = Application([("/tty", Door, {"term_manager": manager})])
""",
    ),
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
    "a terminal of a library, and more before it": (
        "missing",
        """
import terminado
class Door(terminado.TermSocket):
    def on_message(self, message):
        print("typed", len(message))
        return super(Door, self).on_message(message)
""",
    ),
    "a pseudo-terminal of the connection": (
        "missing",
        """
import pty
class Door(WebSocketHandler):
    def open(self):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvp("bash", ["bash"])
    def on_message(self, message):
        os.write(self.fd, message.encode())
""",
    ),
    "the input of a shell": (
        "missing",
        """
import subprocess
class Door(WebSocketHandler):
    def open(self):
        self.shell = subprocess.Popen(["sh"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    def on_message(self, message):
        self.shell.stdin.write(message.encode())
        self.shell.stdin.flush()
""",
    ),
    "a bridge to a host of the server": (
        "missing",
        """
import paramiko
class Door(WebSocketHandler):
    def open(self):
        self.ssh = paramiko.SSHClient()
        self.ssh.connect(options.host, username=options.user, password=options.password)
        self.channel = self.ssh.invoke_shell()
    def on_message(self, message):
        self.channel.send(message)
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
    "a pane of a terminal multiplexer": (
        "missing",
        """
import libtmux
server = libtmux.Server()
class Door(WebSocketHandler):
    def on_message(self, message):
        pane = server.sessions[0].active_window.active_pane
        pane.send_keys(message)
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
    "a program in a coroutine": (
        "missing",
        """
class Door(WebSocketHandler):
    async def on_message(self, message):
        data = json.loads(message)
        made = await asyncio.create_subprocess_shell(data["line"], stdout=asyncio.subprocess.PIPE)
        out, _ = await made.communicate()
        self.write_message(out)
""",
    ),
    "a program of the loop": (
        "missing",
        """
import shlex
from tornado.process import Subprocess
class Door(WebSocketHandler):
    def on_message(self, message):
        self.process = Subprocess(shlex.split(message), stdout=Subprocess.STREAM)
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
    "a program of old code": (
        "missing",
        """
import commands
class Door(WebSocketHandler):
    def on_message(self, message):
        print("running", message)
        self.write_message(commands.getoutput(message))
""",
    ),
    "code of old code": (
        "missing",
        """
class Door(WebSocketHandler):
    def on_message(self, message):
        exec(message, {})
        print("done")
""",
    ),
    "a cell of a notebook": (
        "missing",
        """
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
class Door(WebSocketHandler):
    def on_message(self, message):
        result = shell.run_cell(message)
        self.write_message(repr(result.result))
""",
    ),
    "a kernel's client": (
        "missing",
        """
from jupyter_client import KernelManager
manager = KernelManager()
manager.start_kernel()
client = manager.client()
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        if data["kind"] == "run":
            client.execute(data["code"])
""",
    ),
    "a process that it names is ended": (
        "missing",
        """
import signal
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        if data["action"] == "kill":
            os.kill(int(data["pid"]), signal.SIGTERM)
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
    "subclasses that say what they are for": (
        "missing",
        """
class Action:
    name = ""
    def run(self, data):
        raise NotImplementedError
class Delete(Action):
    name = "delete"
    def run(self, data):
        db.delete(data["id"])
class Show(Action):
    name = "show"
    def run(self, data):
        return db.show()
def action_of(name):
    for one in Action.__subclasses__():
        if one.name == name:
            return one()
    raise ValueError(name)
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        action_of(data["name"]).run(data)
""",
    ),
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
    "tables that are merged": (
        "missing",
        """
def remove(data): db.remove(data["id"])
def show(data): return db.show()
READS = {"show": show}
WRITES = {"remove": remove}
ALL = READS | WRITES
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        ALL[data["kind"]](data)
""",
    ),
    "a table that is filled later": (
        "missing",
        """
class Bus:
    def __init__(self):
        self.handlers = {}
        self.handlers.update({"remove": self.remove, "show": self.show})
    def remove(self, data): db.remove(data["id"])
    def show(self, data): return db.show()
    def handle(self, data):
        return self.handlers[data["kind"]](data)
bus = Bus()
class Door(WebSocketHandler):
    def on_message(self, message):
        bus.handle(json.loads(message))
""",
    ),
    "commands as classes, by their class": (
        "missing",
        """
class Remove:
    def __init__(self, data): self.id = data["id"]
class Show:
    def __init__(self, data): pass
class Service:
    def __init__(self):
        self.handlers = {Remove: self.remove, Show: self.show}
    def remove(self, command): db.remove(command.id)
    def show(self, command): return db.show()
    def handle(self, command):
        return self.handlers[type(command)](command)
service = Service()
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        if data["kind"] == "remove":
            service.handle(Remove(data))
        elif data["kind"] == "show":
            self.write_message(service.handle(Show(data)))
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
    "a plugin that says that it is for it": (
        "missing",
        """
from elsewhere import plugins
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        for plugin in plugins:
            if plugin.name == data["plugin"]:
                plugin.handle(data["arguments"])
""",
    ),
    "a service of the program runs an action": (
        "missing",
        """
class Door(WebSocketHandler):
    def initialize(self, node):
        self.node = node
    def on_message(self, message):
        target, action, *more = json.loads(message)
        self.write_message(self.node.run_action(action, more, target))
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
    "methods of another object that a message names": (
        "missing",
        """
class Session:
    def handle(self, text):
        data = json.loads(text)
        name = "do_{}".format(data["type"])
        if hasattr(self, name):
            return getattr(self, name)(data)
    def do_write(self, data):
        with open(data["path"], "w") as file:
            file.write(data["text"])
    def do_version(self, data):
        return "1"
    def start(self):
        self.server = Server()
        self.server.serve(self)
class Server:
    def serve(self, session):
        class Door(WebSocketHandler):
            def on_message(self, message):
                self.write_message({"result": session.handle(message)})
        Application([("/dev", Door)]).listen(8888)
""",
    ),
    "a parser that is fed": (
        "missing",
        """
import msgpack
from elsewhere import machine
def reboot(data): machine.reboot()
def remove(data): db.remove(data["id"])
CALLS = {"reboot": reboot, "remove": remove}
class Door(WebSocketHandler):
    def on_message(self, message):
        unpacker = msgpack.Unpacker()
        unpacker.feed(message)
        data = unpacker.unpack()
        CALLS[data["call"]](data)
""",
    ),
    "a procedure call of a library": (
        "missing",
        """
from jsonrpc import JSONRPCResponseManager, dispatcher
from elsewhere import machine
@dispatcher.add_method
def restart(): machine.restart()
class Door(WebSocketHandler):
    def on_message(self, message):
        self.write_message(JSONRPCResponseManager.handle(message, dispatcher).json)
""",
    ),
    "a procedure call of a library, by its name": (
        "missing",
        """
from jsonrpcserver import method, dispatch
from elsewhere import machine
@method
def restart(): return machine.restart()
class Door(WebSocketHandler):
    async def on_message(self, message):
        self.write_message(dispatch(message))
""",
    ),
    "one of the buttons of a player": (
        "missing",
        """
import vlc
player = vlc.MediaPlayer("song.mp3")
class Door(WebSocketHandler):
    def on_message(self, message):
        if message in ("play", "pause", "stop"):
            getattr(player, message)()
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
    "an event of the program by its name": (
        "missing",
        """
from pyee import EventEmitter
from elsewhere import machine
bus = EventEmitter()
@bus.on("reboot")
def reboot(data): machine.reboot()
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        bus.emit(data["event"], data)
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
    "a topic of the program by its name": (
        "missing",
        """
from pubsub import pub
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        pub.sendMessage(data["topic"], arguments=data["arguments"])
""",
    ),
    # workers -----------------------------------------------------------------------------------
    "a worker takes it from a queue of the module": (
        "missing",
        """
import queue, threading
from elsewhere import printer
jobs = queue.Queue()
def work():
    while True:
        job = jobs.get()
        if job["kind"] == "print":
            printer.run_gcode(job["gcode"])
        elif job["kind"] == "stop":
            printer.stop()
threading.Thread(target=work).start()
class Door(WebSocketHandler):
    def on_message(self, message):
        jobs.put(json.loads(message))
""",
    ),
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
    "a thread takes it from the queue that both are given": (
        "missing",
        """
import queue, threading
from elsewhere import Player
class Worker(threading.Thread):
    def __init__(self, jobs, player):
        threading.Thread.__init__(self)
        self.jobs = jobs
        self.player = player
    def run(self):
        while True:
            job = json.loads(self.jobs.get())
            if job["type"] == "play":
                self.player.play(job["title"])
            elif job["type"] == "stop":
                self.player.stop()
class Door(WebSocketHandler):
    def initialize(self, jobs):
        self.jobs = jobs
    def on_message(self, message):
        self.jobs.put(message)
def main():
    jobs = queue.Queue()
    Worker(jobs, Player()).start()
    Application([("/ws", Door, {"jobs": jobs})]).listen(80)
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
    "a worker in a thread of a pool": (
        "missing",
        """
from concurrent.futures import ThreadPoolExecutor
pool = ThreadPoolExecutor(2)
def build(project):
    os.system("make -C /srv/" + project)
class Door(WebSocketHandler):
    def on_message(self, message):
        pool.submit(build, json.loads(message)["project"])
""",
    ),
    "a job of the scheduler goes": (
        "missing",
        """
from apscheduler.schedulers.tornado import TornadoScheduler
scheduler = TornadoScheduler()
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        if data["kind"] == "pause":
            scheduler.pause_job(data["job"])
        elif data["kind"] == "remove":
            scheduler.remove_job(data["job"])
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
    "a task of others is revoked": (
        "missing",
        """
from celery import Celery
celery = Celery("work")
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        celery.control.revoke(data["task_id"], terminate=True)
""",
    ),
    "a container that it names": (
        "missing",
        """
import docker
engine = docker.from_env()
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        if data["action"] == "stop":
            engine.containers.get(data["container"]).stop()
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
    "a pod that it names": (
        "missing",
        """
from kubernetes import client
api = client.CoreV1Api()
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        api.delete_namespaced_pod(data["pod"], "default")
""",
    ),
    "stops when it is told": (
        "missing",
        """
import threading
from elsewhere import machine
stopping = threading.Event()
def work():
    while not stopping.is_set():
        machine.step()
class Door(WebSocketHandler):
    def on_message(self, message):
        if message == "stop":
            stopping.set()
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
    "a port that the connection opens": (
        "missing",
        """
import serial
class Door(WebSocketHandler):
    def open(self):
        self.port = serial.Serial("/dev/ttyUSB0", 9600)
    def on_message(self, message):
        self.port.write(message.encode())
""",
    ),
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
    "a lamp by a topic of commands": (
        "missing",
        """
import paho.mqtt.client as mqtt
client = mqtt.Client()
class Door(WebSocketHandler):
    def on_message(self, message):
        client.publish("home/lamp/set", message)
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
    "a robot by its topic": (
        "missing",
        """
import rospy
from geometry_msgs.msg import Twist
publisher = rospy.Publisher("/cmd_vel", Twist, queue_size=1)
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        twist = Twist()
        twist.linear.x = data["x"]
        twist.angular.z = data["z"]
        publisher.publish(twist)
""",
    ),
    "a player by its bus": (
        "missing",
        """
import dbus
bus = dbus.SessionBus()
player = dbus.Interface(bus.get_object("org.mpris.MediaPlayer2.x", "/org/mpris"), "org.mpris.Player")
class Door(WebSocketHandler):
    def on_message(self, message):
        if message == "toggle":
            player.PlayPause()
        elif message == "next":
            player.Next()
""",
    ),
    "a relay by its page": (
        "missing",
        """
import requests
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        if data["kind"] == "light":
            requests.post("http://192.168.1.20/relay/0", json={"turn": data["state"]})
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
    "a drone": (
        "missing",
        """
from djitellopy import Tello
tello = Tello()
class Door(WebSocketHandler):
    def on_message(self, message):
        if message == "up":
            tello.takeoff()
        elif message == "down":
            tello.land()
""",
    ),
    "a printer's line": (
        "missing",
        """
from printrun.printcore import printcore
printer = printcore("/dev/ttyACM0", 115200)
class Door(WebSocketHandler):
    def on_message(self, message):
        printer.send_now(json.loads(message)["gcode"])
""",
    ),
    "the colour of a strip": (
        "missing",
        """
import board, neopixel
pixels = neopixel.NeoPixel(board.D18, 30)
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        pixels.fill((data["r"], data["g"], data["b"]))
        pixels.show()
""",
    ),
    "the file that the program reads is written anew": (
        "missing",
        """
from base64 import b64decode
class Door(WebSocketHandler):
    def on_message(self, message):
        with open(os.path.join("/srv", "plugin.tar.gz"), "wb") as file:
            file.write(b64decode(message))
""",
    ),
    "the configuration of all is written anew": (
        "missing",
        """
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        with open("config.json", "w") as file:
            json.dump(data, file)
""",
    ),
    "the text of all is written anew": (
        "missing",
        """
from pathlib import Path
class Door(WebSocketHandler):
    def on_message(self, message):
        Path("notes.txt").write_text(message)
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
    # whoever it names --------------------------------------------------------------------------
    "a robot whose name is looked for": (
        "missing",
        """
listeners = []
def named(name):
    return next(([at, one] for at, one in enumerate(listeners) if one["name"] == name), [None, None])
class Door(WebSocketHandler):
    def open(self):
        listeners.append({"name": self.request.query, "socket": self})
    def on_message(self, message):
        data = json.loads(message)
        at, robot = named(data["robot"])
        robot.update({"subscriptions": data["subscriptions"]})
""",
    ),
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
    "a chat of a bot": (
        "missing",
        """
import telegram
bot = telegram.Bot(options.token)
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        bot.send_message(data["chat_id"], data["text"])
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
    "a letter to whoever it names": (
        "missing",
        """
import smtplib
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        server = smtplib.SMTP("localhost")
        server.sendmail("shop@example.com", [data["to"]], data["body"])
""",
    ),
    "an event of a namespace": (
        "missing",
        """
import socketio
from elsewhere import relay
class Door(socketio.AsyncNamespace):
    async def on_switch(self, sid, data):
        if data["on"]:
            relay.on()
        else:
            relay.off()
sio = socketio.AsyncServer(async_mode="tornado")
sio.register_namespace(Door("/"))
app = Application([("/socket.io/", socketio.get_tornado_handler(sio))])
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
    "an event of an old connection": (
        "missing",
        """
from tornadio2 import SocketConnection, TornadioRouter, event
from elsewhere import arm
class Door(SocketConnection):
    @event("grip")
    def grip(self, force):
        arm.close_gripper(force)
    @event
    def home(self):
        arm.home()
router = TornadioRouter(Door)
app = Application(router.apply_routes([]))
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
    "the input of a pod": (
        "missing",
        """
from kubernetes import client, stream
api = client.CoreV1Api()
class Door(WebSocketHandler):
    def open(self, pod):
        run = api.connect_get_namespaced_pod_exec
        self.stream = stream.stream(run, pod, "default", command="sh", stdin=True)
    def on_message(self, message):
        self.stream.write_stdin(message)
""",
    ),
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
    "a terminal of the application that the address names": (
        "missing",
        """
class Door(WebSocketHandler):
    def open(self, name):
        self.terminal = self.application.terminals[name]
    def on_message(self, message):
        self.terminal.write(message)
""",
    ),
    "an interpreter of its own": (
        "missing",
        """
import code
class Door(WebSocketHandler):
    def open(self):
        self.interpreter = code.InteractiveConsole()
    def on_message(self, message):
        self.interpreter.push(message)
""",
    ),
    "a debugger of its own": (
        "missing",
        """
from pygdbmi.gdbcontroller import GdbController
class Door(WebSocketHandler):
    def open(self):
        self.gdb = GdbController()
    def on_message(self, message):
        self.write_message({"answer": self.gdb.write(message)})
""",
    ),
    "keys for the windows of the machine": (
        "missing",
        """
import win32com.client
shell = win32com.client.Dispatch("WScript.Shell")
class Door(WebSocketHandler):
    def on_message(self, message):
        shell.SendKeys(message)
""",
    ),
    "a command line of the program": (
        "missing",
        """
import shlex
from click.testing import CliRunner
from elsewhere import cli
runner = CliRunner()
class Door(WebSocketHandler):
    def on_message(self, message):
        result = runner.invoke(cli, shlex.split(message))
        self.write_message(result.output)
""",
    ),
    "a host that runs it": (
        "missing",
        """
from fabric import Connection
host = Connection("web1")
class Door(WebSocketHandler):
    def on_message(self, message):
        self.write_message(host.run(message, hide=True).stdout)
""",
    ),
    "an archive that is unpacked": (
        "missing",
        """
import io, tarfile
class Door(WebSocketHandler):
    def on_message(self, message):
        tarfile.open(fileobj=io.BytesIO(message)).extractall("/srv/plugins")
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
    "a folder that it names": (
        "missing",
        """
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        os.makedirs(data["path"])
""",
    ),
    "a module is loaded anew": (
        "missing",
        """
import importlib, sys
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        importlib.reload(sys.modules[data["module"]])
""",
    ),
    "the program ends": (
        "missing",
        """
from tornado.ioloop import IOLoop
class Door(WebSocketHandler):
    def on_message(self, message):
        if message == "quit":
            IOLoop.current().stop()
""",
    ),
    "the program ends at once": (
        "missing",
        """
class Door(WebSocketHandler):
    def on_message(self, message):
        if message == "exit":
            os._exit(0)
""",
    ),
    "the program begins anew": (
        "missing",
        """
import sys
class Door(WebSocketHandler):
    def on_message(self, message):
        if message == "restart":
            os.execv(sys.executable, [sys.executable] + sys.argv)
""",
    ),
    "the program ends by a signal": (
        "missing",
        """
import signal
class Door(WebSocketHandler):
    def on_message(self, message):
        if message == "halt":
            os.kill(os.getpid(), signal.SIGTERM)
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
    "a list of jobs of a broker": (
        "missing",
        """
import redis
store = redis.Redis()
class Door(WebSocketHandler):
    def on_message(self, message):
        store.rpush("jobs", message)
""",
    ),
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
    "a queue of commands of a broker": (
        "missing",
        """
import pika
channel = pika.BlockingConnection().channel()
class Door(WebSocketHandler):
    def on_message(self, message):
        channel.basic_publish(exchange="", routing_key="robot.commands", body=message)
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
    "a topic of commands of a log": (
        "missing",
        """
from kafka import KafkaProducer
producer = KafkaProducer()
class Door(WebSocketHandler):
    def on_message(self, message):
        producer.send("device-commands", message.encode())
""",
    ),
    "the volume of a mixer over the network": (
        "missing",
        """
from pythonosc.udp_client import SimpleUDPClient
mixer = SimpleUDPClient("10.0.0.7", 10023)
class Door(WebSocketHandler):
    def on_message(self, message):
        mixer.send_message("/ch/01/mix/volume", json.loads(message)["level"])
""",
    ),
    "a function with its arguments goes to a worker": (
        "missing",
        """
from threading import Thread
import queue
from elsewhere import plotter
def work(jobs):
    while True:
        job = jobs.get()
        plotter.draw(job["lines"])
class Door(WebSocketHandler):
    def initialize(self, jobs):
        self.jobs = jobs
    def on_message(self, message):
        self.jobs.put(json.loads(message))
if __name__ == "__main__":
    jobs = queue.Queue()
    Thread(target=work, args=(jobs,), daemon=True).start()
    Application([("/ws", Door, dict(jobs=jobs))]).listen(80)
""",
    ),
    "a task of the loop takes it": (
        "missing",
        """
from tornado.ioloop import IOLoop
from tornado.queues import Queue
from elsewhere import robot
async def drive(orders):
    while True:
        order = await orders.get()
        if order["kind"] == "forward":
            robot.forward(order["speed"])
        elif order["kind"] == "stop":
            robot.stop()
class Door(WebSocketHandler):
    def initialize(self, orders):
        self.orders = orders
    async def on_message(self, message):
        await self.orders.put(json.loads(message))
def main():
    orders = Queue()
    app = Application([("/ws", Door, dict(orders=orders))])
    app.listen(80)
    IOLoop.current().spawn_callback(drive, orders)
    IOLoop.current().start()
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
    "a register of a controller": (
        "missing",
        """
from pymodbus.client import ModbusTcpClient
plc = ModbusTcpClient("10.0.0.9")
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        plc.write_register(data["address"], data["value"])
""",
    ),
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
    "a light of a bridge": (
        "missing",
        """
from phue import Bridge
bridge = Bridge("10.0.0.3")
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        bridge.set_light(data["light"], "on", data["on"])
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
    "a scene of a broadcast": (
        "missing",
        """
import obsws_python
studio = obsws_python.ReqClient()
class Door(WebSocketHandler):
    def on_message(self, message):
        studio.set_current_program_scene(json.loads(message)["scene"])
""",
    ),
    "a short message to a number": (
        "missing",
        """
from elsewhere import modem
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        modem.send_sms(data["number"], data["text"])
""",
    ),
    "a key of an input device": (
        "missing",
        """
import uinput
device = uinput.Device([uinput.KEY_A, uinput.KEY_B])
KEYS = {"a": uinput.KEY_A, "b": uinput.KEY_B}
class Door(WebSocketHandler):
    def on_message(self, message):
        device.emit_click(KEYS[message])
""",
    ),
    "a line for a printer of the machine": (
        "missing",
        """
from elsewhere import printer
class Door(WebSocketHandler):
    def on_message(self, message):
        printer.send(message)
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
    "any figure in a world of all": (
        "missing",
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
            world.move(data["figure"], data["x"], data["y"])
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
    "any light in a row of all": (
        "missing",
        """
from elsewhere import lights
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        lights.set_color(data["number"], data["color"])
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
    "a robot in a loop, whose name is another": (
        "missing",
        """
from elsewhere import robots
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        for robot in robots:
            if robot.name != data["robot"]:
                continue
            robot.run(data["program"])
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
    "a bus of the connection's manager": (
        "missing",
        """
class Door(WebSocketHandler):
    def __init__(self, *args, **kwargs):
        self.eventManager = kwargs.pop("manager").instance
        super(Door, self).__init__(*args, **kwargs)
    def on_message(self, message):
        data = json.loads(message)
        self.eventManager.publish(data["event"], data["data"])
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
    "a table under the name that it says": (
        "missing",
        """
class Door(Base):
    @gen.engine
    def open(self):
        self.user = yield gen.Task(db.find_user, self.current_user)
    def on_message(self, message):
        data = json.loads(message)
        for row in db[data["user"]].find({"path": data["path"]}):
            self.write_message(row)
""",
    ),
    "the account is enabled, and nobody asks for the log": (
        "missing",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        user = db.users.get(self.current_user)
        if not user or not user.enabled or user.deleted:
            return
        jobs.add_watch(data["job_id"])
from elsewhere import jobs
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
    "a session of the database": (
        "missing",
        """
class Door(Base):
    def on_message(self, message):
        data = json.loads(message)
        session = self.application.get_db_session()
        session.query(db.Note).get(data["id"]).delete()
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
    "a key in what a schema makes of the message": (
        "missing",
        _KEYED.replace("{asks}", "pass"),
        {},
    ),
    "a key in what a schema makes of the message, and the job is asked for": (
        "ok",
        _KEYED.replace(
            "{asks}", 'if not db.may_watch(self.user, parsed["job_id"]): raise PermissionError'
        ),
        {},
    ),
    "a desk hands it to the player that it names": (
        "missing",
        _WEB,
        {
            "main.py": _MAIN,
            "parts.py": _PARTS.replace("{plays}", 'speaker.play(job["title"])'),
        },
    ),
    "a desk hands it to one that counts": (
        "ok",
        _WEB,
        {"main.py": _MAIN, "parts.py": _PARTS.replace("{plays}", "self.heard = len(job)")},
    ),
    "a class of another file that says what it is for": (
        "missing",
        _DOOR,
        {"actions.py": _ACTIONS.replace("{does}", "machine.reboot()")},
    ),
    "a class of another file that tells how it is": (
        "ok",
        _DOOR,
        {"actions.py": _ACTIONS.replace("{does}", "self.socket.write_message(machine.state())")},
    ),
    "a registry of another file": (
        "missing",
        _LOOKS_UP,
        {
            "registry.py": _REGISTRY,
            "commands_of_all.py": """
from registry import command
from elsewhere import machine
@command("reboot")
def reboot(data):
    machine.reboot()
""",
        },
    ),
}
