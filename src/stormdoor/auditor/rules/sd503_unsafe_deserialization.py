"""Objects from a message.

What:
    Something that the client sent goes to `pickle`, `marshal`, `dill` or `jsonpickle`.

Why:
    A pickle is a program. Reading one runs it, before anything can be checked.

Example:
    state = pickle.loads(message)

Instead:
    state = json.loads(message)

Fix:
    Use JSON, or another format that holds only data.
"""

from collections.abc import Iterator

from stormdoor.auditor.facts.sinks import reaching, sunk
from stormdoor.auditor.judging.endpoint import Endpoint
from stormdoor.auditor.rule import Found, rule
from stormdoor.report.finding import Check, Confidence, Level

__all__ = ["RULE"]

_SINKS = (
    "pickle.loads",
    "pickle.load",
    "pickle.Unpickler",
    "_pickle.loads",
    "cPickle.loads",
    "dill.loads",
    "cloudpickle.loads",
    "marshal.loads",
    "jsonpickle.decode",
    "jsonpickle.loads",
    "joblib.load",
    "shelve.open",
    "pandas.read_pickle",
    "torch.load",
)


def _check(endpoint: Endpoint) -> Iterator[Found]:
    for event in reaching(endpoint, 0, (), *_SINKS):
        yield sunk(endpoint, event, f"What the client sends is unpickled by {event.text}().")


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
