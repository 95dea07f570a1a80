"""Connections without number.

What:
    `open()` puts the connection into a collection, and nothing on the way looks how many are
    in it.

Why:
    One client opens connections until memory or file descriptors are used up, and every
    broadcast takes longer.

Example:
    def open(self):
        clients.add(self)

Instead:
    def open(self):
        if len(clients) >= 1000:
            self.close(1013, "full")
            return
        clients.add(self)

Fix:
    Count connections, in all, for each principal and for each address; refuse in `prepare()`
    with 503.
"""

import ast
from collections.abc import Iterator

from stormdoor.auditor.facts.applications import is_left_over
from stormdoor.auditor.facts.places import functions_of, last_name, scopes_of, subject_of
from stormdoor.auditor.interpreter.events import Stage
from stormdoor.auditor.judging.endpoint import Endpoint
from stormdoor.auditor.naming.lexicon import words_of
from stormdoor.auditor.rule import Found, rule
from stormdoor.report.finding import Check, Confidence, Level

__all__ = ["RULE"]

_ADDERS = frozenset({"add", "append"})
_COUNTS = frozenset(
    {"count", "max", "limit", "limits", "full", "capacity", "quota", "semaphore", "total"}
)


def _check(endpoint: Endpoint) -> Iterator[Found]:
    for event in endpoint.member.events:
        if event.kind != "join" or event.stage != Stage.OPEN or not event.module.inside:
            continue
        node = event.node
        if not isinstance(node, ast.Call) or last_name(node) not in _ADDERS:
            continue
        if not (len(node.args) == 1 and isinstance(node.args[0], ast.Name)) or _is_counted(
            endpoint
        ):
            continue
        if is_left_over(endpoint):
            return
        yield Found(
            event.module,
            node,
            f"Nothing limits how many connections of {endpoint.info.name} there are.",
            subject=subject_of(event.module, scopes_of(event.module, node)),
        )
        return


def _is_counted(endpoint: Endpoint) -> bool:
    for _, function in functions_of(endpoint):
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and last_name(node) == "len":
                return True
            if isinstance(node, ast.Name | ast.Attribute) and _COUNTS & set(
                words_of(last_name(node))
            ):
                return True
    return False


RULE = rule(
    __doc__,
    id="SD604",
    slug="unbounded-connections",
    level=Level.NOTE,
    confidence=Confidence.LOW,
    group="limits",
    cwe=(770,),
    asvs=("15.2.2",),
    threat="connection-flood",
    check=Check.LIMITS,
    on_endpoint=_check,
)
