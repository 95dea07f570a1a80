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
