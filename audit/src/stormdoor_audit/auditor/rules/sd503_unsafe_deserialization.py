"""Unsafe deserialization of a message.

What:
    The server reads data of the client with `pickle`, `marshal`, `dill` or `jsonpickle`.

Why:
    A pickle is a program. The server runs it while it reads it, before any check.

Example:
    state = pickle.loads(message)

Instead:
    state = json.loads(message)

Fix:
    Use JSON, or another format that holds only data.
"""

import re
from collections.abc import Iterator

from stormdoor_audit.auditor.facts.sinks import argument, reaching, sunk
from stormdoor_audit.auditor.interpreter.events import Event
from stormdoor_audit.auditor.interpreter.values import text_of
from stormdoor_audit.auditor.judging.endpoint import Endpoint
from stormdoor_audit.auditor.naming.words import words
from stormdoor_audit.auditor.rule import Found, rule
from stormdoor_audit.report.finding import Check, Confidence, Level

__all__ = ["RULE"]

_SINKS = words(
    """
    pickle.loads pickle.load pickle.Unpickler _pickle.loads cPickle.loads dill.loads
    cloudpickle.loads marshal.loads jsonpickle.decode jsonpickle.loads joblib.load
    shelve.open pandas.read_pickle torch.load
    """
)
_FILE = re.compile(r"(?:io\.|gzip\.|bz2\.|lzma\.)?open\(")


def _check(endpoint: Endpoint) -> Iterator[Found]:
    for event in reaching(endpoint, 0, (), *_SINKS):
        if _is_of_a_file(event):
            continue
        yield sunk(endpoint, event, f"{event.text}() deserializes data of the client.")


def _is_of_a_file(event: Event) -> bool:
    """Return whether the client chooses at most the file that is read, and not its content."""
    given = argument(event, 0)
    return given is not None and _FILE.match(text_of(given)) is not None


RULE = rule(
    __doc__,
    id="SD503",
    slug="unsafe-deserialization",
    level=Level.ERROR,
    confidence=Confidence.HIGH,
    group="messages",
    cwe=(502,),
    asvs=("1.5.2",),
    threat="message-injection",
    check=Check.VALIDATION,
    on_endpoint=_check,
)
