"""Unverified claims of a JSON Web Token, for the rules about one claim each."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from stormdoor_audit.auditor.facts.calls import Call
from stormdoor_audit.auditor.facts.tokens import decoding, is_own
from stormdoor_audit.auditor.rule import Found
from stormdoor_audit.report.finding import Confidence, Level

__all__ = ["unverified"]


def unverified(claim: str, noun: str) -> Callable[[Call], Iterator[Found]]:
    """The check of calls that decode a token without this claim.

    Args:
        claim: Its name in the token, such as `aud`.
        noun: What libraries call it, such as `audience`.
    """

    def check(call: Call) -> Iterator[Found]:
        token = decoding(call)
        if token is None or token.unsigned is not None or not token.seen:
            return
        if token.off(f"verify_{claim}") is not None and not is_own(token, claim):
            yield call.found(f"The {noun} is not verified: verify_{claim} is off.")
            return
        given = call.words.get("claims_options" if token.library == "Authlib" else noun)
        if (given is not None and call.constant(given) is not None) or token.looked_at(claim):
            return
        if len(call.node.args) > 4 or claim in _required(call) or is_own(token, claim):
            return
        found = call.found(f"The {noun} is not verified: the call names no {noun}.")
        # With a secret of its own, a project signs for no other party: there it is hygiene.
        hygiene = replace(found, level=Level.NOTE, confidence=Confidence.MEDIUM)
        yield found if token.foreign else hygiene

    return check


def _required(call: Call) -> str:
    """Return the options as text."""
    options = call.words.get("options")
    return call.module.source(call.literal(options)) if options is not None else ""
