"""An object that belongs to one identity is open to another.

What:
    `--identities` declares that an id belongs to one identity only. The prober sends each message of a
    recorded conversation with such an id as the other identities, and without a credential, in both
    directions. It is a finding if the answer contains the owner's object: values from the owner's answers
    that are neither in the answers about the sender's own object nor in those about an object that does not
    exist.

Why:
    An id is no secret: it is in address bars and screenshots, and often the next number.

Fix:
    Check whether the object belongs to the principal: with stormdoor
    `@action[Read]("doc:read", resource=lambda read: ("doc", read.id))` and a policy for owners or tenants.
"""

from __future__ import annotations

from stormdoor_audit.prober.probe import NotTried, Result, Situation, probe
from stormdoor_audit.prober.probes.sp411_forbidden_action import judged_rows
from stormdoor_audit.report.finding import Check, Level

__all__ = ["PROBE"]


async def _run(situation: Situation) -> list[Result]:
    if situation.matrix is None or not any(row.of for row in situation.matrix.rows):
        return [NotTried("`ids` in the file of `--identities`, and a recorded conversation")]
    return judged_rows(situation.matrix, objects=True)


PROBE = probe(
    __doc__,
    id="SP412",
    slug="object-of-another",
    level=Level.ERROR,
    threat="privilege-escalation",
    cwe=(639,),
    asvs=("8.2.2",),
    check=Check.AUTHORIZATION,
    run=_run,
)
