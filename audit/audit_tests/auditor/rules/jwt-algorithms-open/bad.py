import jwt
from tornado.web import HTTPError
from tornado.websocket import WebSocketHandler

KEY = open("/run/secrets/key").read()


class Chat(WebSocketHandler):
    def prepare(self):
        token = self.request.headers.get("Authorization", "")
        try:
            self.claims = jwt.decode(token, KEY, algorithms=[jwt.get_unverified_header(token)["alg"]])  # finds SD403
        except jwt.InvalidTokenError:
            raise HTTPError(401) from None

    def old(self, token):
        return jwt.decode(token, KEY)  # finds SD403

    def any_of(self, token):
        return jwt.decode(token, KEY, algorithms=["HS256", "none"])  # finds SD403

    def mixed(self, token):
        return jwt.decode(token, KEY, algorithms=["HS256", "RS256"])  # finds SD403

    def any_with_one_key(self, token):
        alg = jwt.get_unverified_header(token)["alg"]
        if alg not in self.settings["algorithms"]:
            raise HTTPError(401)
        return jwt.decode(token, KEY, algorithms=[alg])  # finds SD403
