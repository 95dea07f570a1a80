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

    def configured(self, token):
        return jwt.decode(token, KEY, algorithms=self.settings["algorithms"], audience="a", issuer="b")

    def one_of_ours(self, token):
        alg = jwt.get_unverified_header(token)["alg"]
        if alg not in KEYS:
            raise HTTPError(401)
        key = KEYS[alg]
        return jwt.decode(token, key, algorithms=[alg], audience="a", issuer="b")


KEYS = {"ES256": KEY, "RS256": open("/run/secrets/rsa").read()}
