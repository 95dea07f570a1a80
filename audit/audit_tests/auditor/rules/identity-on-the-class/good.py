from tornado.websocket import WebSocketHandler


class Chat(WebSocketHandler):
    clients = set()
    users = {}
    session = {}

    def open(self):
        self.clients.add(self)
        self.users[self.current_user] = self
        self.session = {}
        self.session["user"] = self.current_user
