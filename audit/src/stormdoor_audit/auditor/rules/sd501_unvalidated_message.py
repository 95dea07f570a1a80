"""A message without validation.

What:
    `on_message()` decodes a message and uses its fields without checking their presence, types or
    sizes.

Why:
    An attacker leaves fields out, or sends lists in place of text, a megabyte, or deep nesting. The code
    that follows is not written for them.

Example:
    def on_message(self, message):
        data = json.loads(message)
        self.rename(data["name"])

Instead:
    def on_message(self, message):
        data = msgspec.json.decode(message, type=Rename)
        self.rename(data.name)

Fix:
    Decode into a type that defines each field, and refuse every other message.
"""

import ast
from collections.abc import Iterator

from stormdoor_audit.auditor.classes.callers import FunctionDefinition
from stormdoor_audit.auditor.facts.applications import is_left_over
from stormdoor_audit.auditor.facts.places import functions_of, last_name, scopes_of, subject_of
from stormdoor_audit.auditor.interpreter.events import Event, Stage
from stormdoor_audit.auditor.judging.endpoint import Endpoint
from stormdoor_audit.auditor.naming.words import words
from stormdoor_audit.auditor.rule import Found, rule
from stormdoor_audit.report.finding import Check, Confidence, Level

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
    check_type check_types convert from_dict fullmatch is_valid issubset match model_validate
    model_validate_json parse_obj parse_raw structure validate validate_json validate_python
    """
)
_RAW = frozenset({"bytes", "bytearray", "memoryview"})
"""Types of a message before it is decoded."""
_MAKERS = frozenset({"__init__", "initialize"})
"""Methods that run before the first message."""


def _check(endpoint: Endpoint) -> Iterator[Found]:
    decoded = [
        event
        for event in endpoint.calls(*_DECODERS, stages=(Stage.MESSAGE, Stage.LATER))
        if "message" in event.labels and event.module.inside and not _is_only_compared(event)
    ]
    if not decoded:
        return
    if any(_checks(function) for _, function in functions_of(endpoint)) or is_left_over(endpoint):
        return
    event = decoded[0]
    yield Found(
        event.module,
        event.node,
        f"{endpoint.info.name} uses the decoded message without validation.",
        steps=endpoint.steps(event),
        subject=subject_of(event.module, scopes_of(event.module, event.node)),
    )


def _is_only_compared(event: Event) -> bool:
    """Return whether the message is only compared with words and shown in texts."""
    for function in scopes_of(event.module, event.node)[-1:]:
        names: set[str] = set()
        used: set[ast.AST] = set()
        harmless: set[ast.AST] = set()
        for node in ast.walk(function):
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=value) if value is event.node:
                    names.add(name)
                case ast.Name(ctx=ast.Load()):
                    used.add(node)
                case ast.Compare() | ast.JoinedStr() | ast.BinOp(op=ast.Mod()):
                    harmless.update(ast.walk(node))
                case ast.Match(subject=subject):
                    harmless.update(ast.walk(subject))
                case _:
                    pass
        # The call that decodes may take what has the same name.
        taken = set(ast.walk(event.node))
        rest = {one for one in used - taken if isinstance(one, ast.Name) and one.id in names}
        return bool(rest) and rest <= harmless
    return False


def _checks(function: FunctionDefinition) -> bool:
    """Return whether a node inspects the form of a value that may be from a message."""
    others = {"self", "cls"}
    others |= {
        one.name for one in ast.walk(function) if isinstance(one, ast.ExceptHandler) and one.name
    }
    for node in ast.walk(function):
        match node:
            case ast.Call(func=ast.Name(id="type" | "isinstance"), args=[what, *kinds]):
                about = {
                    one.id for kind in kinds for one in ast.walk(kind) if isinstance(one, ast.Name)
                }
                if (
                    last_name(what) not in others
                    and not (about and about <= _RAW)
                    and function.name not in _MAKERS
                ):
                    return True
            case ast.Call() if last_name(node) in _CHECKS or any(
                word in last_name(node).lower() for word in ("valid", "schema")
            ):
                return True
            case _:
                pass
    return False


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
