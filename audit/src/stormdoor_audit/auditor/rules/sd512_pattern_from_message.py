"""A regular expression from a message.

What:
    The server compiles text of the client as a regular expression.

Why:
    `(a+)+$` and a text that almost matches block the server's thread for years.

Example:
    re.search(data["filter"], text)

Instead:
    re.search(re.escape(data["filter"]), text)

Fix:
    Search for the text as it is (`in`), or escape it with `re.escape()`.
"""

from collections.abc import Iterator

from stormdoor_audit.auditor.facts.sinks import reaching, sunk
from stormdoor_audit.auditor.judging.endpoint import Endpoint
from stormdoor_audit.auditor.rule import Found, rule
from stormdoor_audit.report.finding import Check, Confidence, Level

__all__ = ["RULE"]

_PATTERNS = tuple(
    f"re.{name}"
    for name in ("search", "match", "fullmatch", "compile", "sub", "findall", "finditer", "split")
)


def _check(endpoint: Endpoint) -> Iterator[Found]:
    for event in reaching(endpoint, 0, ("pattern",), *_PATTERNS):
        if "re.escape" not in event.module.source(event.node):
            yield sunk(
                endpoint, event, f"The client chooses the regular expression of {event.text}()."
            )


RULE = rule(
    __doc__,
    id="SD512",
    slug="pattern-from-message",
    level=Level.ERROR,
    confidence=Confidence.HIGH,
    group="messages",
    cwe=(1333,),
    asvs=("1.3.12",),
    threat="message-injection",
    check=Check.VALIDATION,
    on_endpoint=_check,
)
