import random
import string
import time
import uuid

from elsewhere import mail
from tornado.web import RequestHandler


class Login(RequestHandler):
    def post(self):
        token = "".join(random.choice(string.hexdigits) for _ in range(32))  # finds SD415
        session_id = str(time.time())  # finds SD415
        self.set_secure_cookie("session", session_id)
        self.write(token + session_id)


class Guest(RequestHandler):
    def post(self):
        session_id = str(uuid.uuid1())  # finds SD415
        sessions[session_id] = self.get_argument("name")
        self.set_cookie("session", session_id)


class Reset(RequestHandler):
    def post(self):
        token = ""
        for _ in range(6):
            token += random.choice(string.digits)  # finds SD415
        mail(self.get_argument("email"), token)
        pin = ""
        for _ in range(6):
            pin += random.choice(string.digits)  # finds SD415
        reset_code = random.randint(100000, 999999)  # finds SD415
        mail(self.get_argument("email"), pin, reset_code)


sessions = {}
