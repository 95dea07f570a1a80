"""A name of the attacker's that points to the server is as good as its own.

What:
    If no credential is needed, the server accepts a page of an attacker's host name that resolves to the
    server (DNS rebinding). `Host` and `Origin` both name `rebound.example`, or a host that begins like the
    server's own name.

Why:
    A hostile page in a browser inside the network can use servers of that network. An origin check that
    compares `Origin` with `Host` does not prevent it.

Fix:
    Accept only a list of host names, and require a credential.
"""

from __future__ import annotations

from stormdoor_audit.prober.attempts import Form, each_form
from stormdoor_audit.prober.conversation import Ask
from stormdoor_audit.prober.probe import NotTried, Result, Situation, probe
from stormdoor_audit.prober.probes.sp201_foreign_origin import with_reference
from stormdoor_audit.report.finding import Check, Level

__all__ = ["PROBE"]


async def _run(situation: Situation) -> list[Result]:
    if not situation.open_to_all:
        return [
            NotTried("an endpoint without a credential: cookies are not sent to another host name")
        ]
    situation = await with_reference(situation)
    target = situation.client.target
    names = ["rebound.example"]
    # A pattern without an end takes what begins like the own name.
    names += [f"{target.host}.rebound.example"] if ":" not in target.host else []
    hosts = {name: f"{name}:{target.port}" for name in names}
    return await each_form(
        situation,
        [
            Form(
                name,
                Ask(situation.nobody.who, f"http://{host}", host=host),
                f"A page of a name that was rebound (`{name}`) gets in",
                by_place=True,
            )
            for name, host in hosts.items()
        ],
        closed="Another host name is refused.",
        asked="The probe cannot tell whether a rebound name gets in",
    )


PROBE = probe(
    __doc__,
    id="SP202",
    slug="rebound-host",
    level=Level.WARNING,
    threat="cross-site-websocket-hijacking",
    cwe=(346,),
    asvs=("4.4.2",),
    check=Check.ORIGIN,
    run=_run,
)
