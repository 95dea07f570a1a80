from tornado.web import RequestHandler

from sessions import begin, store


class Login(RequestHandler):
    def post(self):
        sid = self.get_cookie("session") or begin()
        store(sid, self.get_body_argument("name"))
        self.set_cookie("session", sid, httponly=True, secure=True)  # finds SD414
