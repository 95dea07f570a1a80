"""Plain HTTP on all addresses.

What:
    The server listens without TLS, and not only on the loopback address.

Why:
    An attacker on the network reads the tokens and cookies of every handshake, and every message,
    unless a proxy with TLS is in front.

Example:
    app.listen(8888)

Instead:
    app.listen(8888, address="127.0.0.1")

Fix:
    Listen on the loopback address behind a proxy with TLS: `address="127.0.0.1"`; or give
    `ssl_options`.
"""

import ast
from collections.abc import Iterator

from stormdoor_audit.auditor.facts.applications import initialized, is_application, serves_no_socket
from stormdoor_audit.auditor.facts.calls import Call, call_at, in_files, on_the_way
from stormdoor_audit.auditor.facts.places import is_test
from stormdoor_audit.auditor.naming.words import words
from stormdoor_audit.auditor.rule import Found, rule
from stormdoor_audit.report.finding import Confidence, Level

__all__ = ["RULE"]

_APPLICATION = "tornado.web.Application().listen"
_SERVER = words("tornado.httpserver.HTTPServer().bind tornado.httpserver.HTTPServer().listen")
_ALL = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - looked for, not bound


def _check(call: Call) -> Iterator[Found]:
    if call.hidden or is_test(call.module):
        return
    if _APPLICATION in call.names:
        if {"ssl_options", "xheaders"} & set(call.words):
            return
    elif not (call.names & _SERVER) or not _is_plain_server(call):
        return
    given = call.argument(1, "address")
    if given is None or call.text(given) in _ALL or call.constant(given) is None:
        if (served := _served(call)) is not None and serves_no_socket(served):
            return
        yield call.found("The server listens on every address without TLS.")


def _served(call: Call) -> Call | None:
    """Return the Application of a `listen` call, if this file makes it."""
    node: ast.expr | None = (
        call.node.func.value if isinstance(call.node.func, ast.Attribute) else None
    )
    for _ in range(2):
        made = call.literal(node) if node is not None else None
        if not isinstance(made, ast.Call):
            return None
        found = call_at(call.project, call.module, made)
        if is_application(found):
            return found
        if (own := initialized(found)) is not None:
            return own
        node = next(iter(made.args), None)
    return None


def _is_plain_server(call: Call) -> bool:
    """Return whether the server has no TLS, and trusts no headers of a proxy."""
    if not isinstance(call.node.func, ast.Attribute):
        return False
    made = call.literal(call.node.func.value)
    if not isinstance(made, ast.Call):
        return False
    words = {word.arg for word in made.keywords}
    return not words & {None, "ssl_options", "xheaders"} and len(made.args) < 3


RULE = rule(
    __doc__,
    id="SD611",
    slug="plaintext-listen",
    level=Level.NOTE,
    confidence=Confidence.LOW,
    group="operation",
    cwe=(319,),
    asvs=("4.4.1",),
    threat="token-theft-and-replay",
    on_endpoint=on_the_way(_check, "listen", "bind"),
    on_module=in_files(_check, "listen", "bind"),
)
