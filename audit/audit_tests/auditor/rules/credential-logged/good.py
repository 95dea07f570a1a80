import logging

from tornado.web import HTTPError
from tornado.websocket import WebSocketHandler

from accounts import find

log = logging.getLogger(__name__)


class Chat(WebSocketHandler):
    def prepare(self):
        token = self.request.headers.get("X-Token")
        log.info("a client with a token of %d characters", len(token or ""))
        user = find(token)
        if user is None:
            log.warning("the token is not known")
            raise HTTPError(401)
        log.info("%s", user)
        token_preview = token[:8] if token else "none"
        log.info(f"a client with {token_preview}")
        jwt_token = token or ""
        token_shown = jwt_token[:20]
        log.info(f"a client with {token_shown}")
        self.ticket_of(token)

    def ticket_of(self, token):
        changes = pending.pop(token, None)
        if changes is None:
            raise HTTPError(404)
        log.info("the changes of %s are taken", token)
        first_token_ms = changes["first_token_ms"]
        log.info("%s until the first word for %s", first_token_ms, self.request.headers.get("X-Token-Type"))


pending = {}
