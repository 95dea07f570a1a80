"""What is said to do about it is what can be done: a connection of a library has no `prepare()`."""

from pathlib import Path

import pytest

from audit_tests.auditor.sources import HEAD, scene_of
from stormdoor_audit.auditor.rules import RULES

_SOCKET_IO = """
import socketio
class Door(socketio.AsyncNamespace):
    async def on_connect(self, sid, environ):
        {question}
        room.join(sid)
    async def on_say(self, sid, data):
        room.say(data["text"])
sio = socketio.AsyncServer(async_mode="tornado")
sio.register_namespace(Door("/room"))
application = Application([("/socket.io/", socketio.get_tornado_handler(sio))])
"""
_SOCKJS = """
from sockjs.tornado import SockJSConnection, SockJSRouter
class Door(SockJSConnection):
    def on_open(self, request):
        {question}
        room.join(self)
    def on_message(self, message):
        room.say(message)
application = Application(SockJSRouter(Door, "/door").urls)
"""
_TORNADO = """
class Door(WebSocketHandler):
    def open(self):
        {question}
        room.join(self)
    def on_message(self, message):
        room.say(message)
"""
_OF_SOCKET_IO = """if not sessions.verify(environ.get("HTTP_TOKEN")):
            return False"""
_OF_SOCKJS = """if not sessions.verify(request.arguments["token"]):
            return self.close()"""
_OF_TORNADO = """if not self.current_user:
            return self.close()"""


@pytest.mark.parametrize(
    ("body", "question", "rule", "words", "without"),
    [
        (_SOCKET_IO, _OF_SOCKET_IO, "SD102", "`connect`", ""),
        (_SOCKET_IO, "pass", "SD101", "`connect`", ""),
        (_SOCKJS, _OF_SOCKJS, "SD102", "`on_open()`", ""),
        (_SOCKJS, "pass", "SD101", "`on_open()`", ""),
        (_TORNADO, _OF_TORNADO, "SD102", "", "`on_open()`"),
        (_TORNADO, "pass", "SD101", "", "`on_open()`"),
    ],
)
def test_where_to_refuse(
    body: str, question: str, rule: str, words: str, without: str, tmp_path: Path
) -> None:
    """Each library has a place of its own to turn a client away."""
    scene = scene_of(tmp_path, {"app.py": HEAD + body.format(question=question)})
    door = next(one for one in scene.endpoints if one.info.name == "Door")
    asked = next(one for one in RULES if one.meta.id == rule)
    assert asked.on_endpoint is not None
    (found, *_) = asked.on_endpoint(door)
    assert words in found.fix
    assert not without or without not in found.fix
