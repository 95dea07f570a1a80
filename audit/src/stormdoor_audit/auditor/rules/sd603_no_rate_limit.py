"""Messages without a rate limit.

What:
    `on_message()` handles every message, and no code counts them.

Why:
    One client sends thousands of messages a second. Each costs a query, a broadcast or a log line, and
    the other clients wait.

Example:
    def on_message(self, message):
        save(message)

Instead:
    def on_message(self, message):
        if not self.bucket.take():
            self.close(1008, "too fast")
            return
        save(message)

Fix:
    Limit the rate with a token bucket for each connection and each user.
"""

import ast
from collections.abc import Iterator

from stormdoor_audit.auditor.facts.applications import is_left_over
from stormdoor_audit.auditor.facts.places import functions_of, is_test
from stormdoor_audit.auditor.interpreter.events import Stage
from stormdoor_audit.auditor.judging.endpoint import Endpoint
from stormdoor_audit.auditor.naming.lexicon import words_of
from stormdoor_audit.auditor.naming.words import words
from stormdoor_audit.auditor.rule import Found, rule
from stormdoor_audit.report.finding import Check, Confidence, Level

__all__ = ["RULE"]

_LIMITS = words(
    """
    backoff bucket budget cooldown debounce flood interval limit limiter limits quota quotas
    rate ratelimit semaphore throttle throttled throttler
    """
)


def _check(endpoint: Endpoint) -> Iterator[Found]:
    method = endpoint.method("on_message")
    if method is None or not method.module.inside or endpoint.unread() or is_test(method.module):
        return
    works = any(
        event.kind in {"act", "join"} and event.stage == Stage.MESSAGE
        for event in endpoint.member.events
    ) or any(endpoint.calls("handler.write_message", ".write_message", stages=(Stage.MESSAGE,)))
    if not works or _is_limited(endpoint) or is_left_over(endpoint):
        return
    yield Found(
        method.module,
        method.node,
        f"{method.owner.name} has no rate limit for messages.",
        subject=method.owner.qualname,
    )


def _is_limited(endpoint: Endpoint) -> bool:
    for _, function in functions_of(endpoint):
        for node in ast.walk(function):
            name = ""
            match node:
                case ast.Name(id=name) | ast.Attribute(attr=name):
                    pass
                case _:
                    continue
            if _LIMITS & set(words_of(name)):
                return True
    return False


RULE = rule(
    __doc__,
    id="SD603",
    slug="no-rate-limit",
    level=Level.NOTE,
    confidence=Confidence.LOW,
    group="limits",
    cwe=(770,),
    asvs=("2.4.1",),
    threat="message-flood",
    check=Check.LIMITS,
    on_endpoint=_check,
)
