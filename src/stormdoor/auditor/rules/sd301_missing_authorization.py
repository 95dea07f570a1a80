"""Whoever is let in may do everything with everything.

What:
    The endpoint knows who its client is, the client chooses what is acted upon (a document, a room, a
    kernel, by the address or by a message), and nothing asks whether this client may. Or it knows
    nobody, and a message picks the program, the script or the procedure that is run, the object that is
    changed, the device that is switched, or the one who is spoken to; or the address names what whoever
    connects joins, is sent or works on.

Why:
    Any user reads and changes what belongs to another: one login opens everything.

Example:
    class Document(WebSocketHandler):
        @authenticated
        def get(self, *args, **kwargs):
            return super().get(*args, **kwargs)

        def open(self, name):
            documents.open(name).add(self)

Instead:
    class Document(WebSocketHandler):
        @authenticated
        def get(self, name):
            if not may_read(self.current_user, name):
                raise HTTPError(403)
            return super().get(name)

    class Kernel(JupyterHandler, WebSocketHandler):  # its base has an authorizer: ask that one
        @authenticated
        async def get(self, name):
            if not await self.authorizer.is_authorized(self, self.current_user, "read", "kernels"):
                raise HTTPError(403)
            await super().get(name)

    class Guarded(GuardedHandler):  # stormdoor asks a policy at each message
        @action("document:read", resource=lambda read: ("document", read.name))
        async def on_read(self, read: Read):
            await self.show(read.name)

Fix:
    Ask before the object is used: `if not may_read(self.current_user, name): raise HTTPError(403)`; where the
    base has an authorizer, ask it; with stormdoor, `@action("document:read", resource=...)` and a policy.
"""

from collections.abc import Iterator

from stormdoor.auditor.facts.picked import is_called, is_meant
from stormdoor.auditor.interpreter.events import Event
from stormdoor.auditor.judging.addressed import addressed_by_anybody
from stormdoor.auditor.judging.asking import Asking
from stormdoor.auditor.judging.authorization import unasked_authorizer, unasked_objects
from stormdoor.auditor.judging.commands import commands_of_anybody
from stormdoor.auditor.judging.deeds import deeds_of_anybody
from stormdoor.auditor.judging.endpoint import Endpoint
from stormdoor.auditor.judging.placed import is_for_some_addresses
from stormdoor.auditor.rule import Found, rule
from stormdoor.report.finding import Check, Confidence, Level

__all__ = ["RULE"]

_KNOWN = frozenset({"guarded", "after-accept", "frames-pass", "skippable"})
_NOBODY = frozenset({"missing", "swallowed", "ignored"})
"""Where anybody is let in, it is the command of a message that needs a permission."""
_DEEDS = frozenset({"act", "join", "store"})


def _check(endpoint: Endpoint) -> Iterator[Found]:
    kind = endpoint.authentication.kind
    authorizer = unasked_authorizer(endpoint) if kind in _KNOWN | {"presumed"} else ""
    if authorizer:
        yield Found(
            endpoint.module,
            endpoint.node,
            f"{endpoint.info.name} knows who its client is, and never asks {authorizer} whether this "
            "client may.",
        )
        return
    if kind in _NOBODY:
        yield from _done_for_anybody(endpoint)
    if kind not in _KNOWN:
        return
    used = unasked_objects(endpoint)
    if used:
        event = used[0]
        yield Found(
            event.module,
            event.node,
            f"{endpoint.info.name} acts on what its client chooses ({event.text}), and nothing asks "
            "whether this client may.",
            steps=endpoint.steps(event),
        )
    elif not (asking := Asking(endpoint)).anything:
        for event in _picked(endpoint, asking, _DEEDS):
            yield Found(
                event.module,
                event.node,
                f"The client of {endpoint.info.name} picks what is run ({event.text}), and nothing asks "
                "whether it may.",
                steps=endpoint.steps(event),
                level=Level.WARNING,
                confidence=Confidence.LOW,
            )
            return


def _done_for_anybody(endpoint: Endpoint) -> Iterator[Found]:
    """The first thing that whoever connects may have done, the worst kind first."""
    for picks, events in (
        ("picks what is run", commands_of_anybody),
        ("says to what this is done", deeds_of_anybody),
        ("names in the address to what this is done", addressed_by_anybody),
        ("picks what is run", _picked_by_anybody),
    ):
        for event in events(endpoint):
            if is_for_some_addresses(endpoint, event):
                continue
            yield Found(
                event.module,
                event.node,
                f"Whoever connects to {endpoint.info.name} {picks} ({event.text}), and nothing asks "
                "whether it may.",
                steps=endpoint.steps(event),
            )
            return


def _picked_by_anybody(endpoint: Endpoint) -> Iterator[Event]:
    return _picked(endpoint, Asking(endpoint), _DEEDS | {"send"})


def _picked(endpoint: Endpoint, asking: Asking, kinds: frozenset[str]) -> Iterator[Event]:
    """Where the client names which of what is meant for it is called, and that does something."""
    for event in [*endpoint.member.events, *endpoint.anonymous.events]:
        if (
            event.kind in {"dispatch", "picks"}
            and is_meant(event)
            and is_called(event)
            and asking.acts_after(event, kinds=kinds)
        ):
            yield event


RULE = rule(
    __doc__,
    id="SD301",
    slug="missing-authorization",
    level=Level.ERROR,
    confidence=Confidence.MEDIUM,
    group="missing authorization",
    cwe=(862, 639),
    asvs=("8.2.1", "8.2.2"),
    threat="privilege-escalation",
    check=Check.AUTHORIZATION,
    on_endpoint=_check,
)
