"""A credential in the URL.

What:
    The client sends its token, password or key in the query string of the WebSocket's URL.

Why:
    Servers and proxies write URLs to their logs, and browsers keep them in the history. An attacker
    who reads a URL there is the user until the token expires.

Example:
    class Chat(WebSocketHandler):
        def prepare(self):
            self.user = verified(self.get_argument("token"))

Instead:
    class Chat(WebSocketHandler):
        def prepare(self):
            self.user = verified(self.request.headers["Sec-WebSocket-Protocol"])

Fix:
    Send the token in a subprotocol, a cookie or a first message. Or exchange it for a ticket that works
    once and expires within seconds.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from stormdoor_audit.auditor.facts.places import last_name
from stormdoor_audit.auditor.facts.secret_names import is_secret_name
from stormdoor_audit.auditor.judging.endpoint import Endpoint
from stormdoor_audit.auditor.naming.words import words
from stormdoor_audit.auditor.reading.module import Module
from stormdoor_audit.auditor.reading.project import Project
from stormdoor_audit.auditor.rule import Found, rule
from stormdoor_audit.report.finding import Check, Confidence, Level

__all__ = ["RULE"]

_SOCKET = re.compile(
    r"new\s+(?:WebSocket|SockJS|ReconnectingWebSocket)\s*\([^;]{0,200}?[?&]"
    r"(?P<name>\w*(?:token|password|passwd|secret|api_?key|jwt))=",
    re.IGNORECASE,
)


def _check(endpoint: Endpoint) -> Iterator[Found]:
    told: set[str] | None = None
    seen: set[ast.AST] = set()
    for event in (*endpoint.anonymous.events, *endpoint.member.events):
        if event.kind != "query" or event.node in seen or not event.module.inside:
            continue
        seen.add(event.node)
        if not is_secret_name(event.text):
            continue
        kept = _kept_as(endpoint, event.node)
        if kept and told is None:
            told = _told_to_others(endpoint)
        if kept and kept in (told or ()):
            continue  # other clients receive it, so it is a name
        yield Found(
            event.module,
            event.node,
            f"{endpoint.info.name} reads the credential {event.text!r} from the URL of the handshake.",
            steps=endpoint.steps(event),
        )


def _kept_as(endpoint: Endpoint, read: ast.AST) -> str:
    """`id` of `self.id = self.get_argument("token")`."""
    for node in (one for method in endpoint.methods() for one in ast.walk(method.node)):
        match node:
            case ast.Assign(targets=[ast.Attribute(value=ast.Name(id="self"), attr=name)]) if (
                node.value is read
            ):
                return name
            case _:
                pass
    return ""


def _told_to_others(endpoint: Endpoint) -> set[str]:
    """Return attributes that the handler sends to other clients: `self.tell_all(f"{self.name} left")`."""
    methods = {method.name: method.node for method in endpoint.methods() if method.module.inside}
    tellers = {name for name, node in methods.items() if any(_tells(node, set()))}
    return {
        part.attr
        for node in methods.values()
        for given in _tells(node, tellers)
        for part in _said_in(given)
        if isinstance(part, ast.Attribute)
        and isinstance(part.value, ast.Name)
        and part.value.id == "self"
    }


def _tells(method: ast.AST, tellers: set[str]) -> Iterator[ast.expr]:
    """Yield the data that a method sends to another connection than its own."""
    for node in ast.walk(method):
        match node:
            case ast.Call(func=ast.Attribute(value=held, attr="write_message"), args=[given, *_]):
                if not (isinstance(held, ast.Name) and held.id == "self"):
                    yield given
            case ast.Call(func=ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name)) if (
                name in tellers
            ):
                yield from node.args
            case _:
                pass


def _said_in(node: ast.AST) -> Iterator[ast.AST]:
    """The parts of what is told that are heard; not what something is looked up by: `names[self.token]`."""
    yield node
    match node:
        case ast.Subscript(value=held):
            parts: list[ast.AST] = [held]
        case ast.Call(func=function) if last_name(node) not in _WRITES:
            parts = [function]
        case _:
            parts = list(ast.iter_child_nodes(node))
    for one in parts:
        yield from _said_in(one)


_WRITES = words("dumps encode escape format join json_encode repr str xhtml_escape")
"""Calls that return their argument as part of the result."""


def _scripts(project: Project) -> Iterator[Found]:
    for file in project.assets:
        text = _text(file)
        for match in _SOCKET.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            lines = text.splitlines()
            node = ast.Constant(match.group("name"), lineno=line, col_offset=0)
            asset = Module(
                file=file,
                path=project.path_of(file),
                name=project.path_of(file),
                is_package=False,
                tree=ast.Module([], []),
                lines=lines,
                inside=True,
            )
            yield Found(asset, node, f"The page puts {match.group('name')!r} into the URL.")


def _text(file: Path) -> str:
    try:
        with file.open(encoding="utf-8", errors="replace") as stream:
            text = stream.read(512 * 1024)
    except OSError:
        return ""
    return text if "WebSocket" in text or "SockJS" in text else ""


RULE = rule(
    __doc__,
    id="SD401",
    slug="token-in-query",
    level=Level.WARNING,
    confidence=Confidence.HIGH,
    group="tokens and secrets",
    cwe=(598,),
    asvs=("14.2.1",),
    threat="token-theft-and-replay",
    check=Check.AUTHENTICATION,
    on_endpoint=_check,
    on_project=_scripts,
)
