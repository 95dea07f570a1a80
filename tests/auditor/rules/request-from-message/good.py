import json
import requests
from tornado.web import HTTPError
from tornado.websocket import WebSocketHandler

from tornado.httpclient import AsyncHTTPClient


class Chat(WebSocketHandler):
    def prepare(self):
        if self.current_user is None:
            raise HTTPError(401)

    async def on_message(self, message):
        data = json.loads(message)
        requests.get("https://api.example/items/" + data["id"])
        requests.get(f"https://api.example/items/{data['id']}")
        await AsyncHTTPClient().fetch("https://api.example/", body=data["text"])
        await AsyncHTTPClient().fetch(joined(self.settings["upstream"], data["id"]))


def joined(*parts):
    return "/".join(parts)
