from tornado.websocket import WebSocketHandler


class Chat(WebSocketHandler):
    session = {}
    permissions = []

    def open(self):
        self.session["user"] = self.current_user  # finds SD609
        self.permissions.append("read")  # finds SD609
        Chat.user = self.current_user  # finds SD609
