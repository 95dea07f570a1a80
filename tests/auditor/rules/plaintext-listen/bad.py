from tornado.web import Application
from tornado.websocket import WebSocketHandler


class Chat(WebSocketHandler):
    def on_message(self, message):
        self.write_message(message)


app = Application([("/chat", Chat)])
app.listen(8888)  # finds SD611
Application([]).listen(80, "0.0.0.0")  # finds SD611
