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
        self.set_signed_cookie("device", "x", expires_days=3650, httponly=True, secure=True)

    def get_current_user(self):
        return self.get_signed_cookie("user", max_age_days=14) or self.get_signed_cookie("device")

    def put(self):
        aged = {"sub": "somebody", "made": time.time()}
        self.write(jwt.encode(aged, KEY, algorithm="HS256"))
        ended = {"sub": "somebody", "expires_at": time.time() + 900}
        self.write(jwt.encode(ended, KEY, algorithm="HS256"))
        self.write(jwt.encode({"password": self.get_argument("password")}, KEY, algorithm="HS256"))

    def prepare(self):
        claims = jwt.decode(self.request.headers["Token"], KEY, algorithms=["HS256"])
        if time.time() - claims["made"] > 36000:
            self.send_error(401)


class Other(RequestHandler):
    def post(self):
        self.write(jwt.encode(self.claims(), KEY, algorithm="HS256"))
