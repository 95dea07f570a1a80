import random
import secrets
import time
import uuid

from tornado.web import RequestHandler


class Login(RequestHandler):
    def post(self):
        token = secrets.token_urlsafe(32)
        colour = random.choice(["red", "blue"])
        session_started = time.time()
        self.write(token + colour + str(session_started))


class Guest(RequestHandler):
    def post(self):
        session_id = str(uuid.uuid1())
        sessions[session_id] = self.get_argument("name")
        self.set_secure_cookie("session", session_id)


sessions = {}


def blink(board):
    """Pins of a board, and codes of what is no proof."""
    pin = random.choice([3, 5, 7])
    status_code = random.choice([200, 204])
    board.set(pin, status_code)
