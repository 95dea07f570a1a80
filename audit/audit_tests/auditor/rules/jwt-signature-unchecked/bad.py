import jwt
from tornado.web import HTTPError
from tornado.websocket import WebSocketHandler

KEY = open("/run/secrets/key").read()


class Chat(WebSocketHandler):
    def prepare(self):
        token = self.request.headers.get("Authorization", "")
        try:
            self.claims = jwt.decode(token, options={"verify_signature": False})  # finds SD402
        except jwt.InvalidTokenError:
            raise HTTPError(401) from None

    def check(self, token):
        return jwt.decode(token, KEY, verify=False)  # finds SD402

    async def login(self):
        await self.provider.post("seen")
        id_token = self.get_argument("id_token")
        return jwt.decode(id_token, options={"verify_signature": False})["sub"]  # finds SD402
