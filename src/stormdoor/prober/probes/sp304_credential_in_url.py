"""A credential that works again and again is accepted in the address.

What:
    The owner's credential is a parameter of the address, and works more than once; or the token of a header
    is accepted as `?token=`, `?access_token=` and the like, or a cookie as a parameter of its name.

Why:
    Addresses are written into logs of servers and proxies, into histories, and into the referrer.

Fix:
    Send it in a header or a subprotocol; where it must be the address, use a ticket that works once.
"""

from __future__ import annotations

from stormdoor.prober.conversation import Ask
from stormdoor.prober.decide import Access
from stormdoor.prober.identity import Identity
from stormdoor.prober.probe import Result, Situation, clear, found, probe, skipped, unknown
from stormdoor.report.finding import Check, Level

__all__ = ["PROBE"]

_COOKIES, _LENGTH = 3, 8
"""Cookies that are tried, and signs that one has at least: a shorter one is a setting."""
_NAMES = ("token", "access_token", "auth", "jwt", "api_key")


async def _run(situation: Situation) -> list[Result]:
    owner = situation.owner
    if owner is None or situation.open_to_all:
        return [skipped("No credential was given, or none is needed.")]
    if owner.query:
        if situation.base.once:
            return [clear("The credential in the address works only once.")]
        proof = await situation.attempt(
            Ask(owner, situation.origin), situation.nobody, by_opening=True
        )
        if proof.access is Access.IN:
            names = ", ".join(f"`{name}`" for name, _ in owner.query)
            what = (
                f"The parameter {names} of the address is a credential, and works again and again."
            )
            return [found(what, proof.transcript)]
        return [unknown(f"Whether the credential in the address works again: {proof.why}.")]
    tokens = [
        value.partition(" ")[2]
        for name, value in owner.headers
        if name.lower() == "authorization" and value.lower().startswith("bearer ")
    ]
    tries = [("The token of the header", name, tokens[0]) for name in _NAMES if tokens]
    tries += [("The cookie", *pair) for pair in owner.cookies[:_COOKIES] if len(pair[1]) >= _LENGTH]
    if not tries or situation.base.once:
        return [skipped("The credential is no token that could be in an address.")]
    for what, name, value in tries:
        ask = Ask(
            Identity(owner.name, query=((name, value),), protocols=owner.nobody().protocols),
            situation.origin,
        )
        proof = await situation.attempt(ask, situation.nobody)
        if proof.access is Access.IN:
            text = f"{what} is accepted in the address, too, as `?{name}=`."
            return [found(text, proof.transcript)]
    return [clear("The credential is not accepted in the address.")]


PROBE = probe(
    __doc__,
    id="SP304",
    slug="credential-in-url",
    level=Level.WARNING,
    threat="secret-leakage",
    cwe=(598,),
    asvs=("14.2.1",),
    check=Check.AUTHENTICATION,
    run=_run,
)
