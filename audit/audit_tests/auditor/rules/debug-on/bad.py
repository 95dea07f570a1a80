from tornado.web import Application
from tornado.websocket import WebSocketHandler


class Chat(WebSocketHandler):
    def on_message(self, message):
        self.write_message(message)


settings = {"debug": True}
app = Application([("/chat", Chat)], **settings)  # finds SD610
other = Application([], autoreload=True)  # finds SD610

shared = dict(debug=True, cookie_secret=open("/run/secret").read())  # finds SD610
third = Application([], **shared)


def made(debug=None):
    if debug is None:
        debug = True
    return Application([("/chat", Chat)], debug=debug)  # finds SD610


def load(web_app):
    told = dict(debug=True, serve_traceback=True)
    web_app.settings.update(told)  # finds SD610
