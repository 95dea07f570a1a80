import hashlib

import argon2
from tornado.web import RequestHandler


class Login(RequestHandler):
    def post(self):
        password = self.get_argument("password")
        stored = argon2.PasswordHasher().hash(password)
        slow = hashlib.scrypt(password.encode(), salt=b"16 random octets", n=2**15, r=8, p=1)
        etag = hashlib.sha256(self.request.body).hexdigest()
        path = "/ws/" + hashlib.md5(self.settings["transport_password"]).hexdigest()[:8]
        self.redirect(path)
        self.write(stored + slow.hex() + etag)


class Client:
    """WS-Security and the like want it hashed with a nonce, once."""

    def digest(self, nonce, created):
        shown = hashlib.sha1()
        shown.update(nonce + created + self.password)
        return shown.digest()
