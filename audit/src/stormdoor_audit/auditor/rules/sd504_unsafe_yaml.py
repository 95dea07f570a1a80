"""YAML from a message, with Python objects.

What:
    The server reads data of the client with `yaml.load()` and a loader that makes Python objects.

Why:
    The server runs a command while it reads a document such as `!!python/object/apply:os.system`.

Example:
    config = yaml.load(message, Loader=yaml.Loader)

Instead:
    config = yaml.safe_load(message)

Fix:
    Use `yaml.safe_load()`.
"""

from collections.abc import Iterator

from stormdoor_audit.auditor.facts.sinks import argument, reaching, sunk
from stormdoor_audit.auditor.interpreter.values import Named, text_of
from stormdoor_audit.auditor.judging.endpoint import Endpoint
from stormdoor_audit.auditor.rule import Found, rule
from stormdoor_audit.report.finding import Check, Confidence, Level

__all__ = ["RULE"]

_LOADERS = ("yaml.load", "yaml.load_all", "yaml.unsafe_load", "yaml.unsafe_load_all")


def _check(endpoint: Endpoint) -> Iterator[Found]:
    for event in reaching(endpoint, 0, ("stream",), *_LOADERS):
        loader = argument(event, 1, "Loader")
        name = text_of(loader) if loader is not None else ""
        if loader is not None and (
            "Safe" in name or "Base" in name or not isinstance(loader, Named)
        ):
            continue
        yield sunk(endpoint, event, "This loader makes Python objects from data of the client.")


RULE = rule(
    __doc__,
    id="SD504",
    slug="unsafe-yaml",
    level=Level.ERROR,
    confidence=Confidence.HIGH,
    group="messages",
    cwe=(502,),
    asvs=("1.5.2",),
    threat="message-injection",
    check=Check.VALIDATION,
    on_endpoint=_check,
)
