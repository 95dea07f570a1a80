"""Code from a message.

What:
    The server passes data of the client to `eval()`, `exec()` or `compile()`, or imports a module that
    the client names.

Why:
    The client runs any code with the rights of the server.

Example:
    def on_message(self, message):
        self.write_message(str(eval(message)))

Instead:
    def on_message(self, message):
        self.write_message(str(OPERATIONS[message]()))

Fix:
    Look the operation up in a dictionary of allowed operations; read literals with
    `ast.literal_eval()` or `json.loads()`.
"""

import ast
from collections.abc import Iterator

from stormdoor_audit.auditor.facts.arguments import given_at
from stormdoor_audit.auditor.facts.pieces import Pieces
from stormdoor_audit.auditor.facts.sinks import is_called, reaching, sunk
from stormdoor_audit.auditor.interpreter.events import Event
from stormdoor_audit.auditor.judging.endpoint import Endpoint
from stormdoor_audit.auditor.naming.words import words
from stormdoor_audit.auditor.rule import Found, rule
from stormdoor_audit.report.finding import Check, Confidence, Level

__all__ = ["RULE"]

_SINKS = words(
    """
    eval exec compile builtins.eval builtins.exec __import__ importlib.import_module
    runpy.run_path
    """
)
_IMPORTS = frozenset({"__import__", "importlib.import_module"})


def _check(endpoint: Endpoint) -> Iterator[Found]:
    spelling = Pieces(endpoint)
    for event in reaching(endpoint, 0, (), *_SINKS):
        if event.text in _IMPORTS and _is_within_a_package(spelling, event):
            continue
        yield sunk(
            endpoint, event, f"Data of the client reaches {event.text}(), which runs it as code."
        )


def _is_within_a_package(spelling: Pieces, event: Event) -> bool:
    """`import_module("plugins." + name)`: only modules that the package was given can be named."""
    named = given_at(event, 0, "name")
    if named is None or not is_called(event):
        return False
    first, _ = next(spelling.pieces(event, named), (None, True))
    match first:
        case ast.Constant(value=str() as text):
            return "." in text
        case _:
            return False


RULE = rule(
    __doc__,
    id="SD502",
    slug="code-from-message",
    level=Level.ERROR,
    confidence=Confidence.HIGH,
    group="messages",
    cwe=(95, 94),
    asvs=("1.3.2",),
    threat="message-injection",
    check=Check.VALIDATION,
    on_endpoint=_check,
)
