"""The report of the lab: one HTML file with the table and every transcript, for a desk and a phone."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from html import escape
from typing import Any

from lab.harness.bout import Bout, Kind, Result, Threat
from lab.harness.target import Line

__all__ = ["page"]

_TITLES = {
    Kind.VULNERABLE: "Vulnerable",
    Kind.BY_HAND: "Guarded by hand",
    Kind.GUARDED: "Guarded by stormdoor",
}
_SHOWN = ("name", "cause", "endpoint", "permission", "principal", "kind", "count", "detail")
_MOST_LINES = 60

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2330; --soft: #5b6575; --paper: #fff; --card: #f6f7f9;
  --line: #dde1e7; --bad: #b3261e; --bad-soft: #fdecea; --good: #17693a; --good-soft: #e6f4ea;
  --accent: #2456a6; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ef; --soft: #9aa5b5; --paper: #12161d;
  --card: #1a2029; --line: #2c3542; --bad: #ff9a90; --bad-soft: #3b1d1b; --good: #7fd6a0;
  --good-soft: #17321f; --accent: #8ab4f8; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main, header { max-width: 68rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 2.5rem; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 .5rem; letter-spacing: -.01em; }
h2 { font-size: 1.25rem; margin: 0; }
p { margin: .4rem 0; max-width: 46rem; }
a { color: var(--accent); text-decoration: none; } a:hover { text-decoration: underline; }
.soft { color: var(--soft); }
.sums { display: flex; flex-wrap: wrap; gap: .75rem; margin: 1.5rem 0; padding: 0; list-style: none; }
.sums li { background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: .7rem 1rem; min-width: 10rem; flex: 1; }
.sums b { display: block; font-size: 1.6rem; line-height: 1.2; font-variant-numeric: tabular-nums; }
table { border-collapse: collapse; width: 100%; margin: 0 0 2rem; }
th, td { text-align: left; padding: .5rem .6rem; border-bottom: 1px solid var(--line); }
thead th { font-size: .8rem; color: var(--soft); font-weight: 600; }
tbody th { font-weight: 500; }
.mark { display: inline-block; border-radius: 6px; padding: .05rem .5rem; font-size: .85rem;
  font-weight: 600; white-space: nowrap; }
.bad { color: var(--bad); background: var(--bad-soft); }
.good { color: var(--good); background: var(--good-soft); }
section { border-top: 1px solid var(--line); padding: 1.75rem 0; scroll-margin-top: 1rem; }
.three { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: .9rem; margin-top: 1rem; }
.one { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: .9rem 1rem;
  min-width: 0; }
.one h3 { font-size: .95rem; margin: 0 0 .4rem; }
.one p { font-size: .92rem; overflow-wrap: anywhere; }
details { margin-top: .8rem; border: 1px solid var(--line); border-radius: 10px; overflow: hidden; }
summary { cursor: pointer; padding: .6rem 1rem; background: var(--card); font-weight: 500; }
summary:focus-visible, a:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.script { overflow-x: auto; padding: .6rem 1rem 1rem; }
.script table { font: 13px/1.5 ui-monospace, "SF Mono", Menlo, Consolas, monospace; margin: 0; }
.script td, .script th { border: 0; padding: .12rem .6rem .12rem 0; vertical-align: top; font-weight: 400; }
.script td:last-child { overflow-wrap: anywhere; width: 100%; }
.script .soft { white-space: nowrap; }
code { font: .92em ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
.gap { color: var(--bad); font-weight: 600; }
footer { color: var(--soft); font-size: .85rem; padding: 0 0 3rem; }
@media (max-width: 46rem) {
  .three { grid-template-columns: 1fr; }
  .overview thead { display: none; }
  .overview tr { display: grid; grid-template-columns: repeat(2, 1fr); gap: .2rem .5rem;
    border-bottom: 1px solid var(--line); padding: .6rem 0; }
  .overview th, .overview td { border: 0; padding: 0; }
  .overview tbody th { grid-column: 1 / -1; }
  .overview td::before { content: attr(data-of); display: block; font-size: .72rem; color: var(--soft); }
}
"""


def _mark(result: Result) -> str:
    if result.works is not True:
        return '<span class="mark bad">does not work</span>'
    if result.outcome.succeeded:
        return '<span class="mark bad">✗ attacked</span>'
    return '<span class="mark good">✓ holds</span>'


def _row(threat: Threat, bout: Bout | str) -> str:
    link = f'<a href="#{threat.slug}">{escape(threat.title)}</a>'
    if isinstance(bout, str):
        return (
            f'<tr><th scope="row">{link}</th><td colspan="4" class="gap">{escape(bout)}</td></tr>'
        )
    cells = "".join(
        f'<td data-of="{escape(_TITLES[kind])}">{_mark(bout.results[kind])}</td>' for kind in Kind
    )
    told = (
        f'<a class="mark good" href="#{threat.slug}-trail">✓ tells</a>'
        if bout.told
        else '<span class="mark bad">✗ silent</span>'
    )
    return f'<tr><th scope="row">{link}</th>{cells}<td data-of="Its trail">{told}</td></tr>'


def _line(line: Line) -> str:
    way = {">": "→", "<": "←"}.get(line.way, "")
    return (
        f'<tr><td class="soft">{line.at:6.2f} s</td><td class="soft">{escape(line.who)}</td>'
        f"<td>{way}</td><td>{escape(line.text)}</td></tr>"
    )


def _transcript(kind: Kind, result: Result) -> str:
    lines = result.outcome.transcript
    shown = lines
    cut = ""
    if len(lines) > _MOST_LINES:
        half = _MOST_LINES // 2
        shown = (*lines[:half], *lines[-half:])
        cut = f'<p class="soft">{len(lines) - 2 * half} lines in the middle are left out.</p>'
    rows = "".join(map(_line, shown))
    return (
        f"<details><summary>Transcript: {escape(_TITLES[kind].lower())}, {len(lines)} lines, "
        f'{result.seconds:.1f} s</summary><div class="script">{cut}<table>{rows}</table></div></details>'
    )


def _entry(entry: dict[str, Any]) -> str:
    facts = ", ".join(f"{name} {entry[name]}" for name in _SHOWN[1:] if entry.get(name))
    return (
        f'<tr><td class="soft">{entry["seq"]}</td><td>{escape(str(entry["name"]))}</td>'
        f"<td>{escape(facts)}</td></tr>"
    )


def _trail(bout: Bout) -> str:
    told = bout.told
    shown = "".join(map(_entry, told[:_MOST_LINES]))
    total = len(bout.results[Kind.GUARDED].trail or ())
    return (
        f'<details id="{bout.threat.slug}-trail"><summary>The trail says what happened: '
        f"{len(told)} of {total} entries tell of the attack</summary>"
        f'<div class="script"><table>{shown}</table></div></details>'
    )


def _section(threat: Threat, bout: Bout | str) -> str:
    head = f'<section id="{threat.slug}"><h2>{escape(threat.title)}</h2>'
    if isinstance(bout, str):
        return f'{head}<p class="gap">{escape(bout)}</p></section>'
    module = threat.module
    doc = inspect.getdoc(module) or threat.attack
    cards = "".join(
        f'<div class="one"><h3>{escape(_TITLES[kind])} {_mark(result)}</h3>'
        f"<p>{escape(_capital(result.outcome.said))}</p>"
        + (f'<p class="soft">{_code(module.WHY)}</p>' if kind is Kind.BY_HAND else "")
        + (
            f'<p class="soft">What ends it: {_code("; ".join(threat.ends))}.</p>'
            if kind is Kind.GUARDED
            else ""
        )
        + "</div>"
        for kind, result in bout.results.items()
    )
    gaps = "".join(f'<p class="gap">Gap: {escape(gap)}</p>' for gap in bout.gaps)
    scripts = "".join(_transcript(kind, result) for kind, result in bout.results.items())
    return (
        f'{head}<p>{_code(doc)}</p>{gaps}<p class="soft">{_finders(threat)}</p>'
        f'<div class="three">{cards}</div>'
        f"{scripts}{_trail(bout)}</section>"
    )


def _finders(threat: Threat) -> str:
    """Return the rules and probes that find it."""
    return "<br>".join(
        f"{name}: {_code(said)}{'' if said.endswith('.') else '.'}"
        for name, said in (
            ("<code>stormdoor-audit scan</code>", threat.auditor),
            ("<code>stormdoor-audit probe</code>", threat.prober),
        )
        if said
    )


def _code(text: str) -> str:
    """Words between backticks as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def page(chosen: Sequence[Threat], bouts: Sequence[Bout | str], seconds: float) -> str:
    """The report as one HTML document without any reference to elsewhere.

    Args:
        chosen: The threats.
        bouts: What came of each, or why nothing did.
        seconds: How long all of it took.
    """
    finished = [bout for bout in bouts if isinstance(bout, Bout)]

    def attacked(kind: Kind) -> int:
        return sum(bout.results[kind].outcome.succeeded for bout in finished)

    gaps = sum(len(bout.gaps) if isinstance(bout, Bout) else 1 for bout in bouts)
    sums = "".join(
        f"<li><b>{attacked(kind)} of {len(finished)}</b>attacks succeed: {escape(title.lower())}</li>"
        for kind, title in _TITLES.items()
    )
    pairs = list(zip(chosen, bouts, strict=True))
    verdict = "There is no gap." if not gaps else f"There are gaps: {gaps}."
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>The lab of stormdoor</title><style>{_STYLE}</style></head><body>
<header><h1>The lab: every attack, on three servers</h1>
<p>For each threat the same application runs three times: with the hole, guarded by hand as a careful
reader of Tornado's documentation writes it, and behind stormdoor. One attack is run on all three, and
judges by what an outsider sees. What the server is for was tried on each of them before.</p>
<ul class="sums">{sums}</ul>
<p class="{"gap" if gaps else "soft"}">{verdict}
{len(finished)} threats in {seconds:.0f} seconds, on loopback.</p>
</header><main><table class="overview"><thead><tr><th scope="col">Threat</th>
{"".join(f'<th scope="col">{escape(title)}</th>' for title in (*_TITLES.values(), "Its trail"))}</tr></thead>
<tbody>{"".join(_row(threat, bout) for threat, bout in pairs)}</tbody></table>
{"".join(_section(threat, bout) for threat, bout in pairs)}
<footer>Passwords and cookies are left out of transcripts. Run it again: <code>make lab</code></footer>
</main></body></html>
"""
