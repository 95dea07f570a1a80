"""The results of the probes, in HTML: a refusal is evidence, too, and is shown with its exchange."""

from __future__ import annotations

from collections.abc import Iterable

from stormdoor_audit.report.finding import OUTCOMES, Outcome, Report, RuleMeta, Tried
from stormdoor_audit.report.html_findings import transcript
from stormdoor_audit.report.html_text import escaped, inline

__all__ = ["tried"]

_SHOWN: dict[Outcome, tuple[str, str]] = {
    "open": ("missing", "open"),
    "closed": ("guarded", "closed"),
    "not-determined": ("unknown", "not determined"),
    "not-tried": ("not-needed", "not tried"),
}


def _row(one: Tried, rules: dict[str, RuleMeta]) -> str:
    state, word = _SHOWN[one.outcome]
    rule = rules.get(one.rule_id)
    # Its title states the hole: beside `closed` it would read as if it were there.
    title = f"<b>{escaped(rule.slug)}</b>" if rule else ""
    # The evidence of a finding stands with the finding.
    shown = transcript(one.transcript) if one.outcome in {"closed", "not-determined"} else ""
    settle = (
        f'<p class="quiet">{inline(f"It is settled by {one.settle}.")}</p>' if one.settle else ""
    )
    return (
        f'<li class="try"><span class="chip {state}">{word}</span><code>{escaped(one.rule_id)}</code>'
        f"<div>{title}<p>{inline(one.what)}</p>{settle}{shown}</div></li>"
    )


def _endpoint(subject: str, tries: list[Tried], rules: dict[str, RuleMeta]) -> str:
    who = (
        "an unauthenticated client, and as the owner"
        if any(one.owned for one in tries)
        else "an unauthenticated client only"
    )
    made = [one for one in tries if one.outcome != "not-tried"]
    skipped = [one for one in tries if one.outcome == "not-tried"]
    rest = (
        f'<details class="rest"><summary>{len(skipped)} not tried</summary><ul class="tries">'
        f"{''.join(_row(one, rules) for one in skipped)}</ul></details>"
        if skipped
        else ""
    )
    return (
        f'<div class="attempts card"><header><h3>{escaped(subject)}</h3>'
        f'<span class="quiet">as {who}</span></header>'
        f'<ul class="tries">{"".join(_row(one, rules) for one in made)}</ul>{rest}</div>'
    )


def tried(report: Report) -> str:
    """The section; empty for a scan."""
    if not report.tried:
        return ""
    rules = {one.id: one for one in report.rules}
    by_subject: dict[str, list[Tried]] = {}
    for one in _sorted(report.tried):
        by_subject.setdefault(one.subject, []).append(one)
    body = "".join(_endpoint(subject, tries, rules) for subject, tries in by_subject.items())
    return f'<section id="tried"><div class="heading"><h2>What was tried</h2></div>{body}</section>'


def _sorted(tries: Iterable[Tried]) -> list[Tried]:
    return sorted(tries, key=lambda one: (OUTCOMES.index(one.outcome), one.rule_id))
