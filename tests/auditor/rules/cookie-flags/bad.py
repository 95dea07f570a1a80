from tornado.web import RequestHandler


class Login(RequestHandler):
    def post(self):
        self.set_secure_cookie("user", "somebody")  # finds SD412
        self.set_cookie("session_id", "x", httponly=True)  # finds SD412
        self.set_signed_cookie("user", "x", httponly=True, secure=False)  # finds SD412
        self.set_cookie("openid", "x")  # finds SD412

    def get_current_user(self):
        return self.get_cookie("openid")
