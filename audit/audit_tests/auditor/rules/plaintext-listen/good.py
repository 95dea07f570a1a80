from tornado.httpserver import HTTPServer
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler


class Chat(WebSocketHandler):
    def on_message(self, message):
        self.write_message(message)


app = Application([("/chat", Chat)])
app.listen(8888, address="127.0.0.1")
app.listen(443, ssl_options={"certfile": "a", "keyfile": "b"})
app.listen(8889, xheaders=True)


class Page(RequestHandler):
    def get(self):
        self.write("hello")


class Pages(Application):
    def __init__(self):
        handlers = [("/", Page)]
        super().__init__(handlers, debug=False)


HTTPServer(Pages()).listen(8890)
