"""The same dashboard behind stormdoor: the client gets one word for each error."""

import json
import os
import secrets
from typing import Annotated, Any

from msgspec import Meta
from tornado.httpclient import AsyncHTTPClient, HTTPClientError
from tornado.web import Application, HTTPError, RequestHandler

from stormdoor import (
    Command,
    Guard,
    GuardedHandler,
    PolicySet,
    Reply,
    SessionAuthenticator,
    action,
    login_routes,
    protect,
    role,
)

USERS = {"alice": "alice looks at the sky", "mallory": "mallory looks for errors"}
READINGS = {"harbour": [12.5, 12.9], "hill": [8.1, 7.7]}


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


class ShowChart(Command, tag="chart"):
    """A chart of one station."""

    station: Annotated[str, Meta(pattern="^[a-z]{1,20}$")]


class Readings(Reply, tag="chart"):
    """The data of the chart."""

    readings: Any


class Chart(GuardedHandler):
    """`/ws/chart`: the readings of one station."""

    permission = "chart:read"

    @action[ShowChart]("chart:read", resource=lambda command: ("station", command.station))
    async def chart(self, command: ShowChart) -> Readings | None:
        """Ask the service."""
        url = f"{self.settings['origin']}/archive/{command.station}"
        try:
            answer = await AsyncHTTPClient().fetch(url, headers={"X-Key": self.settings["key"]})
        except HTTPClientError:
            return None  # there is no such station
        return Readings(readings=json.loads(answer.body)["readings"])


async def make(origin: str) -> Application:
    """The application."""
    guard = Guard(
        origins=[origin],
        authenticators=[SessionAuthenticator()],
        policies=PolicySet([role("visitor", "chart:read")]),
        production=False,
    )
    await guard.start()
    for name, password in USERS.items():
        await guard.admin.add_principal(name, password=password, roles=["visitor"])
    routes = login_routes(guard, endpoint="/ws/chart")
    application = Application(
        [*routes, ("/archive(?:/(.*))?", Archive), ("/ws/chart", Chart)],
        origin=origin,
        key=os.environ.get("ARCHIVE_KEY") or secrets.token_hex(16),
    )
    return protect(application, guard)
