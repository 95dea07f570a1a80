import json
import urllib.request
import re
import requests
from urllib.parse import urljoin
from tornado.web import HTTPError
from tornado.websocket import WebSocketHandler

from tornado.httpclient import AsyncHTTPClient


class Chat(WebSocketHandler):
    def initialize(self):
        self.fetcher = AsyncHTTPClient()

    def prepare(self):
        if self.current_user is None:
            raise HTTPError(401)

    async def on_message(self, message):
        data = json.loads(message)
        requests.get(data["url"])  # finds SD509
        await self.fetcher.fetch(data["url"])  # finds SD509
        await AsyncHTTPClient().fetch("https://" + data["host"] + "/feed")  # finds SD509
        urllib.request.urlopen(urllib.request.Request("http://" + data["host"]))  # finds SD509
        address = "https://api.example/".replace("://", "://" + data["user"] + "@")
        requests.get(address)  # finds SD509
        scheme = "https://"
        address = scheme + data["host"] + "/feed"
        await AsyncHTTPClient().fetch(address)  # finds SD509
        requests.get(urljoin("https://api.example/", data["page"]))  # finds SD509
        requests.get(urljoin("https://api.example/", "//" + data["page"]))  # finds SD509
        requests.get(data["page"].lower())  # finds SD509
        requests.get(f"http://localhost:{data['port']}/")  # finds SD509
        requests.get(whole(data["host"]))  # finds SD509
        requests.get(data["template"] % data["id"])  # finds SD509
        requests.get("%s%s" % (data["site"], "/feed"))  # finds SD509
        self.pass_on(data["host"], data["path"])
        if not ADDRESS.fullmatch(data["page"]):
            return
        requests.get(url=data["page"])  # finds SD509


    def pass_on(self, host, path):
        if not self.is_listed(host):
            self.write_message("an unknown host")
        requests.get("http://{}/{}".format(host, path))  # finds SD509
        address = "http://localhost:8080" + path
        address += "?all"
        requests.get(address)  # finds SD509

    def is_listed(self, host):
        return host in self.hosts


ADDRESS = re.compile(r"https://.+")


def whole(host):
    return f"https://{host}/feed"
