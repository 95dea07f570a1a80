import os
import time

import jwt
from tornado.web import RequestHandler

KEY = os.environ["KEY"]


class Login(RequestHandler):
    def post(self):
        claims = {"sub": "somebody", "exp": time.time() + 900}
        self.write(jwt.encode(claims, KEY, algorithm="HS256"))
        self.set_signed_cookie("user", "x", expires_days=14, httponly=True, secure=True)


class Other(RequestHandler):
    def post(self):
        self.write(jwt.encode(self.claims(), KEY, algorithm="HS256"))
