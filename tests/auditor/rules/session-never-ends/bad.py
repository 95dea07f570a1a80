import os

import jwt
from tornado.web import RequestHandler

KEY = os.environ["KEY"]


class Login(RequestHandler):
    def post(self):
        claims = {"sub": "somebody"}
        self.write(jwt.encode(claims, KEY, algorithm="HS256"))  # finds SD413
        self.set_signed_cookie("user", "x", expires_days=3650, httponly=True, secure=True)  # finds SD413
