"""What stands where a check of the client should stand, and whether a client without a credential fails it.

Each form that lets such a client in has its honest counterpart beside it.
"""

__all__ = ["CHECKS", "FRAME", "SHAPES"]

FRAME = """
import base64, re, secrets
{before}
class Door(WebSocketHandler):
    def prepare(self):
{check}
    def on_message(self, message):
        room.say(message)
"""

CHECKS: dict[str, tuple[str, str, str]] = {
    # -- of no token, everything is true -------------------------------------------------------
    "all of no tokens": (
        "missing",
        """
        tokens = self.get_arguments("token")
        if not all(sessions.verify(one) for one in tokens):
            raise HTTPError(401)
        """,
        "",
    ),
    "all of no tokens, compared": (
        "missing",
        """
        if not all(hmac.compare_digest(one, SECRET) for one in self.get_arguments("token")):
            raise HTTPError(401)
        """,
        "SECRET = os.environ['SECRET']",
    ),
    "all of some tokens": (
        "guarded",
        """
        tokens = self.get_arguments("token")
        if not tokens or not all(sessions.verify(one) for one in tokens):
            raise HTTPError(401)
        """,
        "",
    ),
    "any of no tokens": (
        "guarded",
        """
        if not any(sessions.verify(one) for one in self.get_arguments("token")):
            raise HTTPError(401)
        """,
        "",
    ),
    "a loop over no tokens": (
        "missing",
        """
        for one in self.get_arguments("token"):
            if not sessions.verify(one):
                raise HTTPError(401)
        """,
        "",
    ),
    "a loop that finds one": (
        "guarded",
        """
        for one in self.get_arguments("token"):
            if sessions.verify(one):
                break
        else:
            raise HTTPError(401)
        """,
        "",
    ),
    # -- a part of the secret -------------------------------------------------------------------
    "token in the secret": (
        "missing",
        """
        if self.get_argument("token", "") not in SECRET:
            raise HTTPError(401)
        """,
        "SECRET = os.environ['SECRET']",
    ),
    "some token in the secret": (
        "missing",
        """
        token = self.get_argument("token", "")
        if not token or token not in SECRET:
            raise HTTPError(401)
        """,
        "SECRET = 'c0ffee-and-cake'",
    ),
    "token in the secrets": (
        "guarded",
        """
        if self.get_argument("token", "") not in SECRETS:
            raise HTTPError(401)
        """,
        "SECRETS = os.environ['SECRETS'].split(',')",
    ),
    "token in a set": (
        "guarded",
        """
        if self.get_argument("token", "") not in SECRETS:
            raise HTTPError(401)
        """,
        "SECRETS = {os.environ['SECRET']}",
    ),
    "the secret starts with the token": (
        "missing",
        """
        if not SECRET.startswith(self.get_argument("token", "")):
            raise HTTPError(401)
        """,
        "SECRET = os.environ['SECRET']",
    ),
    "the secret ends with the token": (
        "missing",
        """
        if not self.settings["secret"].endswith(self.get_argument("token", "")):
            raise HTTPError(401)
        """,
        "",
    ),
    "the token starts with the secret": (
        "guarded",
        """
        if not self.get_argument("token", "").startswith(SECRET):
            raise HTTPError(401)
        """,
        "SECRET = os.environ['SECRET']",
    ),
    "the secret is looked for the token": (
        "missing",
        """
        if SECRET.find(self.get_argument("token", "")) < 0:
            raise HTTPError(401)
        """,
        "SECRET = os.environ['SECRET']",
    ),
    "as much of the secret as was shown": (
        "missing",
        """
        token = self.get_argument("token", "")
        if SECRET[: len(token)] != token:
            raise HTTPError(401)
        """,
        "SECRET = os.environ['SECRET']",
    ),
    "letter by letter": (
        "missing",
        """
        for mine, yours in zip(SECRET, self.get_argument("token", "")):
            if mine != yours:
                raise HTTPError(401)
        """,
        "SECRET = os.environ['SECRET']",
    ),
    # -- a name, and nothing that proves it ------------------------------------------------------
    "an account by its name": (
        "missing",
        """
        user = db.find_user(self.get_argument("username"))
        if user is None:
            raise HTTPError(401)
        """,
        "",
    ),
    "an account by its name, object mapper": (
        "missing",
        """
        user = db.query(User).filter_by(name=self.get_argument("user")).first()
        if user is None:
            raise HTTPError(401)
        """,
        "from models import User",
    ),
    "an account by its name, table": (
        "missing",
        """
        if self.get_argument("user") not in USERS:
            raise HTTPError(401)
        """,
        "USERS = {'ada', 'grace'}",
    ),
    "an account by a cookie": (
        "missing",
        """
        if db.get_user(self.get_cookie("username")) is None:
            raise HTTPError(401)
        """,
        "",
    ),
    "work by a number that only one was told": (
        "late|guarded",
        """
        work = sessions.waiting.get(self.get_argument("id"))
        if work is None:
            raise HTTPError(401)
        """,
        "",
    ),
    "an account by its name, and the password": (
        "guarded",
        """
        user = db.find_user(self.get_argument("username"))
        if user is None or not user.check_password(self.get_argument("password")):
            raise HTTPError(401)
        """,
        "",
    ),
    "an account by its name and password": (
        "guarded",
        """
        user = db.find_user(name=self.get_argument("username"), password=self.get_argument("password"))
        if user is None:
            raise HTTPError(401)
        """,
        "",
    ),
    "the password of the account": (
        "guarded",
        """
        user = db.find_user(self.get_argument("username"))
        if user is None or user.password != self.get_argument("password"):
            raise HTTPError(401)
        """,
        "",
    ),
    "the password of the account in a table": (
        "guarded",
        """
        wanted = PASSWORDS.get(self.get_argument("user"))
        if wanted is None or not hmac.compare_digest(wanted, self.get_argument("password")):
            raise HTTPError(401)
        """,
        "PASSWORDS = json.load(open('passwords.json'))",
    ),
    "the token of what is named": (
        "guarded",
        """
        wanted = sessions.fetch_token_of(self.get_argument("experiment"))
        if self.get_argument("shown") != wanted:
            raise HTTPError(401)
        """,
        "",
    ),
    "an account by its token": (
        "guarded",
        """
        if db.find_user(token=self.get_argument("token")) is None:
            raise HTTPError(401)
        """,
        "",
    ),
    # -- a secret that is not there ------------------------------------------------------------
    "compared with nothing": (
        "missing|optional",
        """
        if not hmac.compare_digest(self.get_argument("token", ""), SECRET):
            raise HTTPError(401)
        """,
        "SECRET = os.environ.get('SECRET', '')",
    ),
    "both are None": (
        "missing|optional",
        """
        if self.get_argument("token", None) != os.environ.get("TOKEN"):
            raise HTTPError(401)
        """,
        "",
    ),
    "both are None, header": (
        "missing|optional",
        """
        if self.request.headers.get("X-Token") == TOKEN:
            return
        raise HTTPError(401)
        """,
        "TOKEN = os.getenv('TOKEN')",
    ),
    "nothing is no secret": (
        "guarded|unknown",
        """
        if not SECRET or not hmac.compare_digest(self.get_argument("token", ""), SECRET):
            raise HTTPError(401)
        """,
        "SECRET = os.environ.get('SECRET', '')",
    ),
    "a secret that must be there": (
        "guarded",
        """
        if self.get_argument("token", "") != os.environ["TOKEN"]:
            raise HTTPError(401)
        """,
        "",
    ),
    "no argument, so no None": (
        "guarded",
        """
        if self.get_argument("token") != os.environ.get("TOKEN"):
            raise HTTPError(401)
        """,
        "",
    ),
    # -- the failure is not one ---------------------------------------------------------------
    "verify, except, pass": (
        "missing",
        """
        try:
            sessions.verify(self.get_argument("token", ""))
        except sessions.Invalid:
            pass
        """,
        "",
    ),
    "verify, suppressed": (
        "missing",
        """
        with contextlib.suppress(Exception):
            sessions.verify(self.get_argument("token", ""))
        """,
        "import contextlib",
    ),
    "verify, finally returns": (
        "missing",
        """
        try:
            if not sessions.verify(self.get_argument("token", "")):
                raise HTTPError(401)
        finally:
            return
        """,
        "",
    ),
    "verify, except, raise": (
        "guarded",
        """
        try:
            sessions.verify(self.get_argument("token", ""))
        except sessions.Invalid:
            raise HTTPError(401)
        """,
        "",
    ),
    # -- the pattern is the client's --------------------------------------------------------
    "a pattern of the client": (
        "missing",
        """
        if not re.match(self.get_argument("token", ""), SECRET):
            raise HTTPError(401)
        """,
        "SECRET = os.environ['SECRET']",
    ),
    "a compiled pattern of the client": (
        "missing",
        """
        if not re.compile(self.get_argument("token", "")).fullmatch(SECRET):
            raise HTTPError(401)
        """,
        "SECRET = os.environ['SECRET']",
    ),
    "a glob of the client": (
        "missing",
        """
        if not fnmatch.fnmatch(SECRET, self.get_argument("token", "")):
            raise HTTPError(401)
        """,
        "import fnmatch\nSECRET = os.environ['SECRET']",
    ),
    "the secret is the pattern": (
        "guarded",
        """
        if not re.fullmatch(re.escape(SECRET), self.get_argument("token", "")):
            raise HTTPError(401)
        """,
        "SECRET = os.environ['SECRET']",
    ),
    "the form of a token": (
        "missing",
        """
        if not re.fullmatch(r"[0-9a-f]{32}", self.get_argument("token", "")):
            raise HTTPError(401)
        """,
        "",
    ),
    "the length of a token": (
        "missing",
        """
        token = self.get_argument("token", "")
        if len(token) != 32:
            raise HTTPError(401)
        """,
        "",
    ),
    "the length of the secret": (
        "missing",
        """
        if len(self.get_argument("token", "")) != len(SECRET):
            raise HTTPError(401)
        """,
        "SECRET = os.environ['SECRET']",
    ),
    "a number": (
        "missing",
        """
        if not int(self.get_argument("token", "0")) > 0:
            raise HTTPError(401)
        """,
        "",
    ),
    "a number that is one": (
        "missing",
        """
        if not self.get_argument("token", "").isdigit():
            raise HTTPError(401)
        """,
        "",
    ),
    "a uuid": (
        "missing",
        """
        try:
            uuid.UUID(self.get_argument("token", ""))
        except ValueError:
            raise HTTPError(401)
        """,
        "import uuid",
    ),
    "not in a list of bad tokens": (
        "missing",
        """
        if self.get_argument("token", "") in ("null", "undefined", ""):
            raise HTTPError(401)
        """,
        "",
    ),
    "the check sum of a token": (
        "missing",
        """
        token = self.get_argument("token", "")
        if zlib.crc32(token[:-8].encode()) != int(token[-8:], 16):
            raise HTTPError(401)
        """,
        "import zlib",
    ),
    # -- compared with what the client sends as well -------------------------------------------
    "the header is the cookie": (
        "missing",
        """
        if self.get_cookie("token") != self.request.headers.get("X-Token"):
            raise HTTPError(403)
        """,
        "",
    ),
    "the header is the cookie, in constant time": (
        "missing",
        """
        if not hmac.compare_digest(self.get_cookie("csrf", ""), self.get_argument("csrf", "")):
            raise HTTPError(403)
        """,
        "",
    ),
    "a signature made of the client's key": (
        "missing",
        """
        key = self.get_argument("key").encode()
        wanted = hmac.new(key, self.request.path.encode(), "sha256").hexdigest()
        if not hmac.compare_digest(wanted, self.get_argument("signature")):
            raise HTTPError(403)
        """,
        "",
    ),
    "a digest without a key": (
        "missing",
        """
        wanted = hashlib.sha256(self.get_argument("user").encode()).hexdigest()
        if wanted != self.get_argument("signature"):
            raise HTTPError(403)
        """,
        "import hashlib",
    ),
    "a digest with a key": (
        "guarded",
        """
        wanted = hashlib.sha256((SECRET + self.get_argument("user")).encode()).hexdigest()
        if wanted != self.get_argument("signature"):
            raise HTTPError(403)
        """,
        "import hashlib\nSECRET = os.environ['SECRET']",
    ),
    "a signature made with the server's key": (
        "guarded",
        """
        wanted = hmac.new(SECRET, self.get_argument("user").encode(), "sha256").hexdigest()
        if not hmac.compare_digest(wanted, self.get_argument("signature")):
            raise HTTPError(403)
        """,
        "SECRET = os.environ['SECRET'].encode()",
    ),
    # -- read, and not verified ----------------------------------------------------------------
    "unverified claims": (
        "missing",
        """
        claims = jose.get_unverified_claims(self.get_argument("token"))
        if claims["exp"] < time.time():
            raise HTTPError(401)
        """,
        "import time\nfrom jose import jwt as jose",
    ),
    "unverified claims name a user": (
        "missing",
        """
        claims = jose.get_unverified_claims(self.get_argument("token"))
        if not claims.get("sub"):
            raise HTTPError(401)
        """,
        "from jose import jwt as jose",
    ),
    "the middle of a token": (
        "missing",
        """
        payload = self.get_argument("token").split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
        if claims.get("role") != "member":
            raise HTTPError(401)
        """,
        "",
    ),
    "the middle of a token names a user": (
        "missing",
        """
        payload = self.get_argument("token").split(".")[1]
        user = db.find_user(json.loads(base64.b64decode(payload))["sub"])
        if user is None:
            raise HTTPError(401)
        """,
        "",
    ),
    "decoded without its signature": (
        "missing",
        """
        claims = jwt.decode(self.get_argument("token"), options={"verify_signature": False})
        if claims["aud"] != "rooms":
            raise HTTPError(401)
        """,
        "",
    ),
    "the header of a token": (
        "missing",
        """
        if jwt.get_unverified_header(self.get_argument("token"))["kid"] not in KEYS:
            raise HTTPError(401)
        """,
        "KEYS = {'k1': os.environ['K1']}",
    ),
    "read, then verified": (
        "guarded",
        """
        header = jwt.get_unverified_header(self.get_argument("token"))
        try:
            jwt.decode(self.get_argument("token"), KEYS[header["kid"]], algorithms=["HS256"])
        except (jwt.InvalidTokenError, KeyError):
            raise HTTPError(401)
        """,
        "KEYS = {'k1': os.environ['K1']}",
    ),
    # -- where it comes from ------------------------------------------------------------------
    "from this machine": (
        "missing",
        """
        if self.request.remote_ip != "127.0.0.1":
            raise HTTPError(403)
        """,
        "from tornado.httpserver import HTTPServer\nserver = HTTPServer(web.Application(), xheaders=True)",
    ),
    "from this machine, by a header": (
        "missing",
        """
        if self.request.headers.get("X-Forwarded-For", "127.0.0.1") != "127.0.0.1":
            raise HTTPError(403)
        """,
        "",
    ),
    "a browser": (
        "missing",
        """
        if "Mozilla" not in self.request.headers.get("User-Agent", ""):
            raise HTTPError(403)
        """,
        "",
    ),
    "a referer": (
        "missing",
        """
        if not self.request.headers.get("Referer", "").startswith("https://example.com/"):
            raise HTTPError(403)
        """,
        "",
    ),
    "a header of a proxy": (
        "missing",
        """
        if not self.request.headers.get("X-Remote-User"):
            raise HTTPError(401)
        """,
        "",
    ),
    # -- the answer is not one ------------------------------------------------------------------
    "an answer with a status": (
        "missing",
        """
        if sessions.verify(self.get_argument("token", "")) == 0:
            self.set_status(401)
        """,
        "",
    ),
    "the name of the check": (
        "missing",
        """
        if not sessions.verify:
            raise HTTPError(401)
        """,
        "",
    ),
    "a pair is true": (
        "missing",
        """
        if not check(self.get_argument("token", "")):
            raise HTTPError(401)
        """,
        "def check(token):\n    return sessions.is_valid(token), 'why'",
    ),
    "a coroutine is true": (
        "missing",
        """
        if not check(self.get_argument("token", "")):
            raise HTTPError(401)
        """,
        "async def check(token):\n    return sessions.verify(token)",
    ),
    "a generator is true": (
        "missing",
        """
        if not check(self.get_argument("token", "")):
            raise HTTPError(401)
        """,
        "def check(token):\n    yield sessions.is_valid(token)",
    ),
    "any token but the secret": (
        "missing",
        """
        if self.get_argument("token", "") == SECRET:
            raise HTTPError(401)
        """,
        "SECRET = os.environ['SECRET']",
    ),
    "or with a text": (
        "missing",
        """
        if not (self.get_argument("token", "") == SECRET or "guest"):
            raise HTTPError(401)
        """,
        "SECRET = os.environ['SECRET']",
    ),
    "a check in a branch of the client": (
        "missing",
        """
        if self.get_argument("mode", "") == "private" and not sessions.verify(self.get_argument("token")):
            raise HTTPError(401)
        """,
        "",
    ),
    "only where a token is shown": (
        "missing",
        """
        token = self.get_argument("token", None)
        if token is not None and not sessions.verify(token):
            raise HTTPError(401)
        """,
        "",
    ),
    "a token of whoever is named": (
        "missing",
        """
        if self.get_argument("token") != str(hash(self.get_argument("user"))):
            raise HTTPError(401)
        """,
        "",
    ),
    "the number of tries": (
        "missing",
        """
        self.tries = getattr(self, "tries", 0) + 1
        if self.tries > 3 and not sessions.verify(self.get_argument("token")):
            raise HTTPError(401)
        """,
        "",
    ),
    "asked on another kind of request": (
        "missing",
        """
        if self.request.method == "POST" and not sessions.verify(self.get_argument("token")):
            raise HTTPError(401)
        """,
        "",
    ),
    "asked where no upgrade is": (
        "missing",
        """
        if "Upgrade" not in self.request.headers:
            if not sessions.verify(self.get_argument("token")):
                raise HTTPError(401)
        """,
        "",
    ),
    "paths that begin alike": (
        "missing",
        """
        if self.request.headers.get("X-Original-URI", "/").startswith("/public"):
            return
        if not sessions.verify(self.get_argument("token")):
            raise HTTPError(401)
        """,
        "",
    ),
    "whoever says so": (
        "missing",
        """
        if self.get_argument("admin", "") != "true":
            raise HTTPError(401)
        """,
        "",
    ),
    "a flag in a cookie": (
        "missing",
        """
        if self.get_cookie("logged_in") != "yes":
            raise HTTPError(401)
        """,
        "",
    ),
    "the cookie is there": (
        "missing",
        """
        if not self.get_cookie("session"):
            raise HTTPError(401)
        """,
        "",
    ),
    "the bearer is there": (
        "missing",
        """
        scheme, _, token = self.request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or not token:
            raise HTTPError(401)
        """,
        "",
    ),
    "the bearer is verified": (
        "guarded",
        """
        scheme, _, token = self.request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or not sessions.verify(token):
            raise HTTPError(401)
        """,
        "",
    ),
    "a table that everybody fills": (
        "missing",
        """
        TOKENS.setdefault(self.get_argument("token"), "somebody")
        if self.get_argument("token") not in TOKENS:
            raise HTTPError(401)
        """,
        "TOKENS = {}",
    ),
    "a default of the table": (
        "missing",
        """
        user = USERS.get(self.get_argument("token", ""), "guest")
        if not user:
            raise HTTPError(401)
        """,
        "USERS = json.load(open('users.json'))",
    ),
    "a name of the module": (
        "missing",
        """
        if not getattr(sessions, "verify", None):
            raise HTTPError(401)
        """,
        "",
    ),
    "assert": (
        "guarded",
        """
        assert self.get_signed_cookie("user")
        """,
        "",
    ),
    # -- between the lines ----------------------------------------------------------------------
    "the digest of the token is long": (
        "missing",
        """
        if len(hashlib.sha256(self.get_argument("token", "").encode()).hexdigest()) != 64:
            raise HTTPError(401)
        """,
        "import hashlib",
    ),
    "mapped over no tokens": (
        "missing",
        """
        if not all(map(sessions.is_valid, self.get_arguments("token"))):
            raise HTTPError(401)
        """,
        "",
    ),
    "not any bad token": (
        "missing",
        """
        if any(not sessions.is_valid(one) for one in self.get_arguments("token")):
            raise HTTPError(401)
        """,
        "",
    ),
    "the tokens that are good are all": (
        "missing",
        """
        shown = self.get_arguments("token")
        if len([one for one in shown if sessions.is_valid(one)]) != len(shown):
            raise HTTPError(401)
        """,
        "",
    ),
    "a set of no tokens is a part of any": (
        "missing",
        """
        if not set(self.get_arguments("token")) <= TOKENS:
            raise HTTPError(401)
        """,
        "TOKENS = set(os.environ['TOKENS'].split(','))",
    ),
    "issubset": (
        "missing",
        """
        if not set(self.get_arguments("token")).issubset(TOKENS):
            raise HTTPError(401)
        """,
        "TOKENS = set(os.environ['TOKENS'].split(','))",
    ),
    "one of the tokens is known": (
        "guarded",
        """
        if not set(self.get_arguments("token")) & TOKENS:
            raise HTTPError(401)
        """,
        "TOKENS = set(os.environ['TOKENS'].split(','))",
    ),
    "a text of tokens": (
        "missing",
        """
        if self.get_argument("token", "") not in ",".join(TOKENS):
            raise HTTPError(401)
        """,
        "TOKENS = os.environ['TOKENS'].split(',')",
    ),
    "a text of a file": (
        "missing",
        """
        if self.get_argument("token", "") not in open("tokens.txt").read():
            raise HTTPError(401)
        """,
        "",
    ),
    "a line of a file": (
        "guarded",
        """
        if self.get_argument("token", "") not in open("tokens.txt").read().splitlines():
            raise HTTPError(401)
        """,
        "",
    ),
    "the secret split by the token": (
        "missing",
        """
        if len(SECRET.split(self.get_argument("token", "-"))) < 1:
            raise HTTPError(401)
        """,
        "SECRET = os.environ['SECRET']",
    ),
    "longer than the secret": (
        "missing",
        """
        if self.get_argument("token", "") < SECRET:
            raise HTTPError(401)
        """,
        "SECRET = os.environ['SECRET']",
    ),
    "is the secret": (
        "guarded",
        """
        match self.get_argument("token", ""):
            case token if token == SECRET:
                pass
            case _:
                raise HTTPError(401)
        """,
        "SECRET = os.environ['SECRET']",
    ),
    "anything matches": (
        "missing",
        """
        match self.get_argument("token", ""):
            case secret:
                pass
            case _:
                raise HTTPError(401)
        """,
        "",
    ),
    "asked of oneself": (
        "missing",
        """
        self.token = self.get_argument("token", "")
        if self.token != self.get_argument("token", ""):
            raise HTTPError(401)
        """,
        "",
    ),
    "the token that one is given": (
        "missing",
        """
        token = secrets.token_hex()
        self.set_cookie("token", token)
        if not token:
            raise HTTPError(401)
        """,
        "",
    ),
    "a session of whoever comes": (
        "missing",
        """
        if not self.get_signed_cookie("session"):
            self.set_signed_cookie("session", secrets.token_hex())
        """,
        "",
    ),
    "refused on another thread": (
        "missing",
        """
        def refuse():
            if not self.get_signed_cookie("user"):
                raise HTTPError(401)
        threading.Thread(target=refuse).start()
        """,
        "import threading",
    ),
    "refused in a callback": (
        "missing|late",
        """
        def refuse():
            if not self.get_signed_cookie("user"):
                raise HTTPError(401)
        asyncio.get_event_loop().call_soon(refuse)
        """,
        "",
    ),
    "returned, not raised": (
        "missing",
        """
        return None if self.get_signed_cookie("user") else self.set_status(403)
        """,
        "",
    ),
    "a warning": (
        "missing",
        """
        if not self.get_signed_cookie("user"):
            warnings.warn("no user")
        """,
        "import warnings",
    ),
    "logged out": (
        "missing",
        """
        if not self.get_signed_cookie("user"):
            self.clear_all_cookies()
        """,
        "",
    ),
    "refused by a decorator that nobody wrote down": (
        "missing",
        """
        demand_user
        """,
        "from rights import demand_user",
    ),
    "a time of the client": (
        "missing",
        """
        if float(self.get_argument("expires", "0")) < time.time():
            raise HTTPError(401)
        """,
        "import time",
    ),
    "a captcha of the client": (
        "missing",
        """
        if self.get_argument("answer", "") != str(int(self.get_argument("a", "0")) + 1):
            raise HTTPError(401)
        """,
        "",
    ),
    "the user that the client says exists": (
        "missing",
        """
        if not db.users.exists(name=self.get_argument("user")):
            raise HTTPError(401)
        """,
        "",
    ),
    "the count of users of that name": (
        "missing",
        """
        if db.query(User).filter(User.name == self.get_argument("user")).count() == 0:
            raise HTTPError(401)
        """,
        "from models import User",
    ),
    "an sql of the name": (
        "missing",
        """
        row = db.execute("select 1 from users where name = ?", (self.get_argument("user"),)).fetchone()
        if row is None:
            raise HTTPError(401)
        """,
        "",
    ),
    "an sql of the name and the password": (
        "guarded",
        """
        row = db.execute(
            "select 1 from users where name = ? and password = ?",
            (self.get_argument("user"), self.get_argument("password")),
        ).fetchone()
        if row is None:
            raise HTTPError(401)
        """,
        "",
    ),
    "an sql of the token": (
        "guarded",
        """
        row = db.execute("select 1 from sessions where token = ?", (self.get_argument("t"),)).fetchone()
        if row is None:
            raise HTTPError(401)
        """,
        "",
    ),
    "a filter by the token": (
        "guarded",
        """
        if db.query(User).filter(User.token == self.get_argument("t")).first() is None:
            raise HTTPError(401)
        """,
        "from models import User",
    ),
    "a role of the user that is named": (
        "missing",
        """
        if db.get_user(self.get_argument("user")).role != "admin":
            raise HTTPError(403)
        """,
        "",
    ),
    "a check on the user that is named": (
        "missing",
        """
        user = db.get_user(self.get_argument("user"))
        if not user.is_active:
            raise HTTPError(403)
        """,
        "",
    ),
    "the host is this one": (
        "missing",
        """
        if self.request.host != "internal.example":
            raise HTTPError(403)
        """,
        "",
    ),
    "an address of the inside": (
        "missing",
        """
        if not ipaddress.ip_address(self.request.remote_ip).is_private:
            raise HTTPError(403)
        """,
        "import ipaddress",
    ),
    "a subprotocol": (
        "missing",
        """
        if self.request.headers.get("Sec-WebSocket-Protocol") != "chat.v1":
            raise HTTPError(403)
        """,
        "",
    ),
    "a proxy that says yes": (
        "missing",
        """
        if self.request.headers.get("X-Auth-Status") != "ok":
            raise HTTPError(401)
        """,
        "",
    ),
}

SHAPES: dict[str, tuple[str, str, dict[str, str]]] = {
    "a table that open fills": (
        "missing",
        """
users = {}
class Door(WebSocketHandler):
    def open(self):
        users[self] = "guest"
    def on_message(self, message):
        if self not in users:
            self.close()
            return
        room.say(message)
""",
        {},
    ),
    "a table that a login fills": (
        "late",
        """
users = {}
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        if data["type"] == "login":
            user = sessions.verify(data["token"])
            if not user:
                self.close()
                return
            users[self] = user
            return
        if self not in users:
            self.close()
            return
        room.say(data["text"])
""",
        {},
    ),
    "a user that says who it is": (
        "missing",
        """
class Door(WebSocketHandler):
    user = None
    def on_message(self, message):
        data = json.loads(message)
        if data["type"] == "login":
            self.user = data["user"]
            return
        if self.user is None:
            self.close()
            return
        room.say(self.user, data["text"])
""",
        {},
    ),
    "a user that says who it is, in open": (
        "missing",
        """
class Door(WebSocketHandler):
    def open(self):
        self.user = self.get_argument("user")
        if not self.user:
            self.close()
    def on_message(self, message):
        room.say(self.user, message)
""",
        {},
    ),
    "a user that says who it is, as current user": (
        "missing",
        """
class Door(WebSocketHandler):
    def get_current_user(self):
        return self.get_argument("user", None)
    @authenticated
    def get(self, *args, **kwargs):
        return super().get(*args, **kwargs)
    def on_message(self, message):
        room.say(self.current_user, message)
""",
        {},
    ),
    "a login that says yes": (
        "missing",
        """
class Door(WebSocketHandler):
    authenticated = False
    def on_message(self, message):
        data = json.loads(message)
        if data["type"] == "login":
            self.authenticated = True
            return
        if not self.authenticated:
            self.close()
            return
        room.say(data["text"])
""",
        {},
    ),
    "a login that says what the message says": (
        "missing",
        """
class Door(WebSocketHandler):
    authenticated = False
    def on_message(self, message):
        data = json.loads(message)
        if data["type"] == "login":
            self.authenticated = data["ok"]
            return
        if not self.authenticated:
            self.close()
            return
        room.say(data["text"])
""",
        {},
    ),
    "fields by name from the message": (
        "missing",
        """
class Door(WebSocketHandler):
    authenticated = False
    def on_message(self, message):
        data = json.loads(message)
        for name, value in data["profile"].items():
            setattr(self, name, value)
        if not self.authenticated:
            return
        room.say(data["text"])
""",
        {},
    ),
    "one who logs in, for all": (
        "missing|late",
        """
class Door(WebSocketHandler):
    logged_in = False
    def on_message(self, message):
        data = json.loads(message)
        if data["type"] == "login":
            if sessions.verify(data["token"]):
                Door.logged_in = True
            return
        if not Door.logged_in:
            self.close()
            return
        room.say(data["text"])
""",
        {},
    ),
    "a check on a copy of itself": (
        "missing",
        """
def refuse(handler):
    return HTTPError(401)
class Door(WebSocketHandler):
    def prepare(self):
        if not self.get_signed_cookie("user"):
            refuse(self)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "an error that is made and not raised": (
        "missing",
        """
class Door(WebSocketHandler):
    def prepare(self):
        if not self.get_signed_cookie("user"):
            HTTPError(401)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "an error that is returned": (
        "missing",
        """
class Door(WebSocketHandler):
    def prepare(self):
        if not self.get_signed_cookie("user"):
            return HTTPError(401)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "a coroutine that nobody waits for": (
        "missing|late",
        """
class Door(WebSocketHandler):
    def prepare(self):
        self.refuse()
    async def refuse(self):
        if not self.get_signed_cookie("user"):
            raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "a coroutine that is waited for": (
        "guarded",
        """
class Door(WebSocketHandler):
    async def prepare(self):
        await self.refuse()
    async def refuse(self):
        if not self.get_signed_cookie("user"):
            raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "a message of another kind": (
        "late",
        """
class Door(WebSocketHandler):
    user = None
    def on_message(self, message):
        if isinstance(message, bytes):
            db.save(message)
            return
        data = json.loads(message)
        if data["type"] == "login":
            self.user = sessions.verify(data["token"])
            return
        if self.user is None:
            self.close()
            return
        room.say(data["text"])
""",
        {},
    ),
    "the keys of what a message says": (
        "missing",
        """
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        action = getattr(room, data["func"])
        self.write_message(action(**{key: value for key, value in data.items() if key != "func"}))
""",
        {},
    ),
    "a login that a table decides about": (
        "late",
        """
class Door(WebSocketHandler):
    def open(self):
        self.authenticated = False
    def on_message(self, message):
        words = message.split("|")
        if self.authenticated:
            room.say(words[1])
        elif words[0] == "login":
            self.write_message(str(self.login(words)))
        else:
            self.write_message("no")
    def login(self, words):
        for one in db.people.filter(mail=words[1]):
            if one.pw == words[2]:
                self.authenticated = True
        return self.authenticated
""",
        {},
    ),
}
