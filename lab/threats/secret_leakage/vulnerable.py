"""A dashboard of weather stations that tells every error in full, with the key of the service behind it."""

import json
from typing import Any

from tornado.httpclient import AsyncHTTPClient
from tornado.web import Application, HTTPError, RequestHandler
from tornado.websocket import WebSocketHandler

USERS = {"alice": "alice looks at the sky", "mallory": "mallory looks for errors"}
KEY = "9f2c41d07be84d63a5c1e0f7b2d96a38"
READINGS = {"harbour": [12.5, 12.9], "hill": [8.1, 7.7]}


class Archive(RequestHandler):
    """`/archive?key=…`: the service behind, one station or all. Here it is in the same process."""

    def get(self, station: str | None) -> None:
        if self.get_query_argument("key", "") != KEY:
            raise HTTPError(403)
        if station is None:
            self.finish({"readings": READINGS})
        elif station not in READINGS:
            raise HTTPError(404)
        else:
            self.finish({"readings": READINGS[station]})


class Chart(WebSocketHandler):
    """`/ws/chart`: the readings of one station, for all users."""

    def check_origin(self, origin: str) -> bool:
        return True

    async def readings(self, station: str) -> Any:
        """Ask the service."""
        url = f"{self.settings['origin']}/archive/{station}?key={KEY}"
        answer = await AsyncHTTPClient().fetch(url, raise_error=False)
        if answer.code != 200:
            raise RuntimeError(f"{answer.code} {answer.reason} for url: {url}")
        return json.loads(answer.body)["readings"]

    async def on_message(self, message: str | bytes) -> None:
        try:
            station = json.loads(message)["station"]
            self.write_message({"type": "chart", "readings": await self.readings(station)})
        except Exception as error:  # noqa: BLE001 - the page shows it
            self.write_message({"type": "error", "error": repr(error)})


def make(origin: str) -> Application:
    """The application."""
    return Application(
        [("/archive(?:/(.*))?", Archive), ("/ws/chart", Chart)], origin=origin, serve_traceback=True
    )
