import random
import string
import time

from tornado.web import RequestHandler


class Login(RequestHandler):
    def post(self):
        token = "".join(random.choice(string.hexdigits) for _ in range(32))  # finds SD415
        session_id = str(time.time())  # finds SD415
        self.write(token + session_id)
