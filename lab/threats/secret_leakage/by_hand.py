"""The same dashboard by a careful developer: a generic error, and the key from outside, in a header."""

import json
import logging
import os
import re
import secrets
from typing import Any

from tornado.httpclient import AsyncHTTPClient
from tornado.web import Application, HTTPError, RequestHandler
from tornado.websocket import WebSocketHandler

USERS = {"alice": "alice looks at the sky", "mallory": "mallory looks for errors"}
READINGS = {"harbour": [12.5, 12.9], "hill": [8.1, 7.7]}


class LogIn(RequestHandler):
    """`POST /auth/login`."""

    def post(self) -> None:
        body = json.loads(self.request.body)
        known = USERS.get(body["username"], "")
        if not secrets.compare_digest(known.encode(), body["password"].encode()) or not known:
            raise HTTPError(401)
        self.set_signed_cookie("user", body["username"], httponly=True, samesite="Strict")


class Archive(RequestHandler):
    """`/archive`: the service behind, one station or all. Here it is in the same process."""

    def get(self, station: str | None) -> None:
        given = self.request.headers.get("X-Key", "")
        if not secrets.compare_digest(given.encode(), self.settings["key"].encode()):
            raise HTTPError(403)
        if station is None:
            self.finish({"readings": READINGS})
        elif station not in READINGS:
            raise HTTPError(404)
        else:
            self.finish({"readings": READINGS[station]})


class Chart(WebSocketHandler):
    """`/ws/chart`: the readings of one station."""

    def check_origin(self, origin: str) -> bool:
        return origin == self.settings["origin"]

    def prepare(self) -> None:
        if self.get_signed_cookie("user", max_age_days=1) is None:
            raise HTTPError(401)

    async def readings(self, station: str) -> Any:
        """Ask the service."""
        if not re.fullmatch("[a-z]{1,20}", station):
            raise ValueError(station)
        url = f"{self.settings['origin']}/archive/{station}"
        answer = await AsyncHTTPClient().fetch(url, headers={"X-Key": self.settings["key"]})
        return json.loads(answer.body)["readings"]

    async def on_message(self, message: str | bytes) -> None:
        try:
            station = json.loads(message)["station"]
            self.write_message({"type": "chart", "readings": await self.readings(station)})
        except Exception:
            logging.exception("no chart")
            self.write_message({"type": "error", "error": "no such chart"})


def make(origin: str) -> Application:
    """The application."""
    key = os.environ.get("ARCHIVE_KEY") or secrets.token_hex(16)
    return Application(
        [("/auth/login", LogIn), ("/archive(?:/(.*))?", Archive), ("/ws/chart", Chart)],
        cookie_secret=secrets.token_hex(32),
        origin=origin,
        key=key,
    )
