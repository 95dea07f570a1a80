"""The same feed by a careful developer: the subscription is checked, and the tape has no names."""

import json
import secrets
from collections import defaultdict
from typing import Any, ClassVar

from tornado.web import Application, HTTPError, RequestHandler
from tornado.websocket import WebSocketHandler

USERS = {
    "dora": "dora leads the trading desk",
    "mallory": "mallory was on the desk in spring",
    "carl": "carl buys some tin now and then",
}
DESK = {"dora", "mallory"}


class LogIn(RequestHandler):
    """`POST /auth/login`."""

    def post(self) -> None:
        body = json.loads(self.request.body)
        known = USERS.get(body["username"], "")
        if not secrets.compare_digest(known.encode(), body["password"].encode()) or not known:
            raise HTTPError(401)
        self.set_signed_cookie("user", body["username"], httponly=True, samesite="Strict")


class Feed(WebSocketHandler):
    """`/ws/feed`: the tape for all users, the orders with their clients for the desk."""

    channels: ClassVar[dict[str, set["Feed"]]] = defaultdict(set)

    def check_origin(self, origin: str) -> bool:
        return origin == self.settings["origin"]

    def get_current_user(self) -> str | None:
        cookie = self.get_signed_cookie("user", max_age_days=1)
        return None if cookie is None else cookie.decode()

    def prepare(self) -> None:
        if self.current_user is None:
            raise HTTPError(401)

    def may_hear(self, channel: str) -> bool:
        """Return whether the user may subscribe."""
        return channel == "tape" or (channel == "desk" and self.current_user in DESK)

    def tell(self, channel: str, message: dict[str, Any]) -> None:
        """Tell those who have subscribed."""
        for one in self.channels[channel]:
            one.write_message(message)

    def on_message(self, message: str | bytes) -> None:
        body = json.loads(message)
        kind, user = body.get("type"), self.current_user
        if kind == "subscribe" and self.may_hear(body["channel"]):
            self.channels[body["channel"]].add(self)
            self.write_message({"type": "subscribed", "channel": body["channel"]})
        elif kind == "order" and user in DESK:
            order = {key: body[key] for key in ("what", "amount")}
            self.tell("desk", {"type": "order", "client": body["client"], **order})
            self.tell("tape", {"type": "tape", **order})
        elif kind == "release" and user == "dora":
            DESK.discard(body["who"])
            self.write_message({"type": "released", "who": body["who"]})
        else:
            self.write_message({"type": "error", "error": "forbidden"})

    def on_close(self) -> None:
        for listeners in self.channels.values():
            listeners.discard(self)


def make(origin: str) -> Application:
    """The application."""
    return Application(
        [("/auth/login", LogIn), ("/ws/feed", Feed)],
        cookie_secret=secrets.token_hex(32),
        origin=origin,
    )
