"""A page of another site can use it with the owner's credential.

What:
    The owner's connection with the `Origin` of another site, `null`, a host name that begins or ends like
    the right one, another port, or (beside TLS) another scheme gets in. It counts where the credential is
    ambient, i.e. one that browsers send along whatever page asks: cookies and HTTP Basic. A credential
    that the page must add itself (a header, a parameter, a subprotocol, a first message) is none that a
    foreign page has. A missing Origin is no finding: browsers always send one.

Why:
    The browser of whoever visits the hostile page opens the socket with their cookie, and the page reads
    and writes as they do.

Fix:
    Compare the Origin with an exact list: `Guard(origins=["https://app.example"], …)`, or in
    `check_origin()` `return origin in {"https://app.example"}`.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from stormdoor.prober.conversation import Ask
from stormdoor.prober.decide import Access
from stormdoor.prober.probe import Result, Situation, clear, found, probe, skipped, unknown
from stormdoor.report.finding import Check, Level

__all__ = ["PROBE"]

_FETCH = (("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "websocket"))


def _origins(own: str) -> list[tuple[str, str, Level]]:
    parts = urlsplit(own)
    host, port = parts.hostname or "localhost", parts.port
    tail = f":{port}" if port else ""
    found = [
        ("another site", "https://attacker.example", Level.ERROR),
        ("no site (`null`: a sandboxed frame, a file)", "null", Level.ERROR),
    ]
    if ":" not in host:
        found.append(
            (
                "a host that begins like yours",
                f"{parts.scheme}://{host}.attacker.example{tail}",
                Level.ERROR,
            )
        )
    try:
        ipaddress.ip_address(host)
    except ValueError:
        found.append(
            ("a host that ends like yours", f"{parts.scheme}://attacker{host}{tail}", Level.ERROR)
        )
    other = 8081 if port == 8080 else 8080
    shown = f"[{host}]" if ":" in host else host
    found.append(
        ("another port of the same host", f"{parts.scheme}://{shown}:{other}", Level.WARNING)
    )
    if parts.scheme == "https":
        found.append(("the same host without TLS", f"http://{shown}{tail}", Level.NOTE))
    return found


async def _run(situation: Situation) -> list[Result]:
    owner = situation.owner
    if situation.open_to_all:
        who, control, ambient = situation.nobody.who, None, False
    elif owner is None:
        return [skipped("No credential was given that a browser would send along.")]
    elif not owner.ambient:
        return [
            skipped(
                "The credential is not ambient: no browser sends it along for a foreign page, so that "
                "an accepted foreign origin would not matter."
            )
        ]
    elif situation.base.once:
        return [unknown("Whether a foreign page gets in: the credential works only once.")]
    else:
        who, control, ambient = owner, situation.nobody, True
    doubts = []
    for kind, origin, level in _origins(situation.origin):
        proof = await situation.attempt(Ask(who, origin), control, by_opening=ambient)
        if proof.access is Access.IN and not ambient:
            what = (
                f"A page of {kind} (`{origin}`) gets in. No credential is needed: what is ambient is "
                "the visitor's place in the network."
            )
            return [found(what, proof.transcript, level=min(level, Level.WARNING, key=_mildest))]
        if proof.access is Access.IN:
            today = await situation.client.converse(Ask(who, origin, headers=_FETCH))
            new = (
                ""
                if today.status == 101
                else (" Browsers that send `Sec-Fetch-Site` are refused; others are not.")
            )
            what = (
                f"A page of {kind} (`{origin}`) gets in with the owner's cookie, which browsers send "
                f"along: {proof.why}.{new}"
            )
            return [found(what, proof.transcript, level=level)]
        if proof.access is Access.UNKNOWN:
            doubts.append(f"{kind}: {proof.why}")
    if doubts:
        return [unknown(f"Whether a foreign page gets in ({'; '.join(doubts[:3])}).")]
    if not await situation.owner_still_gets_in():
        return [unknown("Whether a foreign page gets in: the owner is refused by now, too.")]
    return [clear("Foreign, look-alike and `null` origins are refused, and the own one is not.")]


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
