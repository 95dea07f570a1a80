"""A message that is used as it comes.

What:
    `on_message()` decodes a message and uses its fields; nothing on the way checks types,
    sizes or that they are there.

Why:
    Fields are missing, are lists instead of text, are a megabyte long or nested. What follows
    was not written for them.

Example:
    def on_message(self, message):
        data = json.loads(message)
        self.rename(data["name"])

Instead:
    def on_message(self, message):
        data = msgspec.json.decode(message, type=Rename)
        self.rename(data.name)

Fix:
    Decode into a type that says what each field may be, and refuse everything else.
"""

import ast
from collections.abc import Iterator

from stormdoor.auditor.facts.applications import is_left_over
from stormdoor.auditor.facts.places import functions_of, last_name, scopes_of, subject_of
from stormdoor.auditor.interpreter.events import Stage
from stormdoor.auditor.judging.endpoint import Endpoint
from stormdoor.auditor.naming.words import words
from stormdoor.auditor.rule import Found, rule
from stormdoor.report.finding import Check, Confidence, Level

__all__ = ["RULE"]

_DECODERS = (
    "json.loads",
    "tornado.escape.json_decode",
    "ujson.loads",
    "simplejson.loads",
    "orjson.loads",
    "msgpack.unpackb",
    "rapidjson.loads",
)
_CHECKS = words(
    """
    check_type check_types convert from_dict fullmatch is_valid isinstance issubset match
    model_validate model_validate_json parse_obj parse_raw structure type validate validate_json
    validate_python
    """
)


def _check(endpoint: Endpoint) -> Iterator[Found]:
    decoded = [
        event
        for event in endpoint.calls(*_DECODERS, stages=(Stage.MESSAGE, Stage.LATER))
        if "message" in event.labels and event.module.inside
    ]
    if not decoded:
        return
    for _, function in functions_of(endpoint):
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and any(
                word in last_name(node).lower() for word in ("valid", "schema")
            ):
                return
            if isinstance(node, ast.Call) and last_name(node) in _CHECKS:
                return
    if is_left_over(endpoint):
        return
    event = decoded[0]
    yield Found(
        event.module,
        event.node,
        f"What {endpoint.info.name} decodes here is used as it comes.",
        steps=endpoint.steps(event),
        subject=subject_of(event.module, scopes_of(event.module, event.node)),
    )


RULE = rule(
    __doc__,
    id="SD501",
    slug="unvalidated-message",
    level=Level.NOTE,
    confidence=Confidence.MEDIUM,
    group="messages",
    cwe=(20,),
    asvs=("2.2.1",),
    threat="message-injection",
    check=Check.VALIDATION,
    on_endpoint=_check,
)
