import json

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

    def issuer_of(self, token):
        issuer = jwt.decode(token, options={"verify_signature": False})["iss"]
        key = KEYS[issuer]
        return jwt.decode(token, key, algorithms=["ES256"], audience="chat", issuer=issuer)

    async def login(self, code):
        answer = await self.provider.api_post("token", {"code": code})
        given = json.loads(answer.body)
        id_token = given["id_token"]
        return jwt.decode(id_token, options={"verify_signature": False})["sub"]


KEYS = {"https://id.example": KEY}
