from tornado.websocket import WebSocketHandler

clients = set()


class Chat(WebSocketHandler):
    def open(self):
        clients.add(self)  # finds SD604

    def on_close(self):
        clients.discard(self)


class Room(WebSocketHandler):
    members = set()

    def open(self):
        if len(self.members) == 0:
            self.application.begin()
        self.members.add(self)  # finds SD604

    def on_message(self, message):
        if len(message) > 100 or self.total:
            return
        print("told to", len(self.members))
