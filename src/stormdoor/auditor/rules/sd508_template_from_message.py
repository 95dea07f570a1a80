"""A template from a message.

What:
    Text that the client sent becomes the source of a template.

Why:
    Templates run code: `{{ handler.settings }}` or `{% import os %}` in a message is run by
    the server.

Example:
    html = Template(message).generate()

Instead:
    html = PAGE.generate(text=message)

Fix:
    Keep templates in files, and give what the client sent to them as a value.
"""

from collections.abc import Iterator

from stormdoor.auditor.facts.sinks import reaching, sunk
from stormdoor.auditor.judging.endpoint import Endpoint
from stormdoor.auditor.rule import Found, rule
from stormdoor.report.finding import Check, Confidence, Level

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
        yield sunk(
            endpoint, event, f"What the client sends is the source of a template: {event.text}()."
        )


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
