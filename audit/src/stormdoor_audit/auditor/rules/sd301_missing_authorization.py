"""An action does not check the right that the program checks elsewhere.

What:
    The program tells its users apart: an action checks a role or a right before it changes or reads a
    store. Another action does the same to the same store without this check, or its check keeps nothing
    from happening: it comes later, its answer is ignored, or it covers one branch only. Also reported: a
    base class has an authorizer, and the handler serves what the address names without asking it.
    A program that tells no users apart is not judged.

Why:
    A client without the right sends the message that is not checked.

Example:
    class Rooms(WebSocketHandler):
        def on_message(self, message):
            data = json.loads(message)
            if data["do"] == "delete":
                if not self.current_user.is_admin:
                    return
                rooms.delete(data["room"])
            elif data["do"] == "rename":
                rooms.rename(data["room"], data["name"])

Instead:
    class Rooms(WebSocketHandler):
        def on_message(self, message):
            data = json.loads(message)
            if not self.current_user.is_admin:
                return
            if data["do"] == "delete":
                rooms.delete(data["room"])
            elif data["do"] == "rename":
                rooms.rename(data["room"], data["name"])

    class Kernel(JupyterHandler, WebSocketHandler):  # its base has an authorizer: ask that one
        @authenticated
        async def get(self, name):
            if not await self.authorizer.is_authorized(self, self.current_user, "read", "kernels"):
                raise HTTPError(403)
            await super().get(name)

    class Guarded(GuardedHandler):  # stormdoor asks a policy at each message
        @action[Rename]("room:rename", resource=lambda rename: ("room", rename.room))
        async def on_rename(self, rename: Rename):
            await self.rename(rename.room, rename.name)

Fix:
    Check the right before the store is used, and return or raise if the client lacks it; where the base has
    an authorizer, ask it; with stormdoor, `@action("room:rename", resource=...)` and a policy.
"""

from collections.abc import Iterator

from stormdoor_audit.auditor.judging.authorizer import unasked_authorizer
from stormdoor_audit.auditor.judging.distinctions import distinctions_of
from stormdoor_audit.auditor.judging.endpoint import Endpoint
from stormdoor_audit.auditor.judging.explaining import KNOWN, explained
from stormdoor_audit.auditor.rule import Found, rule
from stormdoor_audit.report.finding import Check, Confidence, Level

__all__ = ["RULE"]


def _check(endpoint: Endpoint) -> Iterator[Found]:
    if endpoint.authentication.kind not in KNOWN:
        return
    authorizer = unasked_authorizer(endpoint)
    if authorizer:
        yield Found(
            endpoint.module,
            endpoint.node,
            f"The base of {endpoint.info.name} has {authorizer}, and {endpoint.info.name} serves what the "
            "address names without asking it.",
            level=Level.WARNING,
        )
        return
    for fault in distinctions_of(endpoint).faults:
        if fault.proof.of_role:
            event = fault.effect.event
            yield Found(
                event.module,
                event.node,
                explained(endpoint, fault),
                steps=endpoint.steps(fault.proof.event, event),
            )


RULE = rule(
    __doc__,
    id="SD301",
    slug="missing-authorization",
    level=Level.ERROR,
    confidence=Confidence.HIGH,
    group="missing authorization",
    cwe=(862,),
    asvs=("8.2.1",),
    threat="privilege-escalation",
    check=Check.AUTHORIZATION,
    on_endpoint=_check,
)
