import logging

from tornado.web import HTTPError
from tornado.websocket import WebSocketHandler

from accounts import find

log = logging.getLogger(__name__)


class Chat(WebSocketHandler):
    def prepare(self):
        token = self.request.headers.get("X-Token")
        log.info("a client with %s", token)  # finds SD411
        print(f"token {token}")  # finds SD411
        shown_token = token[:8]
        if self.settings["debug"]:
            shown_token = token
        print(shown_token)  # finds SD411
        bearer_token = self.request.headers["Authorization"][7:]
        print(bearer_token)  # finds SD411
        if find(token) is None:
            raise HTTPError(401)
        log.info("the changes of %s are taken", token)  # finds SD411
        pending.pop(token, None)


pending = {}
