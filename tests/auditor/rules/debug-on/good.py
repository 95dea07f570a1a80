from tornado.web import Application
from tornado.websocket import WebSocketHandler


class Chat(WebSocketHandler):
    def on_message(self, message):
        self.write_message(message)


from tornado.options import options

app = Application([("/chat", Chat)], debug=options.debug)
other = Application([], debug=False)


def made(wrapped, debug=None):
    if debug is None and wrapped:
        debug = True
    return Application([("/chat", Chat)], debug=debug)
