from tornado.httpserver import HTTPServer
from tornado.web import Application
from tornado.websocket import WebSocketHandler


class Chat(WebSocketHandler):
    def on_message(self, message):
        self.write_message(message)


app = Application([("/chat", Chat)])
app.listen(8888)  # finds SD611
Application([]).listen(80, "0.0.0.0")  # finds SD611


class Chats(Application):
    def __init__(self):
        super().__init__([("/chat", Chat)])


HTTPServer(Chats()).listen(8890)  # finds SD611
