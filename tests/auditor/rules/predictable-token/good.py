import random
import secrets
import time

from tornado.web import RequestHandler


class Login(RequestHandler):
    def post(self):
        token = secrets.token_urlsafe(32)
        colour = random.choice(["red", "blue"])
        session_started = time.time()
        self.write(token + colour + str(session_started))
