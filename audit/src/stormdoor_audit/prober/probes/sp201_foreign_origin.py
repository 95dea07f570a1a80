"""A page of another site can use it with the owner's credential.

What:
    The server accepts the owner's connection with another `Origin`: of another site; `null`; a host that
    begins or ends like the correct one, contains it, is below it, or differs at a dot; another port; or (with
    TLS) another scheme. The prober also tries it with the headers of today's browsers (`Sec-Fetch-Site`). It
    is a finding only for an ambient credential, which browsers attach for every page: cookies and HTTP Basic.
    A foreign page does not have a credential that the page itself must add (a header, a parameter, a
    subprotocol, a first message). Variants that no browser sends are tried, but are no findings: a missing
    Origin, two of them, a user name in front of the host, a dot after it, capitals.

Why:
    A user visits the hostile page. The browser opens the socket with the user's cookie, and the page reads
    and writes as the user.

Fix:
    Compare the Origin with an exact list: `Guard(origins=["https://app.example"], …)`, or in
    `check_origin()` `return origin in {"https://app.example"}`.
"""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from stormdoor_audit.prober.attempts import by_place, checked, concluded
from stormdoor_audit.prober.budget import BudgetSpent
from stormdoor_audit.prober.conversation import Ask, Conversation
from stormdoor_audit.prober.decide import Access, Proof, data_of, judged, refused
from stormdoor_audit.prober.identity import Identity
from stormdoor_audit.prober.probe import (
    SAY,
    Closed,
    NotDetermined,
    NotTried,
    Open,
    Result,
    Situation,
    probe,
)
from stormdoor_audit.prober.together import together
from stormdoor_audit.report.finding import Check, Level

__all__ = ["AMBIENT", "PROBE", "with_reference"]

AMBIENT = (
    "an ambient credential: no browser sends this one along for a foreign page, so that an accepted foreign "
    "origin would not matter"
)

_LONG = 3.0
"""Of the time to listen: before a socket that stays open is said to deliver nothing."""
_ENOUGH, _TIMES = 2, 4
"""Conversations of the endpoint's own page that foreign pages are compared with, and attempts at them."""
_Try = tuple[str, Ask, Level]
_FETCH = (("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "websocket"))
_NEAR = (("Sec-Fetch-Site", "same-site"), ("Sec-Fetch-Mode", "websocket"))


def _origins(own: str) -> list[tuple[str, str, Level]]:
    """Origins of pages that are not the endpoint's own: what they are, how they are written, how bad."""
    parts = urlsplit(own)
    scheme, host, port = parts.scheme, parts.hostname or "localhost", parts.port
    tail = f":{port}" if port else ""
    found = [
        ("another site", "https://attacker.example", Level.ERROR),
        ("no site (`null`: a sandboxed frame, a file)", "null", Level.ERROR),
    ]
    if ":" not in host:
        begins = f"{scheme}://{host}.attacker.example{tail}"
        found.append(("a host that begins like yours", begins, Level.ERROR))
        if tail:
            # Not with the port: it is part of what some compare with.
            contains = f"{scheme}://{host}{tail.replace(':', '-')}.attacker.example"
            found.append(("a host that contains yours", contains, Level.ERROR))
        # No browser has a page at such a name before an address; before the name of tomorrow it has.
        ends = f"{scheme}://attacker{host}{tail}"
        found.append(("a host that ends like yours", ends, Level.ERROR))
    try:
        ipaddress.ip_address(host)
    except ValueError:
        below = f"{scheme}://attacker.{host}{tail}"
        found.append(("a host below yours", below, Level.WARNING))
        if "." in host:
            pattern = f"{scheme}://{host.replace('.', 'x', 1)}{tail}"
            found.append(("a host that a pattern takes for yours", pattern, Level.ERROR))
    other = 8081 if port == 8080 else 8080
    shown = f"[{host}]" if ":" in host else host
    found.append(("another port of the same host", f"{scheme}://{shown}:{other}", Level.WARNING))
    if port and port < 6553 and port != 808:
        longer = f"{scheme}://{shown}:{port}1"
        found.append(("a port that begins like yours", longer, Level.WARNING))
    if scheme == "https":
        found.append(("the same host without TLS", f"http://{shown}{tail}", Level.NOTE))
    return found


def _odd(own: str) -> dict[str, tuple[str | None, tuple[tuple[str, str], ...]]]:
    """Return origins that no browser sends: named where they get in, and no finding."""
    scheme, _, host = own.partition("://")
    bare, colon, port = host.rpartition(":") if not host.endswith("]") else (host, "", "")
    dotted = f"{bare}.:{port}" if colon else f"{host}."
    return {
        "no Origin": (None, ()),
        "two Origins": (own, (("Origin", "https://attacker.example"),)),
        "a name in front of another host": (f"{scheme}://{host}@attacker.example", ()),
        "a dot at the end of the host": (f"{scheme}://{dotted}", ()),
        "capitals": (own.upper(), ()),
    }


async def _ambient(situation: Situation) -> Identity | NotDetermined | NotTried | None:
    """Return what a foreign page can use of the owner's credential, if that is enough to get in.

    The browser sends cookies and HTTP Basic. The page itself can send a first message. If that message
    needs a secret, the page makes one up.

    Returns:
        The identity; None where a foreign page has no such credential; the doubt where the probe is not sure,
        or may not try.
    """
    owner = situation.owner
    if owner is None or owner.ambient or situation.base.once:
        return owner if owner is not None and owner.ambient else None
    basic = tuple(
        (name, value)
        for name, value in owner.headers
        if name.lower() == "authorization" and value.lower().startswith("basic ")
    )
    if not owner.cookies and not basic:
        return None
    alone = replace(
        owner.nobody(),
        name=f"{owner.name}, as a foreign page has it",
        cookies=owner.cookies,
        headers=(*owner.nobody().headers, *basic),
    )
    tries = [alone]
    if owner.first_message and not alone.first_message:
        made_up = owner.changed(owner.name, lambda _: "stormdoor-probe-garbage").first_message
        tries.append(replace(alone, first_message=made_up))
    doubt: NotDetermined | NotTried | None = None
    for who in tries:
        if situation.client.sends_wrong_password(Ask(who, situation.origin)):
            return doubt or NotTried("`--active`, since a foreign page sends a wrong password")
        # Where a first message belongs to it, an open socket is only the place to say it.
        proof = await situation.attempt(
            Ask(who, situation.origin), situation.nobody, by_opening=not owner.first_message
        )
        if proof.access is Access.IN:
            return who
        if proof.access is Access.UNKNOWN:
            what = f"The probe cannot tell whether the cookie alone gets in: {proof.why}."
            doubt = NotDetermined(what, SAY, proof.transcript)
    return doubt


async def _run(situation: Situation) -> list[Result]:
    control: Ask | None = situation.nobody
    who: Identity | NotDetermined | NotTried | None = await _ambient(situation)
    if situation.open_to_all:
        who, control = situation.nobody.who, None
        situation = await with_reference(situation)
    elif situation.owner is None:
        return [NotTried("a credential that a browser sends along (a cookie, or HTTP Basic)")]
    elif situation.base.once and who is not None:
        return [
            NotDetermined(
                "The probe cannot tell whether a foreign page gets in: the credential works only once.",
                "",
            )
        ]
    elif who is None or isinstance(who, NotDetermined | NotTried):
        return [who or NotTried(AMBIENT)]
    ambient = not situation.open_to_all
    origins = _origins(situation.origin)
    tries = [(kind, Ask(who, origin), level) for kind, origin, level in origins]
    # A server may believe `Sec-Fetch-Site` more than Origin, or be content with its being there.
    tries.append(
        ("another site, as today's browsers say it", Ask(who, origins[0][1], _FETCH), origins[0][2])
    )
    port = next(one for one in origins if one[0].startswith("another port"))
    tries.append((f"{port[0]}, as today's browsers say it", Ask(who, port[1], _NEAR), port[2]))
    found, doubts = await _each(situation, tries, control, ambient=ambient)
    last = situation.client.all[-1].transcript
    if found or doubts:
        asked = "The probe cannot tell whether a foreign page gets in"
        return concluded(found, doubts, "", asked, settle=SAY, exchange=last)
    odd = []
    for name, (origin, headers) in _odd(situation.origin).items():
        one = await situation.client.converse(Ask(who, origin, headers))
        if judged(situation.base, one)[0] is Access.IN:
            odd.append(name)
    also = f" Accepted, too, and sent by no browser: {', '.join(odd)}." if odd else ""
    what = (
        "Foreign, look-alike and `null` origins are refused; the endpoint's own origin is accepted."
    )
    closed: list[Result] = [Closed(what + also, last)]
    # Without an owner SP202 follows at once, and the engine looks after both.
    return closed if situation.open_to_all else await checked(situation, closed)


async def with_reference(situation: Situation) -> Situation:
    """Compare foreign pages with the endpoint's own page, where that gets in without a credential."""
    if situation.base.owner:
        return situation
    quiet = situation.base.opens

    def served(every: Sequence[Conversation]) -> list[Conversation]:
        return [one for one in every if data_of(one) or (quiet and one.stays_open)]

    seen = served(situation.client.earlier(situation.nobody))[:_ENOUGH]
    for _ in range(_TIMES):
        # Some servers let go of a socket now and then.
        if len(seen) < _ENOUGH:
            seen += served([await situation.client.converse(situation.nobody)])
    delivered = frozenset.intersection(*map(data_of, seen)) if len(seen) == _ENOUGH else frozenset()
    if len(seen) < _ENOUGH or not (delivered or quiet):
        return situation
    base = replace(
        situation.base,
        owner=tuple(seen),
        nobody=Conversation(),
        delivered=delivered,
        opens=quiet and not delivered,
    )
    if delivered:
        # Until here nothing told when enough was heard.
        situation.client.wanted = base.wanted
    return replace(situation, base=base)


async def _each(
    situation: Situation, tries: Sequence[_Try], control: Ask | None, *, ambient: bool
) -> tuple[list[Open], list[str]]:
    """Return the gravest that gets in, and the reasons of those that could not be told."""
    doubts: list[str] = []
    hopeless: Sequence[Ask] = ()
    for number, (kind, ask, level) in enumerate(tries):
        if ask in hopeless:
            continue
        proof = await _attempt(situation, ask, control, ambient=ambient)
        if proof.access is Access.IN:
            return [await _found(situation, kind, ask, proof, level, ambient=ambient)], doubts
        if proof.access is Access.UNKNOWN:
            doubts.append(f"{kind}: {proof.why}")
        if not number and (situation.client.slow or proof.conversation.stays_open):
            hopeless = await _hopeless(situation, [one for _, one, _ in tries[1:]])
    return [], doubts


async def _hopeless(situation: Situation, asks: Sequence[Ask]) -> Sequence[Ask]:
    """Those of the attempts that are refused, all made at the same time: silence takes its time to hear."""
    longer = [replace(ask, patience=_LONG) for ask in asks]
    came = await together(*map(situation.client.converse, longer))
    return [
        ask
        for ask, seen in zip(asks, came, strict=True)
        if refused(seen) or judged(situation.base, seen)[0] is Access.REFUSED
    ]


async def _attempt(situation: Situation, ask: Ask, control: Ask | None, *, ambient: bool) -> Proof:
    proof = await situation.attempt(ask, control, by_opening=ambient)
    if proof.access is not Access.IN and proof.conversation.stays_open:
        # A graver origin must not be passed by for a lesser one because a server was slow once.
        proof = await situation.attempt(replace(ask, patience=_LONG), control, by_opening=ambient)
    return await by_place(situation, ask, proof)


async def _found(
    situation: Situation, kind: str, ask: Ask, proof: Proof, level: Level, *, ambient: bool
) -> Open:
    page = f"A page of {kind} (`{ask.origin}`) gets in"
    if not ambient:
        what = f"{page}. No credential is needed: what is ambient is the visitor's place in the network."
        return Open(what, proof.transcript, level=min(level, Level.WARNING, key=_mildest))
    more = ""
    # Where no time is left for it, what was found is said without it.
    today = Conversation(status=101)
    with contextlib.suppress(BudgetSpent):
        today = await situation.client.converse(replace(ask, headers=ask.headers or _FETCH))
    if today.status != 101:
        more = " Browsers that send `Sec-Fetch-Site` are refused; others are not."
    if strict := _kept_at_home(situation):
        more += (
            f" `{strict}` says SameSite, so that browsers send it along for pages of the same site only: "
            "another port, another host of the same domain."
        )
        level = min(level, Level.WARNING, key=_mildest)
    what = f"{page} with the owner's cookie, which browsers send along: {proof.why}.{more}"
    return Open(what, proof.transcript, level=level)


def _kept_at_home(situation: Situation) -> str:
    """The cookie that was seen to be set with SameSite, if every one of the login's was."""
    if situation.logged_in is None:
        return ""
    names = [one for one in situation.logged_in.after if one.value and not one.against_forgery]
    strict = [one for one in names if one.attributes & {"samesite=lax", "samesite=strict"}]
    return strict[0].name if strict and len(strict) == len(names) else ""


def _mildest(level: Level) -> int:
    return -level.rank


PROBE = probe(
    __doc__,
    id="SP201",
    slug="foreign-origin",
    level=Level.ERROR,
    threat="cross-site-websocket-hijacking",
    cwe=(1385, 346),
    asvs=("4.4.2",),
    check=Check.ORIGIN,
    run=_run,
)
