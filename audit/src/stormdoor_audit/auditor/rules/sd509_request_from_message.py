"""A server-side request to an address from a message.

What:
    The server sends a request to an address or a host that the client chooses.

Why:
    The server reaches services that the client cannot: those inside the network, and the addresses at
    which a cloud hands out credentials.

Example:
    await AsyncHTTPClient().fetch(data["url"])

Instead:
    await AsyncHTTPClient().fetch(SOURCES[data["source"]])

Fix:
    Look the address up in a list; or compare scheme, host and port with a list, and do not follow
    redirects.
"""

import ast
import re
from collections.abc import Iterator

from stormdoor_audit.auditor.classes.callers import FunctionDefinition
from stormdoor_audit.auditor.facts.arguments import given_at
from stormdoor_audit.auditor.facts.bindings import Within
from stormdoor_audit.auditor.facts.pieces import Pieces
from stormdoor_audit.auditor.facts.places import last_name, scopes_of
from stormdoor_audit.auditor.facts.sinks import argument, is_called, reaching, sunk
from stormdoor_audit.auditor.facts.tested import sources_of
from stormdoor_audit.auditor.interpreter.events import Event
from stormdoor_audit.auditor.interpreter.values import text_of
from stormdoor_audit.auditor.judging.endpoint import Endpoint
from stormdoor_audit.auditor.naming.words import words
from stormdoor_audit.auditor.rule import Found, rule
from stormdoor_audit.report.finding import Check, Confidence, Level

__all__ = ["RULE"]

_CLIENTS = words(
    """
    tornado.httpclient.AsyncHTTPClient().fetch tornado.httpclient.HTTPClient().fetch
    tornado.websocket.websocket_connect urllib.request.urlopen requests.get requests.post
    requests.put requests.delete requests.head httpx.get httpx.post httpx.AsyncClient().get
    aiohttp.ClientSession().get requests.Session().get tornado.httpclient.HTTPRequest
    urllib.urlopen urllib2.urlopen urllib.request.Request urllib2.Request requests.patch
    httpx.AsyncClient().post aiohttp.ClientSession().post
    """
)
_WORDS = ("url", "request")
_READS = words(
    "get get_argument get_query_argument json_decode loads pop quote quote_plus str url_escape urljoin"
)
_CHANGES = words(
    """
    casefold decode encode format join lower lstrip removeprefix removesuffix replace rstrip split
    strip title upper
    """
)
"""Methods of a text with a known result."""
_REQUESTED = re.compile(r"\brequest\.(?:uri|path)$")
"""Attributes that begin with a slash in each request."""
_MADE = re.compile(r"(\w+)\([^()]*\)$")
_HOST = re.compile(r"^[a-z]+://[^/?#]+$", re.IGNORECASE)
_FIXED = re.compile(r"^[a-z]+://[^/?#]+[/?#]", re.IGNORECASE)


def _check(endpoint: Endpoint) -> Iterator[Found]:
    spelling = Pieces(endpoint, forms=False)
    ports = Pieces(endpoint)
    for event in reaching(endpoint, 0, _WORDS, *_CLIENTS):
        if not is_called(event) or _chooses_the_host(spelling, ports, event):
            yield sunk(
                endpoint,
                event,
                f"The client chooses the address that the server connects to: {event.text}().",
            )


def _chooses_the_host(spelling: Pieces, ports: Pieces, event: Event) -> bool:
    """`"https://api.example/" + x`: only the path is the client's."""
    node = given_at(event, 0, *_WORDS)
    given = argument(event, 0, *_WORDS)
    if node is None or given is None:
        return True
    if (made := _MADE.search(text_of(given))) and made[1] not in _READS | _CHANGES:
        return False
    before = ""
    both = zip(spelling.pieces(event, node), ports.pieces(event, node), strict=True)
    for (piece, is_free), (_, has_signs) in both:
        if isinstance(piece, ast.Constant):
            before += str(piece.value)
        elif _REQUESTED.search(event.module.source(piece)):
            before += "/"
        elif before.endswith(":") and _is_port(piece, is_number=not has_signs):
            before += "80"
        elif isinstance(piece, ast.Call) and last_name(piece) not in _READS | _CHANGES:
            return False  # it is made by a function: what comes first in it is not known
        elif is_free and _HOST.match(before) and _gets_a_slash(event, node):
            before += "/"
        elif is_free:
            return True
        else:
            before += "host" if before else "scheme://host"
        if _FIXED.match(before):
            return False
    return False


def _is_port(piece: ast.expr, *, is_number: bool) -> bool:
    """Return whether a value is a port. After a colon, `80@host` of a client would choose the host."""
    if isinstance(piece, ast.Attribute):
        return piece.attr.endswith("port")
    return is_number


def _gets_a_slash(event: Event, node: ast.expr) -> bool:
    """`if not path.startswith("/"): path = "/" + path`, of a path that the address is made of."""
    for function in scopes_of(event.module, event.node)[-1:]:
        if not isinstance(function, FunctionDefinition):
            continue
        made_of = sources_of(Within(function), node)
        for one in ast.walk(function):
            match one:
                case ast.If(
                    test=ast.UnaryOp(
                        op=ast.Not(),
                        operand=ast.Call(
                            func=ast.Attribute(value=ast.Name(id=asked), attr="startswith"),
                            args=[ast.Constant(value="/")],
                        ),
                    ),
                    body=[ast.Assign(targets=[ast.Name(id=given)])],
                ) if asked == given and given in made_of:
                    return True
                case _:
                    pass
    return False


RULE = rule(
    __doc__,
    id="SD509",
    slug="request-from-message",
    level=Level.ERROR,
    confidence=Confidence.HIGH,
    group="messages",
    cwe=(918,),
    asvs=("1.3.6",),
    threat="message-injection",
    check=Check.VALIDATION,
    on_endpoint=_check,
)
