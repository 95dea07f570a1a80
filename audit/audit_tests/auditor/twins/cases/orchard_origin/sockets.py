from __future__ import annotations

from urllib.parse import urlsplit

from tornado.websocket import WebSocketHandler


class OrchardSocket(WebSocketHandler):
    """Base of all sockets of the orchard: a session, and only pages of this host or of partners."""

    def prepare(self) -> None:
        session = self.get_cookie("orchard", "")
        self.grower = self.settings["growers"].get(session)
        if self.grower is None:
            self.send_error(401)

    def check_origin(self, origin: str) -> bool:
        if super().check_origin(origin):
            return True
        host = urlsplit(origin).netloc
        return host in self.settings["partners"]
