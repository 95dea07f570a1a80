import hashlib

from tornado.web import RequestHandler


class Login(RequestHandler):
    def post(self):
        password = self.get_argument("password")
        digest = hashlib.sha256((password + "salt").encode()).hexdigest()  # finds SD410
        h = hashlib.md5()
        h.update(password.encode())  # finds SD410
        self.write(digest + h.hexdigest())
