import jwt
from tornado.web import HTTPError
from tornado.websocket import WebSocketHandler

KEY = open("/run/secrets/key").read()


class Chat(WebSocketHandler):
    def prepare(self):
        token = self.request.headers.get("Authorization", "")
        try:
            self.claims = jwt.decode(token, KEY, algorithms=["ES256"], options={"verify_exp": False}, audience="a", issuer="b")  # finds SD406
        except jwt.InvalidTokenError:
            raise HTTPError(401) from None


from authlib.jose import jwt as authlib_jwt


class Feed(WebSocketHandler):
    def prepare(self):
        claims = authlib_jwt.decode(self.request.headers["Authorization"], KEY)  # finds SD406
        self.name = claims["sub"]
