"""An object that the message names is used without checking that the client may have it.

What:
    The program knows the owners of its objects: it compares the object's owner or members with the user,
    looks objects up by the user, or notes the user when it makes one. An action changes or reads an object
    that the message or the address names. This check is missing there, or it is on another object, comes
    later, or its answer is ignored. A program that tells no users apart is not judged.

Why:
    A client sends the id of an object that belongs to another user.

Example:
    class Orders(WebSocketHandler):
        def on_message(self, message):
            data = json.loads(message)
            order = orders[data["order"]]
            if data["do"] == "show":
                if order.owner != self.current_user:
                    return
                self.write_message(order.text)
            elif data["do"] == "cancel":
                order.cancel()

Instead:
    class Orders(WebSocketHandler):
        def on_message(self, message):
            data = json.loads(message)
            order = orders[data["order"]]
            if order.owner != self.current_user:
                return
            if data["do"] == "show":
                self.write_message(order.text)
            elif data["do"] == "cancel":
                order.cancel()

Fix:
    Look it up among the user's own, or compare its owner with `self.current_user`.
"""

from collections.abc import Iterator

from stormdoor_audit.auditor.judging.distinctions import distinctions_of
from stormdoor_audit.auditor.judging.endpoint import Endpoint
from stormdoor_audit.auditor.judging.explaining import KNOWN, explained
from stormdoor_audit.auditor.rule import Found, rule
from stormdoor_audit.report.finding import Check, Confidence, Level

__all__ = ["RULE"]


def _check(endpoint: Endpoint) -> Iterator[Found]:
    if endpoint.authentication.kind not in KNOWN:
        return
    for fault in distinctions_of(endpoint).faults:
        if not fault.proof.of_role:
            event = fault.effect.event
            yield Found(
                event.module,
                event.node,
                explained(endpoint, fault),
                steps=endpoint.steps(fault.proof.event, event),
            )


RULE = rule(
    __doc__,
    id="SD303",
    slug="object-without-ownership",
    level=Level.ERROR,
    confidence=Confidence.MEDIUM,
    group="object authorization",
    cwe=(639,),
    asvs=("8.2.2",),
    threat="privilege-escalation",
    check=Check.AUTHORIZATION,
    on_endpoint=_check,
)
