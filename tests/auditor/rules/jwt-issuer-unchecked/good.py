import jwt
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
    """What the project makes with its own secret is for nobody else, and of nobody else."""

    def prepare(self):
        token = self.request.headers.get("Authorization", "")
        try:
            self.claims = jwt.decode(token, self.settings["token_secret"], algorithms=["HS256"])
        except jwt.InvalidTokenError:
            raise HTTPError(401) from None

    def renew(self):
        secret = self.settings["token_secret"]
        return jwt.encode({"sub": self.claims["sub"], "exp": self.claims["exp"] + 900}, secret, algorithm="HS256")
