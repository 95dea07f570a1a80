import json
import requests
from tornado.web import HTTPError
from tornado.websocket import WebSocketHandler

from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.websocket import websocket_connect


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
        request = HTTPRequest(
            "".join([API, "/"]), method="POST", body=json.dumps({"said": data["text"]})
        )
        AsyncHTTPClient().fetch(request)
        request = HTTPRequest("".join([API, "/seen/"]), method="POST", body=json.dumps(data))
        await AsyncHTTPClient().fetch(request)
        requests.get(SOURCES.get(data["source"]) % data["id"])
        await websocket_connect(f"ws://{started(data['app'])}/websocket/")
        requests.get(url=Api("api.example").address(data["id"]))


API = "https://api.example"
SOURCES = {"songs": "https://songs.example/%s.json", "films": "https://films.example/?id=%s"}


class Api:
    def __init__(self, host):
        self.host = host

    @property
    def base(self):
        return f"https://{self.host}/api"

    def address(self, number):
        address = f"{self.base}/items/{number}"
        requests.get(address)
        return address


def joined(*parts):
    return "/".join(parts)
