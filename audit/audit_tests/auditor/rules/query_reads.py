"""Ways to read a parameter of the address, with the rules that must and must not report it."""

__all__ = ["CASES"]

CASES: dict[str, tuple[str, str, dict[str, str]]] = {
    "parse_qs(self.request.uri)": (
        "+SD401",
        """
from urllib.parse import parse_qs
class Door(WebSocketHandler):
    def prepare(self):
        if not sessions.verify(parse_qs(self.request.uri)["token"][0]):
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "urlsplit(uri).query": (
        "+SD401",
        """
from urllib.parse import parse_qsl, urlsplit
class Door(WebSocketHandler):
    def prepare(self):
        if not sessions.verify(dict(parse_qsl(urlsplit(self.request.uri).query))["token"]):
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "request.query": (
        "+SD401",
        """
from urllib.parse import parse_qs
class Door(WebSocketHandler):
    def prepare(self):
        if not sessions.verify(parse_qs(self.request.query).get("token", [""])[0]):
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "module": (
        "+SD401",
        """
import urllib.parse
class Door(WebSocketHandler):
    def prepare(self):
        query = urllib.parse.urlparse(self.request.uri).query
        if not sessions.verify(urllib.parse.parse_qs(query).get("access_token")[0]):
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "full_url": (
        "+SD401",
        """
from urllib.parse import parse_qs, urlparse
class Door(WebSocketHandler):
    def prepare(self):
        if not sessions.verify(parse_qs(urlparse(self.request.full_url()).query)["jwt"][0]):
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "partition": (
        "+SD401",
        """
from urllib.parse import parse_qs
class Door(WebSocketHandler):
    def prepare(self):
        if not sessions.verify(parse_qs(self.request.uri.partition("?")[2])["token"][0]):
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "names in between": (
        "+SD401",
        """
from urllib.parse import parse_qs, urlsplit
class Door(WebSocketHandler):
    def prepare(self):
        parts = urlsplit(self.request.uri)
        query = parse_qs(parts.query)
        token = query.get("token", [None])[0]
        if not sessions.verify(token):
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "helper": (
        "+SD401",
        """
from urllib.parse import parse_qs, urlsplit
def query_of(request):
    parsed = parse_qs(urlsplit(request.uri).query)
    return {key: values[0] for key, values in parsed.items()}
class Door(WebSocketHandler):
    def prepare(self):
        query = query_of(self.request)
        if not sessions.verify(query.get("token")):
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "tornado parse_qs_bytes": (
        "+SD401",
        """
from tornado.escape import parse_qs_bytes
class Door(WebSocketHandler):
    def prepare(self):
        query = parse_qs_bytes(self.request.query)
        if "token" not in query or not sessions.verify(query["token"][0]):
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "arguments in a name": (
        "+SD401",
        """
class Door(WebSocketHandler):
    def prepare(self):
        arguments = self.request.query_arguments
        if not sessions.verify(arguments["token"][0]):
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "getter in a name": (
        "+SD401",
        """
class Door(WebSocketHandler):
    def prepare(self):
        get = self.get_argument
        if not sessions.verify(get("token")):
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "name is a constant": (
        "+SD401",
        """
PARAMETER = "token"
class Door(WebSocketHandler):
    def prepare(self):
        if not sessions.verify(self.get_argument(PARAMETER)):
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "of a message body is no query": (
        "-SD401",
        """
from urllib.parse import parse_qs
class Door(WebSocketHandler):
    def on_message(self, message):
        data = parse_qs(message)
        if not sessions.verify(data["token"][0]):
            self.close()
            return
        room.say(data["text"])
""",
        {},
    ),
    "of another url is no query": (
        "-SD401",
        """
from urllib.parse import parse_qs, urlsplit
class Door(WebSocketHandler):
    def initialize(self):
        self.key = parse_qs(urlsplit(os.environ["DATABASE_URL"]).query)["password"][0]
    def prepare(self):
        if not self.get_signed_cookie("user"):
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "page in the query": (
        "-SD401",
        """
from urllib.parse import parse_qs
class Door(WebSocketHandler):
    def prepare(self):
        self.page = parse_qs(self.request.query)["page"][0]
        if not self.get_signed_cookie("user"):
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
}
