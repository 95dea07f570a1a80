"""HTML made of a message.

What:
    Text that the client sent is put between tags, unescaped, and sent on.

Why:
    `<img src=x onerror=...>` in a message runs in the browser of everybody who gets it.

Example:
    for client in clients:
        client.write_message(f"<b>{data['text']}</b>")

Instead:
    for client in clients:
        client.write_message(f"<b>{xhtml_escape(data['text'])}</b>")

Fix:
    Send data and let the page show it as text; or escape it with `tornado.escape.xhtml_escape()`.
"""

import ast
import re
from collections.abc import Iterator

from stormdoor.auditor.facts.calls import call_at
from stormdoor.auditor.facts.places import last_name
from stormdoor.auditor.facts.sinks import reaching, sunk
from stormdoor.auditor.interpreter.events import Event
from stormdoor.auditor.judging.endpoint import Endpoint
from stormdoor.auditor.rule import Found, rule
from stormdoor.report.finding import Confidence, Level

__all__ = ["RULE"]

_TAG = re.compile(r"</?(b|i|p|div|span|li|a|img|td|tr|h\d|strong|em|br|code|pre|script)\b[^<]*>")
_LINKS = frozenset({"query", "url", "answer", "found", "cookie"})


def _check(endpoint: Endpoint) -> Iterator[Found]:
    for event in reaching(endpoint, 0, ("message",), "handler.write_message", ".write_message"):
        if not isinstance(event.node, ast.Call) or not event.node.args or _is_an_echo(event):
            continue
        call = call_at(endpoint.project, event.module, event.node)
        if _is_html(call.literal(event.node.args[0])):
            yield sunk(endpoint, event, "What the client sends stands between tags, unescaped.")


def _is_an_echo(event: Event) -> bool:
    """Whether it only goes back to whoever sent it. What is in an address may be another's link."""
    return event.text == "handler.write_message" and not event.labels & _LINKS


def _is_html(node: ast.expr) -> bool:
    """Whether a text is put together from tags and something that nothing escapes."""
    made = [
        one
        for one in ast.walk(node)
        if isinstance(one, ast.JoinedStr | ast.BinOp)
        or (isinstance(one, ast.Call) and last_name(one) == "format")
    ]
    for one in made:
        parts = list(ast.walk(one))
        if any(isinstance(part, ast.Call) and _escapes(last_name(part)) for part in parts):
            continue
        if any(
            isinstance(part, ast.Constant)
            and isinstance(part.value, str)
            and _TAG.search(part.value)
            for part in parts
        ):
            return True
    return False


def _escapes(name: str) -> bool:
    return any(word in name.lower() for word in ("escape", "clean", "sanit", "linkify", "markup"))


RULE = rule(
    __doc__,
    id="SD511",
    slug="html-from-message",
    level=Level.WARNING,
    confidence=Confidence.MEDIUM,
    group="messages",
    cwe=(79,),
    asvs=("1.2.1",),
    threat="message-injection",
    on_endpoint=_check,
)
