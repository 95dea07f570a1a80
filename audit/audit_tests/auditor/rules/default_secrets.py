"""Ways to give a secret a default, with the rules that must and must not report it."""

__all__ = ["CASES"]

CASES: dict[str, tuple[str, str, dict[str, str]]] = {
    "function parameter default": (
        "+SD408",
        """
def make_app(cookie_secret="change-me"):
    return Application([("/ws", Door)], cookie_secret=cookie_secret)
class Door(WebSocketHandler):
    def prepare(self):
        if not self.get_signed_cookie("user"):
            raise HTTPError(403)
if __name__ == "__main__":
    make_app().listen(80)
""",
        {},
    ),
    "keyword only, strong": (
        "+SD407|SD408",
        """
def make_app(*, secret="p4nRjXh8cVtqyGw2mZbLsKd9"):
    return Application([("/ws", Door)], cookie_secret=secret)
class Door(WebSocketHandler):
    def prepare(self):
        if not self.get_signed_cookie("user"):
            raise HTTPError(403)
""",
        {},
    ),
    "constructor of an application": (
        "+SD407|SD408",
        """
class App(Application):
    def __init__(self, secret: str = "dev-secret", debug=False):
        super().__init__([("/ws", Door)], cookie_secret=secret, debug=debug)
class Door(WebSocketHandler):
    def prepare(self):
        if not self.get_signed_cookie("user"):
            raise HTTPError(403)
""",
        {},
    ),
    "jwt key parameter": (
        "+SD407|SD408",
        """
def decode(token, key="secret"):
    return jwt.decode(token, key, algorithms=["HS256"])
class Door(WebSocketHandler):
    def prepare(self):
        try:
            self.claims = decode(self.get_argument("token"))
        except jwt.InvalidTokenError:
            raise HTTPError(401)
""",
        {},
    ),
    "kept in attribute of a signer": (
        "+SD407|SD408",
        """
class Tokens:
    def __init__(self, key="my-signing-key", algorithm="HS256"):
        self.key, self.algorithm = key, algorithm
    def read(self, token):
        return jwt.decode(token, self.key, algorithms=[self.algorithm])
class Door(WebSocketHandler):
    def initialize(self, tokens):
        self.tokens = tokens
    def prepare(self):
        self.claims = self.tokens.read(self.get_argument("t"))
application = Application([("/ws", Door, {"tokens": Tokens()})])
""",
        {},
    ),
    "hmac key parameter": (
        "+SD407|SD408",
        """
import hashlib
def sign(text, key=b"not so secret"):
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
class Door(WebSocketHandler):
    def prepare(self):
        user, _, mark = self.get_cookie("user", "").partition(":")
        if not hmac.compare_digest(mark, sign(user)):
            raise HTTPError(401)
""",
        {},
    ),
    "settings default of dataclass": (
        "+SD407|SD408",
        """
from dataclasses import dataclass
@dataclass
class Config:
    cookie_secret: str = "please-change-this"
def make_app(config: Config):
    return Application([("/ws", Door)], cookie_secret=config.cookie_secret)
class Door(WebSocketHandler):
    def prepare(self):
        if not self.get_signed_cookie("user"):
            raise HTTPError(403)
""",
        {},
    ),
    "argparse default": (
        "+SD407|SD408",
        """
import argparse
class Door(WebSocketHandler):
    def prepare(self):
        if not self.get_signed_cookie("user"):
            raise HTTPError(403)
def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cookie-secret", default="secret")
    args = parser.parse_args()
    Application([("/ws", Door)], cookie_secret=args.cookie_secret).listen(80)
""",
        {},
    ),
    "define default": (
        "+SD407|SD408",
        """
define("cookie_secret", default="s3cr3t")
class Door(WebSocketHandler):
    def prepare(self):
        if not self.get_signed_cookie("user"):
            raise HTTPError(403)
def main():
    Application([("/ws", Door)], cookie_secret=options.cookie_secret).listen(80)
""",
        {},
    ),
    "parameter None": (
        "-SD407 -SD408",
        """
def make_app(cookie_secret=None):
    if not cookie_secret:
        raise SystemExit("cookie_secret is needed")
    return Application([("/ws", Door)], cookie_secret=cookie_secret)
class Door(WebSocketHandler):
    def prepare(self):
        if not self.get_signed_cookie("user"):
            raise HTTPError(403)
""",
        {},
    ),
    "parameter without a default": (
        "-SD407 -SD408",
        """
def make_app(cookie_secret):
    return Application([("/ws", Door)], cookie_secret=cookie_secret)
make_app(os.environ["COOKIE_SECRET"])
class Door(WebSocketHandler):
    def prepare(self):
        if not self.get_signed_cookie("user"):
            raise HTTPError(403)
""",
        {},
    ),
    "parameter default refused": (
        "-SD407 -SD408",
        """
def make_app(cookie_secret=""):
    return Application([("/ws", Door)], cookie_secret=cookie_secret or os.environ["COOKIE_SECRET"])
class Door(WebSocketHandler):
    def prepare(self):
        if not self.get_signed_cookie("user"):
            raise HTTPError(403)
""",
        {},
    ),
    "click option": (
        "+SD407|SD408",
        """
import click
class Door(WebSocketHandler):
    def prepare(self):
        if not self.get_signed_cookie("user"):
            raise HTTPError(403)
@click.command()
@click.option("--secret", default="changeme")
def main(secret):
    Application([("/ws", Door)], cookie_secret=secret).listen(80)
""",
        {},
    ),
}
