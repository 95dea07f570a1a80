import jwt
from elsewhere import find_login, settings
from tornado.web import HTTPError
from tornado.websocket import WebSocketHandler

KEY = open("/run/secrets/key").read()


class Chat(WebSocketHandler):
    def prepare(self):
        token = self.request.headers.get("Authorization", "")
        try:
            self.claims = jwt.decode(token, KEY, algorithms=["ES256"], audience="chat", issuer="https://id.example")
        except jwt.InvalidTokenError:
            raise HTTPError(401) from None


class Own(WebSocketHandler):
    """Handler with tokens that the project itself makes with its own secret."""

    def prepare(self):
        token = self.request.headers.get("Authorization", "")
        try:
            self.claims = jwt.decode(token, self.settings["token_secret"], algorithms=["HS256"])
        except jwt.InvalidTokenError:
            raise HTTPError(401) from None

    def renew(self):
        secret = self.settings["token_secret"]
        return jwt.encode({"sub": self.claims["sub"], "exp": self.claims["exp"] + 900}, secret, algorithm="HS256")


class Keyed(WebSocketHandler):
    """The key stands under a name of its own, and what is switched off was never there."""

    def prepare(self):
        token = self.request.headers.get("Authorization", "")
        login = find_login(token)
        if login is None:
            key = ""
        else:
            key = login.jwt_key
        try:
            jwt.decode(token, key, algorithms=["HS256"])
            jwt.decode(token, self.api_key, algorithms=["HS256"], options={"verify_aud": False})
        except jwt.InvalidTokenError:
            raise HTTPError(401) from None

    def initialize(self, api_key):
        self.api_key = api_key

    def made(self, login):
        return jwt.encode({"sub": login.name, "exp": 1}, login.jwt_key, algorithm="HS256")

    def made_for_programs(self):
        return jwt.encode({"sub": "program", "exp": 1}, settings.API_KEY, algorithm="HS256")
