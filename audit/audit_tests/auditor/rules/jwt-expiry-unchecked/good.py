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


from authlib.jose import jwt as authlib_jwt


class Feed(WebSocketHandler):
    def prepare(self):
        claims = authlib_jwt.decode(self.request.headers["Authorization"], KEY)
        claims.validate()
        self.name = claims["sub"]
