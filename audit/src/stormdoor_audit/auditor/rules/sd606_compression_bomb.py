"""Compression without a message size limit.

What:
    `get_compression_options()` turns compression on, and `websocket_max_message_size` is not set: a
    message may inflate to 10 MiB.

Why:
    Ten kilobytes from the client become ten megabytes on the server with each message, and block its
    thread while it inflates them.

Example:
    def get_compression_options(self):
        return {}

Instead:
    def get_compression_options(self):
        return {"compression_level": 1, "mem_level": 4}

    app = Application([("/chat", Chat)], websocket_max_message_size=64 * 1024)

Fix:
    Set `websocket_max_message_size`, which counts the inflated message; or leave compression
    off, as Tornado does.
"""

import ast
from collections.abc import Iterator

from stormdoor_audit.auditor.facts.applications import applications, setting
from stormdoor_audit.auditor.judging.endpoint import Endpoint
from stormdoor_audit.auditor.rule import Found, rule
from stormdoor_audit.report.finding import Check, Confidence, Level

__all__ = ["RULE"]

_LIMIT = "websocket_max_message_size"


def _check(endpoint: Endpoint) -> Iterator[Found]:
    method = endpoint.method("get_compression_options")
    if method is None or not isinstance(method.node, ast.FunctionDef) or not method.module.inside:
        return
    made = applications(endpoint)
    if made and all(setting(one, _LIMIT) is not False for one in made):
        return
    if not made and _LIMIT in endpoint.project.settings:
        return
    if endpoint.method("max_message_size") is not None:
        return
    for node in ast.walk(method.node):
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Dict):
            yield Found(
                method.module,
                node,
                "The server inflates messages to 10 MiB: websocket_max_message_size is not set.",
                subject=method.owner.qualname,
            )


RULE = rule(
    __doc__,
    id="SD606",
    slug="compression-bomb",
    level=Level.WARNING,
    confidence=Confidence.MEDIUM,
    group="limits",
    cwe=(409,),
    asvs=("15.2.2",),
    threat="message-flood",
    check=Check.LIMITS,
    on_endpoint=_check,
)
