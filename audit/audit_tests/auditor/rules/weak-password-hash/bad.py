import hashlib

from tornado.web import RequestHandler


class Login(RequestHandler):
    def post(self):
        password = self.get_argument("password")
        digest = hashlib.sha256((password + "salt").encode()).hexdigest()  # finds SD410
        h = hashlib.md5()
        h.update(password.encode())  # finds SD410
        self.check(password)
        self.write(digest + h.hexdigest())

    def check(self, passw):
        return hashlib.sha512(passw.encode() + b"salt").hexdigest()  # finds SD410
