"""An address that the client chooses.

What:
    The server fetches an address that the client sent, or whose host it chose.

Why:
    The server stands where the client does not: it reaches services inside of the network,
    and the addresses from which a cloud gives out credentials.

Example:
    await AsyncHTTPClient().fetch(data["url"])

Instead:
    await AsyncHTTPClient().fetch(SOURCES[data["source"]])

Fix:
    Look the address up in a list; or compare scheme, host and port with one, and do not
    follow redirects.
"""

import ast
import re
from collections.abc import Iterator

from stormdoor.auditor.facts.calls import call_at
from stormdoor.auditor.facts.places import last_name
from stormdoor.auditor.facts.sinks import argument, reaching, sunk
from stormdoor.auditor.interpreter.events import Event
from stormdoor.auditor.interpreter.values import text_of
from stormdoor.auditor.judging.endpoint import Endpoint
from stormdoor.auditor.rule import Found, rule
from stormdoor.report.finding import Check, Confidence, Level

__all__ = ["RULE"]

_CLIENTS = (
    "tornado.httpclient.AsyncHTTPClient().fetch",
    "tornado.httpclient.HTTPClient().fetch",
    "tornado.websocket.websocket_connect",
    "urllib.request.urlopen",
    "requests.get",
    "requests.post",
    "requests.put",
    "requests.delete",
    "requests.head",
    "httpx.get",
    "httpx.post",
    "httpx.AsyncClient().get",
    "aiohttp.ClientSession().get",
    "requests.Session().get",
    "tornado.httpclient.HTTPRequest",
    "urllib.urlopen",
)
_READS = frozenset({"get", "pop", "str", "strip", "get_argument", "get_query_argument", "loads"})
_MADE = re.compile(r"(\w+)\([^()]*\)$")
_FIXED = re.compile(r"^[a-z]+://[^/?#]+[/?#]", re.IGNORECASE)


def _check(endpoint: Endpoint) -> Iterator[Found]:
    for event in reaching(endpoint, 0, ("url", "request"), *_CLIENTS):
        if not (isinstance(event.node, ast.Call) and _host_is_fixed(endpoint, event, event.node)):
            yield sunk(
                endpoint, event, f"The client chooses where the server connects: {event.text}()."
            )


def _host_is_fixed(endpoint: Endpoint, event: Event, node: ast.Call) -> bool:
    """`"https://api.example/" + x`: only the path is the client's."""
    if not node.args:
        return False
    call = call_at(endpoint.project, event.module, node)
    found = call.literal(node.args[0])
    while isinstance(found, ast.BinOp):
        found = found.left
    if isinstance(found, ast.JoinedStr) and found.values:
        found = found.values[0]
    if isinstance(found, ast.Call) and last_name(found) == "format":
        found = found.func.value if isinstance(found.func, ast.Attribute) else found
    if isinstance(found, ast.Call) and last_name(found) not in _READS:
        return True  # it is made by a function: what comes first in it is not known
    given = argument(event, 0, "url", "request")
    if given is not None and (made := _MADE.search(text_of(given))) and made[1] not in _READS:
        return True
    text = call.text(found) if not isinstance(found, ast.FormattedValue) else None
    return text is not None and _FIXED.match(text) is not None


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
