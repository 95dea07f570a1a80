"""A credential that works again and again is accepted in the address.

What:
    The owner's credential is a parameter of the address, and works more than once; or the token of a header
    is accepted as `?token=`, `?access_token=` and the like, or a cookie as a parameter of its name.

Why:
    Addresses are written into logs of servers and proxies, into histories, and into the referrer.

Fix:
    Send it in a header or a subprotocol. If it must be in the address, use a single-use ticket.
"""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote

from stormdoor_audit.prober.attempts import Form, each_form
from stormdoor_audit.prober.conversation import Ask
from stormdoor_audit.prober.decide import Access
from stormdoor_audit.prober.identity import token_of
from stormdoor_audit.prober.probe import (
    CREDENTIAL,
    SAY,
    Closed,
    NotDetermined,
    NotTried,
    Open,
    Result,
    Situation,
    probe,
)
from stormdoor_audit.report.finding import Check, Level

__all__ = ["PROBE"]

_COOKIES, _LENGTH = 3, 8
"""Cookies that are tried, and signs that one has at least: a shorter one is a setting."""
_NAMES = ("token", "access_token", "auth", "jwt", "api_key")


async def _run(situation: Situation) -> list[Result]:
    owner = situation.owner
    if owner is None or situation.open_to_all:
        return [NotTried(CREDENTIAL)]
    if owner.query:
        if situation.base.once:
            second = situation.base.second
            what = "The credential in the address works only once."
            return [Closed(what, second.transcript if second is not None else ())]
        proof = await situation.attempt(
            Ask(owner, situation.origin), situation.nobody, by_opening=True
        )
        if proof.access is Access.IN:
            names = ", ".join(f"`{name}`" for name, _ in owner.query)
            what = (
                f"The parameter {names} of the address is a credential, and works again and again."
            )
            return [Open(what, proof.transcript)]
        what = (
            f"The probe cannot tell whether the credential in the address works again: {proof.why}."
        )
        return [NotDetermined(what, SAY, proof.transcript)]
    tokens = [token for name, value in owner.headers if (token := token_of(name, value))]
    tries = [("The token of the header", name, tokens[0]) for name in _NAMES if tokens]
    tries += [("The cookie", *pair) for pair in owner.cookies[:_COOKIES] if len(pair[1]) >= _LENGTH]
    if not tries or situation.base.once:
        return [NotTried("a token or a cookie as the credential, that could be in an address")]
    bare = replace(owner.nobody(), name=owner.name)
    return await each_form(
        situation,
        [
            Form(
                f"`?{name}=`",
                Ask(replace(bare, query=((name, quote(value, safe="")),)), situation.origin),
                f"{what} is accepted in the address, too, as `?{name}=`",
                situation.nobody,
            )
            for what, name, value in tries
        ],
        closed="The credential is not accepted in the address.",
        asked="The probe cannot tell whether the credential is accepted in the address",
    )


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
