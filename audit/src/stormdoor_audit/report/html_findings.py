"""The findings in HTML: by what they are about, each with its place, its way and its fix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stormdoor_audit.report.cwe import cwe_name, cwe_url
from stormdoor_audit.report.finding import Finding, Report, RuleMeta
from stormdoor_audit.report.html_doors import anchor
from stormdoor_audit.report.html_text import escaped, inline, place, prose, source
from stormdoor_audit.report.order import Group, Key, grouped, key_of
from stormdoor_audit.report.printable import printable

__all__ = ["about_rule", "finding_article", "findings", "transcript", "way"]


def about_rule(rule: RuleMeta) -> str:
    """Return the rule's page, folded away."""
    parts = [f"<p><strong>{escaped(rule.title)}.</strong></p>", prose(rule.what), prose(rule.why)]
    if rule.example and rule.instead:
        parts.append(
            '</div><div class="about twins">'
            f"<div><h4>Example</h4><pre><code>{escaped(rule.example.strip())}</code></pre></div>"
            f"<div><h4>Instead</h4><pre><code>{escaped(rule.instead.strip())}</code></pre></div>"
            '</div><div class="about">'
        )
    references = [
        f'<li><a href="{cwe_url(one)}" rel="noreferrer">CWE-{one}</a> {escaped(cwe_name(one))}</li>'
        for one in rule.cwe
    ]
    references += [f"<li>OWASP ASVS 5.0, item {escaped(one)}</li>" for one in rule.asvs]
    if references:
        parts.append(f"<ul>{''.join(references)}</ul>")
    return (
        f'<details><summary>About {rule.id}</summary><div class="about">{"".join(parts)}</div>'
        "</details>"
    )


def way(one: Finding) -> str:
    """The way through the code, as numbered stops."""
    if not one.leads:
        return ""
    steps = "".join(f"<li>{inline(step.message)} {place(step.location)}</li>" for step in one.steps)
    return f'<ol class="way">{steps}</ol>'


def transcript(lines: Sequence[str], *, unfolded: bool = False) -> str:
    """Return the transcript, folded away unless the page is about it."""
    if not lines:
        return ""
    text = escaped("\n".join(map(printable, lines)))
    return (
        f"<details{' open' if unfolded else ''}><summary>Transcript</summary>"
        f'<pre class="wire"><code>{text}</code></pre></details>'
    )


def finding_article(one: Finding, rules: Mapping[str, RuleMeta]) -> str:
    """A finding with its place, its way, its evidence and its fix."""
    rule = rules.get(one.rule_id)
    where = "" if one.location.path == one.subject else place(one.location)
    words = (
        f"{one.rule_id} {one.slug} {one.level} {one.message} {one.subject} {one.endpoint} "
        f"{one.location.path}"
    )
    return (
        f'<article class="finding of-{one.level}" data-level="{one.level}" '
        f'data-text="{escaped(words)}"><header>'
        f'<span class="chip level {one.level}">{one.level}</span><code>{escaped(one.rule_id)}</code>'
        f"<span>{escaped(one.slug)}</span>"
        f'<span class="quiet">{one.confidence} confidence</span>{where}</header>'
        f'<p class="message">{inline(one.message)}</p>{source(one.location)}{way(one)}'
        f"{transcript(one.transcript)}"
        + (f'<div class="fix"><b>Fix</b><span>{inline(one.fix)}</span></div>' if one.fix else "")
        + (about_rule(rule) if rule else "")
        + "</article>"
    )


def _group(group: Group, key: Key, rules: Mapping[str, RuleMeta]) -> str:
    paths = " ".join(f'<code class="path">{escaped(path)}</code>' for path in group.paths)
    return (
        f'<div class="group card" id="{anchor(*key)}"><header><h3>'
        f"{escaped(group.subject)}</h3>{paths}</header>"
        + "".join(finding_article(one, rules) for one in group.findings)
        + "</div>"
    )


def findings(report: Report) -> str:
    """The section of the findings."""
    rules = {rule.id: rule for rule in report.rules}
    key = key_of(report)
    if report.findings:
        body = "".join(
            _group(group, key(group.findings[0]), rules) for group in grouped(report)
        ) + ('<p id="no-finding" class="card empty quiet none-left hidden">No finding matches.</p>')
    else:
        body = '<p class="card empty quiet">Nothing was found.</p>'
    return f'<section id="findings"><div class="heading"><h2>Findings</h2></div>{body}</section>'
