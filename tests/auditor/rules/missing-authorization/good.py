from elsewhere import documents
from tornado.web import Application, HTTPError, authenticated
from tornado.websocket import WebSocketHandler


class Door(WebSocketHandler):
    def get_current_user(self):
        return self.get_signed_cookie("user")

    @authenticated
    def get(self, name):
        if not documents.may_read(self.current_user, name):
            raise HTTPError(403)
        return super().get(name)

    def open(self, name):
        self.document = documents.open_by_name(name)

    def on_message(self, message):
        self.document.change(message)


app = Application([(r"/ws", Door)])
