import os
import time

import jwt
from tornado.web import RequestHandler

KEY = os.environ["KEY"]


class Login(RequestHandler):
    def post(self):
        claims = {"sub": "somebody"}
        self.write(jwt.encode(claims, KEY, algorithm="HS256"))  # finds SD413
        self.set_signed_cookie("other", "x", expires_days=3650, httponly=True, secure=True)
        self.set_signed_cookie("user", "x", expires_days=3650, httponly=True, secure=True)  # finds SD413

    def get_current_user(self):
        return self.get_signed_cookie("user", max_age_days=3650) or self.get_signed_cookie("other")

    def put(self):
        made = {"sub": "somebody", "made": time.time()}
        self.write(jwt.encode(made, KEY, algorithm="HS256"))  # finds SD413
