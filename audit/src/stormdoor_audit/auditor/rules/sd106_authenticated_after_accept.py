"""`@authenticated` on a method that runs after the 101.

What:
    `tornado.web.authenticated` decorates `open()`, `on_message()` or another method that Tornado calls
    after it has accepted the connection.

Why:
    The decorator answers with a redirect or a 403, which cannot be sent after the 101. It raises
    instead, and the connection ends without a close code for the client. On a coroutine that is not
    awaited it has no effect.

Example:
    class Chat(WebSocketHandler):
        @authenticated
        def open(self):
            clients.add(self)

Instead:
    class Chat(WebSocketHandler):
        @authenticated
        def get(self, *args, **kwargs):
            return super().get(*args, **kwargs)

Fix:
    Decorate `get()` and call `super().get()` there.
"""

import ast
from collections.abc import Iterator

from stormdoor_audit.auditor.judging.endpoint import Endpoint
from stormdoor_audit.auditor.reading.project import External
from stormdoor_audit.auditor.rule import Found, rule
from stormdoor_audit.report.finding import Check, Confidence, Level

__all__ = ["RULE"]

_LATE = ("open", "on_message", "on_close", "on_ping", "on_pong", "on_connection_close")


def _check(endpoint: Endpoint) -> Iterator[Found]:
    for name in _LATE:
        method = endpoint.method(name)
        if method is None or not isinstance(method.node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for decorator in method.node.decorator_list:
            for meaning in endpoint.project.resolve(method.module, decorator):
                if meaning == External("tornado.web.authenticated"):
                    yield Found(
                        method.module,
                        decorator,
                        f"@authenticated on {name}() of {endpoint.info.name} runs after the 101.",
                    )


RULE = rule(
    __doc__,
    id="SD106",
    slug="authenticated-after-accept",
    level=Level.WARNING,
    confidence=Confidence.HIGH,
    group="weak authentication",
    cwe=(696,),
    asvs=("4.4.3",),
    threat="direct-connection",
    check=Check.AUTHENTICATION,
    on_endpoint=_check,
)
