"""A template from a message.

What:
    The server compiles text of the client as a template.

Why:
    Templates contain code: the server runs `{{ handler.settings }}` or `{% import os %}` from a message.

Example:
    html = Template(message).generate()

Instead:
    html = PAGE.generate(text=message)

Fix:
    Keep templates in files, and pass data of the client as values.
"""

from collections.abc import Iterator

from stormdoor_audit.auditor.facts.sinks import reaching, sunk
from stormdoor_audit.auditor.judging.endpoint import Endpoint
from stormdoor_audit.auditor.rule import Found, rule
from stormdoor_audit.report.finding import Check, Confidence, Level

__all__ = ["RULE"]

_SINKS = (
    "tornado.template.Template",
    "jinja2.Template",
    ".from_string",
    "mako.template.Template",
)


def _check(endpoint: Endpoint) -> Iterator[Found]:
    for event in reaching(endpoint, 0, (), *_SINKS):
        if event.text.endswith("Key.from_string"):
            continue  # `VerifyingKey.from_string()` reads a key, and renders nothing
        yield sunk(endpoint, event, f"{event.text}() compiles text of the client as a template.")


RULE = rule(
    __doc__,
    id="SD508",
    slug="template-from-message",
    level=Level.ERROR,
    confidence=Confidence.HIGH,
    group="messages",
    cwe=(1336,),
    asvs=("1.3.7",),
    threat="message-injection",
    check=Check.VALIDATION,
    on_endpoint=_check,
)
