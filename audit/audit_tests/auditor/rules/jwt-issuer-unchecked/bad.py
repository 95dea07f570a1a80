import jwt
from tornado.web import HTTPError
from tornado.websocket import WebSocketHandler

KEY = open("/run/secrets/key").read()


class Chat(WebSocketHandler):
    def prepare(self):
        token = self.request.headers.get("Authorization", "")
        try:
            self.claims = jwt.decode(token, KEY, algorithms=["ES256"], audience="chat")  # finds SD405
        except jwt.InvalidTokenError:
            raise HTTPError(401) from None

    def off(self, token):
        return jwt.decode(token, KEY, algorithms=["ES256"], audience="chat", options={"verify_iss": False})  # finds SD405

    def of_another_service(self, token):
        return jwt.decode(token, self.settings["shared_secret"], algorithms=["HS256"], audience="chat")  # finds SD405
