import jwt
from tornado.web import HTTPError
from tornado.websocket import WebSocketHandler

KEY = open("/run/secrets/key").read()


class Chat(WebSocketHandler):
    def prepare(self):
        token = self.request.headers.get("Authorization", "")
        try:
            self.claims = jwt.decode(token, KEY, algorithms=["ES256"], issuer="https://id.example")  # finds SD404
        except jwt.InvalidTokenError:
            raise HTTPError(401) from None

    def off(self, token):
        return jwt.decode(token, KEY, algorithms=["ES256"], issuer="https://id.example", options={"verify_aud": False})  # finds SD404

    def of_another_service(self, token):
        return jwt.decode(token, self.settings["shared_secret"], algorithms=["HS256"], issuer="https://id.example")  # finds SD404

    def carried(self, token):
        return jwt.decode(token, self.settings["own_secret"], algorithms=["HS256"], issuer="https://id.example")  # finds SD404

    def made(self):
        return jwt.encode({"aud": "chat", "exp": 1}, self.settings["own_secret"], algorithm="HS256")
