"""An identity may do what it was declared not to.

What:
    The prober replays a recorded conversation (`--replay`, `--har`) as each identity, and without a
    credential. It is a finding if `--identities` declares the permitted identities of an action (`allow`),
    and another identity receives the same answer: twice, with a turn of a permitted identity in between, and
    not for an action that does not exist. Other results are in the matrix, and are no findings.

Why:
    A page may hide the button, but an attacker can write the message by hand.

Fix:
    Check at each message whether this principal may do this action: with stormdoor `@action("boiler:drain")`
    and a role that has the permission.
"""

from __future__ import annotations

from stormdoor_audit.prober.probe import (
    Closed,
    NotDetermined,
    NotTried,
    Open,
    Result,
    Situation,
    probe,
)
from stormdoor_audit.report.access import AccessMatrix
from stormdoor_audit.report.finding import Check, Level

__all__ = ["PROBE", "judged_rows"]


def judged_rows(matrix: AccessMatrix, *, objects: bool) -> list[Result]:
    """One finding for each identity, with what it may do; or what the matrix shows.

    Args:
        matrix: Who may do what.
        objects: Look at objects of others only; or at everything else only.
    """
    wrong: dict[str, list[str]] = {}
    scripts: dict[str, tuple[str, ...]] = {}
    doubts: list[str] = []
    declared = tried = 0
    proof: tuple[str, ...] = ()
    every = [(row, cell) for row in matrix.rows for cell in row.cells]
    for row, cell in every:
        if (row.of not in {"", cell.identity}) is not objects:
            continue
        tried += cell.state != "not-tried"
        if cell.meant == "refused" and cell.state in {"refused", "silent"}:
            declared += 1
            proof = cell.transcript or (f"({row.title} by {cell.identity}: {cell.why})",)
        if cell.wrong:
            wrong.setdefault(cell.identity, []).append(f"`{row.title}`")
            scripts.setdefault(cell.identity, cell.transcript)
        elif objects and cell.state == "allowed" and not cell.meant:
            doubts.append(
                f"`{row.title}` is open to {cell.identity}; if the object is {row.of}'s alone, say so with "
                "`ids` in the file of --identities."
            )
        elif cell.meant == "refused" and cell.state == "unknown":
            doubts.append(
                f"The probe cannot tell whether {cell.identity} is refused `{row.title}`: {cell.why}."
            )
    results: list[Result] = [
        Open(f"{_wrong(name, objects=objects)}: {', '.join(actions)}.", scripts[name])
        for name, actions in wrong.items()
    ]
    results += [
        NotDetermined(one, "`ids` and `allow` in the file of `--identities`") for one in doubts
    ]
    if results:
        return results
    if declared:
        which = "What is one identity's alone" if objects else "What was declared to be refused"
        return [Closed(f"{which} is refused to the others ({declared} times).", proof)]
    if not tried:
        return [NotTried("an action that only reads (`--safe`), or `--active`")]
    return [NotTried("`allow` in the file of `--identities`; who may do what is in the matrix")]


def _wrong(name: str, *, objects: bool) -> str:
    if objects:
        return f"{name[:1].upper()}{name[1:]} gets what belongs to another identity"
    return f"{name[:1].upper()}{name[1:]} may do what was declared to be refused"


async def _run(situation: Situation) -> list[Result]:
    if situation.matrix is None:
        return [NotTried("a recorded conversation (`--replay` or `--har`)")]
    return judged_rows(situation.matrix, objects=False)


PROBE = probe(
    __doc__,
    id="SP411",
    slug="forbidden-action",
    level=Level.ERROR,
    threat="privilege-escalation",
    cwe=(862, 285),
    asvs=("8.2.1",),
    check=Check.AUTHORIZATION,
    run=_run,
)
