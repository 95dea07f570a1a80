from tornado.web import RequestHandler

from sessions import begin, end, store


class Login(RequestHandler):
    def post(self):
        end(self.get_cookie("session"))
        sid = begin()
        store(sid, self.get_body_argument("name"))
        self.set_cookie("session", sid, httponly=True, secure=True)
