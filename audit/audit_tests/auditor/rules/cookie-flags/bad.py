from elsewhere import find
from tornado.web import RequestHandler


class Login(RequestHandler):
    def post(self):
        self.set_secure_cookie("user", "somebody")  # finds SD412
        self.set_cookie("session_id", "x", httponly=True)  # finds SD412
        self.set_signed_cookie("user", "x", httponly=True, secure=False)  # finds SD412
        self.set_cookie("openid", "x")  # finds SD412
        self.set_signed_cookie("row_id", "7")  # finds SD412
        self.set_signed_cookie("customer", "7")  # finds SD412

    def get_current_user(self):
        if self.get_signed_cookie("row_id"):
            return find(self.get_signed_cookie("row_id"))
        return self.get_cookie("openid")
