import hmac

from tornado.websocket import WebSocketHandler


class KeyedSocket(WebSocketHandler):
    """Sockets of the dashboard: one key for the whole installation."""

    def initialize(self, state, key):
        self.state = state
        self.key = key

    def key_is_right(self):
        return hmac.compare_digest(self.request.headers.get("X-Dashboard-Key", "").encode(), self.key.encode())

    async def prepare(self):
        if not self.key_is_right():
            self.set_status(401)
            self.finish()
