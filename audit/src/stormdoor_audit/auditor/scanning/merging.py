"""One finding for one attack: lines that several rules report."""

from collections.abc import Iterable

from stormdoor_audit.report.finding import Finding

__all__ = ["worst_of_lines"]

_RUNS_CODE = frozenset({"SD502", "SD503", "SD504", "SD505", "SD508"})
_DISPATCH = frozenset({"SD302"})
_RIGHTS = frozenset({"SD301", "SD303"})
_ATTACKS = (_RUNS_CODE, _DISPATCH, _RIGHTS)
"""Rules by what the attacker gains, the worst first."""


def worst_of_lines(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Keep the worst attack on each line: a line that runs code needs no finding about a missing right."""
    every = tuple(findings)
    worst: dict[tuple[str, int], int] = {}
    for one in every:
        place = (one.location.path, one.location.line)
        worst[place] = min(_rank(one), worst.get(place, len(_ATTACKS)))
    return tuple(
        one
        for one in every
        if _rank(one) in {len(_ATTACKS), worst[one.location.path, one.location.line]}
    )


def _rank(finding: Finding) -> int:
    return next(
        (at for at, rules in enumerate(_ATTACKS) if finding.rule_id in rules), len(_ATTACKS)
    )
