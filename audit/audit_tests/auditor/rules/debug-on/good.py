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


def load(web_app):
    told = dict(debug=options.debug, template_path="templates")
    web_app.settings.update(told)
