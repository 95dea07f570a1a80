"""Words of a finding about authorization."""

from stormdoor_audit.auditor.interpreter.events import Event
from stormdoor_audit.auditor.judging.distinctions import Distinction, Fault
from stormdoor_audit.auditor.judging.effects import Effect
from stormdoor_audit.auditor.judging.endpoint import Endpoint

__all__ = ["KNOWN", "explained"]

KNOWN = frozenset({"after-accept", "frames-pass", "guarded", "optional", "presumed", "skippable"})
"""Verdicts on authentication with which an endpoint knows its users.

Where no client has to authenticate, that is the fault, and the only one that is reported.
"""
_DOES = {
    "add": "add to",
    "change": "change",
    "join": "join",
    "put": "write to",
    "read": "read",
}


def explained(endpoint: Endpoint, fault: Fault) -> str:
    """Describe the client's action, and the place in the program that denies it to other clients."""
    effect, proof = fault.effect, fault.proof
    return f"{_action(endpoint, effect.event)} lets each client {_done(effect)}: {_why(proof)}."


def _action(endpoint: Endpoint, event: Event) -> str:
    name = event.stack[-1][2] if event.stack else event.stage.value
    return f"`{name}` of {endpoint.info.name}"


def _done(effect: Effect) -> str:
    store = effect.root.replace(":", " ") or "what it names"
    if effect.kind.startswith("call "):
        return f"call `{effect.kind.removeprefix('call ')}` of `{store}`"
    return f"{_DOES[effect.kind]} what it names in `{store}`"


def _why(proof: Distinction) -> str:
    at = f"line {getattr(proof.event.node, 'lineno', 0)}"
    condition = f"`{proof.event.module.source(proof.event.node)}`"
    match proof.how:
        case "look-up":
            return f"it does not look it up by the user, as {at} does"
        case "record":
            return f"{at} notes the user as a part of it, and this does not compare that user with the client"
        case "another object":
            return f"{at} checks {condition}, which is about another object"
        case "on some ways":
            return f"{at} checks {condition}, and some messages do not come to that line"
        case "unused":
            name = getattr(proof.event.node, "name", proof.event.module.source(proof.event.node))
            return f"the program defines `{name}` on {at}, and nothing asks it"
        case "claimed":
            return f"{at} checks {condition}, which the client itself writes"
        case "without effect":
            return f"{at} checks {condition}, and the answer does not keep this from happening"
        case _:
            return f"it does not check {condition}, as {at} does before {_guarded(proof)}"


def _guarded(proof: Distinction) -> str:
    effect = proof.effect
    if effect is None:
        return "another action"
    return f"`{effect.event.text}`" if effect.kind != "read" else "it answers"
