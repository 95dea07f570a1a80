"""HTML with data of a message.

What:
    The server puts text of a client between HTML tags, unescaped, and sends it to other clients.

Why:
    `<img src=x onerror=...>` in a message runs in the browser of every client that receives it.

Example:
    for client in clients:
        client.write_message(f"<b>{data['text']}</b>")

Instead:
    for client in clients:
        client.write_message(f"<b>{xhtml_escape(data['text'])}</b>")

Fix:
    Send data that the page shows as text; or escape it with `tornado.escape.xhtml_escape()`.
"""

import ast
import re
from collections.abc import Iterator

from stormdoor_audit.auditor.facts.calls import call_at
from stormdoor_audit.auditor.facts.places import last_name
from stormdoor_audit.auditor.facts.sinks import reaching, sunk
from stormdoor_audit.auditor.facts.spelling import Spelling
from stormdoor_audit.auditor.interpreter.events import Event
from stormdoor_audit.auditor.judging.endpoint import Endpoint
from stormdoor_audit.auditor.rule import Found, rule
from stormdoor_audit.report.finding import Confidence, Level

__all__ = ["RULE"]

_TAG = re.compile(r"</?(b|i|p|div|span|li|a|img|td|tr|h\d|strong|em|br|code|pre|script)\b[^<]*>")
_LINKS = frozenset({"query", "url", "answer", "found", "cookie"})


def _check(endpoint: Endpoint) -> Iterator[Found]:
    spelling = Spelling(endpoint)
    for event in reaching(endpoint, 0, ("message",), "handler.write_message", ".write_message"):
        if not isinstance(event.node, ast.Call) or not event.node.args or _is_an_echo(event):
            continue
        call = call_at(endpoint.project, event.module, event.node)
        if _is_html(spelling, event, call.literal(event.node.args[0])):
            yield sunk(endpoint, event, "Text of the client stands between HTML tags, unescaped.")


def _is_an_echo(event: Event) -> bool:
    """Return whether a text goes only to its sender. A URL may be a link of an attacker."""
    return event.text == "handler.write_message" and not event.labels & _LINKS


def _is_html(spelling: Spelling, event: Event, node: ast.expr) -> bool:
    """Return whether a text consists of tags and an unescaped value."""
    for one in ast.walk(node):
        fillings = list(_fillings(one))
        if not any(_escapes(filling) for filling in fillings):
            raw = bool(fillings)
        else:
            raw = any(
                not _escapes(filling) and spelling.is_free(event, filling) for filling in fillings
            )
        if raw and any(
            isinstance(part, ast.Constant)
            and isinstance(part.value, str)
            and _TAG.search(part.value)
            for part in ast.walk(one)
        ):
            return True
    return False


def _fillings(node: ast.AST) -> Iterator[ast.expr]:
    """Yield the values that a text contains beside its literals."""
    match node:
        case ast.JoinedStr(values=values):
            yield from (one.value for one in values if isinstance(one, ast.FormattedValue))
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            for one in (left, right):
                if isinstance(one, ast.BinOp | ast.JoinedStr):
                    yield from _fillings(one)
                elif not isinstance(one, ast.Constant):
                    yield one
        case ast.BinOp(op=ast.Mod(), right=right):
            match right:
                case ast.Tuple(elts=given):
                    yield from given
                case ast.Dict(values=given):
                    yield from given
                case _:
                    yield right
        case ast.Call(func=ast.Attribute(attr="format"), args=args, keywords=keywords):
            yield from args
            yield from (one.value for one in keywords)
        case _:
            pass


def _escapes(node: ast.expr) -> bool:
    return any(
        isinstance(part, ast.Call)
        and any(
            word in last_name(part).lower()
            for word in ("escape", "clean", "sanit", "linkify", "markup")
        )
        for part in ast.walk(node)
    )


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
