"""A scan beside a probe in HTML: both verdicts for each check, and what the server says to each finding."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from stormdoor_audit.report.crossing import check_of, leads_to
from stormdoor_audit.report.finding import (
    CHECKS,
    STANDINGS,
    Check,
    Crossed,
    Crossing,
    EndpointReport,
    Report,
    RuleMeta,
    Verdict,
)
from stormdoor_audit.report.html_doors import anchor
from stormdoor_audit.report.html_findings import about_rule, finding_article, transcript, way
from stormdoor_audit.report.html_text import escaped, evidence, inline, place, source
from stormdoor_audit.report.order import in_order

__all__ = ["crossing_findings", "crossing_matrix", "standing_filters", "tiles"]

_OPEN = {"missing", "weak"}
_SAYS = {
    "confirmed": "The running server shows it.",
    "refuted": "The running server shows that it is not so.",
    "untested": "The running server does not say.",
}


def _plural(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def tiles(crossing: Crossing) -> list[tuple[str, int, str]]:
    """Class, number and name of what stands at the top."""
    numbers = crossing.numbers()
    return [
        *((f"is-{one}", numbers[one], one) for one in STANDINGS),
        ("gap", len(crossing.only_live), "only on the server"),
        ("door", len(crossing.pairs), "address" if len(crossing.pairs) == 1 else "addresses"),
    ]


def standing_filters() -> str:
    """Boxes that choose among standings."""
    return "".join(
        f'<label><input type="checkbox" name="standing" value="{one}" checked> {one}</label>'
        for one in (*STANDINGS, "only live")
    )


# The matrix ----------------------------------------------------------------------------------


def _half(name: str, verdict: Verdict | None) -> str:
    if verdict is None:
        return (
            f'<div class="half"><span class="by">{name}</span>'
            '<span class="quiet">not looked at</span></div>'
        )
    where = f" {place(verdict.location)}" if verdict.location and verdict.location.line else ""
    return (
        f'<div class="half"><span class="by">{name}</span>'
        f'<span class="chip {verdict.state}">{verdict.state}</span>'
        f"{evidence(verdict.evidence, where)}</div>"
    )


def _cell(
    check: Check,
    static: EndpointReport | None,
    live: EndpointReport | None,
    standings: Iterable[Crossed],
) -> str:
    about = [one.standing for one in standings if check_of(one.finding.rule_id) is check]
    mark = next((one for one in ("confirmed", "refuted") if one in about), "")
    stamp = f'<span class="stamp is-{mark}">{mark}</span>' if mark else ""
    return (
        f'<td class="both {mark}"><div class="what"><span class="check">{check.capitalize()}</span>'
        f"{stamp}</div>{_half('code', static.verdict(check) if static else None)}"
        f"{_half('live', live.verdict(check) if live else None)}</td>"
    )


def _row(
    url: str,
    static: EndpointReport | None,
    live: EndpointReport | None,
    standings: list[Crossed],
) -> str:
    known = [one for one in (static, live) if one is not None]
    stands_open = any(one.verdict(check).state in _OPEN for one in known for check in CHECKS)
    handler = (
        f"<b>{escaped(static.subject.rpartition('.')[2])}</b>"
        f'<span class="place">{escaped(static.subject)}</span>{place(static.location)}'
        if static
        else "<b>No one handler of the scan</b>"
    )
    paths = static.paths if static else ()
    address = f"<code>{escaped(url)}</code>" if url else '<span class="quiet">not probed</span>'
    routes = "".join(
        f"<code>{escaped(path)}</code>" for path in paths if path != urlsplit(url).path
    )
    link = (
        f'<p class="links"><a href="#{anchor(url)}">{_plural(len(standings), "finding")}</a></p>'
        if standings and url
        else ""
    )
    words = " ".join([url, *(one.subject for one in known), *paths])
    cells = "".join(_cell(check, static, live, standings) for check in CHECKS)
    return (
        f'<tr data-open="{"yes" if stands_open else "no"}" data-text="{escaped(words)}">'
        f'<th scope="row">{handler}<div class="paths">{address}{routes}</div>{link}</th>{cells}</tr>'
    )


def _handler(url: str, subject: str, endpoints: Iterable[EndpointReport]) -> EndpointReport | None:
    """The handler of that name; of several, the one with a route to the address."""
    path = urlsplit(url).path or "/"
    return max(
        (one for one in endpoints if one.subject == subject),
        key=lambda one: max((leads_to(pattern, path) for pattern in one.paths), default=0),
        default=None,
    )


def crossing_matrix(report: Report, crossing: Crossing) -> str:
    """The table: each handler and address, and for each check what the code says and the server does."""
    live = {one.subject: one for one in report.endpoints}
    known = [
        (url, _handler(url, handler, crossing.scan.endpoints)) for url, handler in crossing.pairs
    ]
    rows = [
        _row(
            url,
            static,
            live.get(url),
            [one for one in crossing.findings if one.url == url],
        )
        for url, static in known
    ]
    rows += [
        _row("", one, None, [])
        for one in crossing.scan.endpoints
        if all(one is not static for _, static in known)
    ]
    names = "".join(f'<th scope="col">{check.capitalize()}</th>' for check in CHECKS)
    return (
        '<section id="endpoints"><div class="heading"><h2>Endpoint by check</h2>'
        '<ul class="legend"><li><b>code</b>: what the scan reads in the source</li>'
        "<li><b>live</b>: what the probe could do</li></ul></div>"
        f'<table class="doors two card"><thead><tr><th scope="col">Handler and address</th>{names}</tr>'
        f"</thead><tbody>{''.join(rows)}</tbody></table>"
        '<p id="no-door" class="card empty quiet none-left hidden">No endpoint matches.</p></section>'
    )


# The findings --------------------------------------------------------------------------------


def _article(one: Crossed, rules: Mapping[str, RuleMeta]) -> str:
    finding = one.finding
    rule = rules.get(finding.rule_id)
    words = (
        f"{finding.rule_id} {finding.slug} {finding.level} {finding.message} {finding.subject} "
        f"{finding.endpoint} {finding.location.path} {one.standing} {one.probe}"
    )
    suppressed = (
        f'<p class="quiet">Suppressed in the scan: {escaped(one.suppressed)}</p>'
        if one.suppressed
        else ""
    )
    by = f" <code>{escaped(one.probe)}</code>" if one.probe else ""
    return (
        f'<article class="finding of-{finding.level}" data-level="{finding.level}" '
        f'data-standing="{one.standing}" data-text="{escaped(words)}"><header>'
        f'<span class="stamp is-{one.standing}">{one.standing}</span>'
        f'<span class="chip level {finding.level}">{finding.level}</span>'
        f"<code>{escaped(finding.rule_id)}</code><span>{escaped(finding.slug)}</span>"
        f'{place(finding.location)}</header><div class="sides"><div class="side">'
        f'<h4>In the code</h4><p class="message">{inline(finding.message)}</p>{suppressed}'
        f"{source(finding.location)}{way(finding)}</div>"
        f'<div class="side says is-{one.standing}"><h4>On the server{by}</h4>'
        f"<p><b>{_SAYS[one.standing]}</b> {inline(one.why)}</p>"
        f"{transcript(one.transcript, unfolded=one.standing == 'confirmed')}</div></div>"
        + (
            f'<div class="fix"><b>Fix</b><span>{inline(finding.fix)}</span></div>'
            if finding.fix
            else ""
        )
        + (about_rule(rule) if rule else "")
        + "</article>"
    )


def _ordered(found: Iterable[Crossed]) -> list[Crossed]:
    """Confirmed first, then as every writer orders findings."""
    by_finding = {id(one.finding): one for one in found}
    ordered = [by_finding[id(one)] for one in in_order(one.finding for one in by_finding.values())]
    return sorted(ordered, key=lambda one: STANDINGS.index(one.standing))


def _live_article(report: Report, url: str, rules: Mapping[str, RuleMeta]) -> str:
    alone = [
        one
        for one in in_order(report.crossing.only_live if report.crossing else ())
        if one.subject == url
    ]
    if not alone:
        return ""
    articles = "".join(
        finding_article(one, rules).replace("<article ", '<article data-standing="only live" ', 1)
        for one in alone
    )
    return f'<div class="alone"><h4>Seen only on the server</h4></div>{articles}'


def _not_tried(crossing: Crossing) -> str:
    by_reason: dict[str, list[Crossed]] = {}
    for one in _ordered(crossing.findings):
        if not one.url:
            by_reason.setdefault(one.why, []).append(one)
    blocks = [
        f'<div class="block"><h3>{escaped(why)}</h3><ul class="card plain-list">'
        + "".join(
            f'<li><span class="chip level {one.finding.level}">{one.finding.level}</span> '
            f"<b>{escaped(one.finding.rule_id)}</b> {escaped(one.finding.slug)} "
            f"{place(one.finding.location)}<br>{inline(one.finding.message)}</li>"
            for one in several
        )
        + "</ul></div>"
        for why, several in by_reason.items()
    ]
    if not blocks:
        return ""
    number = sum(map(len, by_reason.values()))
    return (
        '<section id="not-tried"><div class="heading"><h2>Nothing was tried about these</h2></div>'
        f"<details><summary>{_plural(number, 'finding')} of the scan, by the reason</summary>"
        f"{''.join(blocks)}</details></section>"
    )


def crossing_findings(report: Report, crossing: Crossing) -> str:
    """Each finding of the scan beside what the server says to it, and what only the server shows."""
    rules = {one.id: one for one in (*crossing.scan.rules, *report.rules)}
    groups = []
    for url, handler in crossing.pairs:
        about = _ordered(one for one in crossing.findings if one.url == url)
        body = "".join(_article(one, rules) for one in about) + _live_article(report, url, rules)
        if body:
            known = f'<code class="path">{escaped(handler)}</code>' if handler else ""
            groups.append(
                f'<div class="group card" id="{anchor(url)}"><header><h3>{escaped(url)}</h3>{known}'
                f"</header>{body}</div>"
            )
    body = (
        "".join(groups)
        + '<p id="no-finding" class="card empty quiet none-left hidden">No finding matches.</p>'
        if groups
        else '<p class="card empty quiet">Neither the scan nor the probe found anything here.</p>'
    )
    return (
        '<section id="findings"><div class="heading"><h2>Findings, and what the server says</h2></div>'
        f"{body}</section>{_not_tried(crossing)}"
    )
