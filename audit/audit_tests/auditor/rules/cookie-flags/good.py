from tornado.web import RequestHandler

FLAGS = {"httponly": True, "secure": True, "samesite": "Lax"}


class Login(RequestHandler):
    def post(self):
        self.set_signed_cookie("user", "somebody", httponly=True, secure=True, samesite="Lax")
        self.set_signed_cookie("session", "x", **FLAGS)
        self.set_signed_cookie("session", "x", **self.settings["cookie_flags"])
        self.set_cookie("language", "en")
        self.set_signed_cookie("current_event_id", "7")
        self.set_signed_cookie("login_redirect", "/")
        self.set_signed_cookie("login_redirect_to", "/")
        self.set_signed_cookie("_xsrf", self.xsrf_token)
        options = {}
        options.update(self.settings["cookie_flags"])
        self.set_signed_cookie("session", "x", **options)

    def get_user_locale(self):
        return self.get_cookie("language")
