import json
import requests
from django.conf import settings
from urllib.parse import urljoin
from tornado.web import HTTPError
from tornado.websocket import WebSocketHandler

from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.websocket import websocket_connect


class Chat(WebSocketHandler):
    def initialize(self, requests):
        self._requests = requests

    def prepare(self):
        if self.current_user is None:
            raise HTTPError(401)

    async def on_message(self, message):
        data = json.loads(message)
        await self._requests.put(data)
        requests.get("https://api.example/items/" + data["id"])
        requests.get(f"https://api.example/items/{data['id']}")
        await AsyncHTTPClient().fetch("https://api.example/", body=data["text"])
        await AsyncHTTPClient().fetch(joined(self.settings["upstream"], data["id"]))
        spawner = self.settings["spawners"].get(data["user"])
        requests.get(f"http://127.0.0.1:{spawner.port}" + self.request.uri)
        requests.get(("https://api.example/" + data["id"]).strip())
        request = HTTPRequest(
            "".join([API, "/"]), method="POST", body=json.dumps({"said": data["text"]})
        )
        AsyncHTTPClient().fetch(request)
        request = HTTPRequest("".join([API, "/seen/"]), method="POST", body=json.dumps(data))
        await AsyncHTTPClient().fetch(request)
        requests.get(SOURCES.get(data["source"]) % data["id"])
        await websocket_connect(f"ws://{started(data['app'])}/websocket/")
        requests.get(urljoin("https://api.example/", "items/" + data["id"]))
        requests.get(urljoin("https://api.example/", f"/items/{data['id']}"))
        requests.get(f"http://localhost:{int(data['port'])}/")
        requests.get("http://run-%d:9223/feed" % data["number"])
        requests.get(item(data["id"]))
        requests.get(settings.STATUS_URL % data["id"])
        requests.get(settings.STATUS_URL.format(number=data["id"]))
        self.pass_on(data["host"], data["path"], data["query"])
        requests.get(url=Api("api.example").address(data["id"]))


    def pass_on(self, host, path, query):
        if not self.is_listed(host):
            return
        if not path.startswith("/"):
            path = "/" + path
        address = "http://{}:{}{}".format(host, self.port, path)
        if query:
            address += "?" + query
        requests.get(address)

    def is_listed(self, host):
        if callable(self.hosts):
            return self.hosts(host)
        return host in self.hosts


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


def item(number):
    return f"https://api.example/items/{number}"
