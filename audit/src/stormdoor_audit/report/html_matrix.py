"""The authorization matrix in HTML: a table for each endpoint with a replayed conversation."""

from __future__ import annotations

from stormdoor_audit.report.access import AccessCell, AccessMatrix
from stormdoor_audit.report.finding import EndpointReport, Report
from stormdoor_audit.report.html_text import escaped, inline
from stormdoor_audit.report.printable import printable

__all__ = ["matrices"]


def chip(cell: AccessCell) -> tuple[str, str]:
    """The kind of chip that a cell is, and what it says; the word tells it without colour, too."""
    if cell.wrong:
        return "missing", "allowed, not meant"
    if cell.meant == "allowed" and cell.state in {"refused", "silent"}:
        return "weak", f"{cell.state}, meant to be allowed"
    if cell.state == "unknown":
        return "unknown", "could not tell"
    if cell.state == "not-tried":
        return "not-needed", "not tried"
    return ("guarded" if cell.meant else "not-needed"), cell.state


def _cell(cell: AccessCell) -> str:
    kind, says = chip(cell)
    lines = escaped("\n".join(map(printable, cell.transcript)))
    script = (
        f"<details><summary>Transcript</summary><pre><code>{lines}</code></pre></details>"
        if lines
        else ""
    )
    return (
        f'<td><span class="check">{escaped(cell.identity)}</span>'
        f'<span class="chip {kind}">{says}</span><p>{inline(cell.why)}</p>{script}</td>'
    )


def _table(one: EndpointReport, matrix: AccessMatrix) -> str:
    names = "".join(f'<th scope="col">{escaped(name)}</th>' for name in matrix.identities)
    rows = []
    for row in matrix.rows:
        whose = f'<span class="place">object of {escaped(row.of)}</span>' if row.of else ""
        kind = "reads" if row.reads else "not declared to be a read"
        rows.append(
            f'<tr><th scope="row"><b>{escaped(row.action)}</b>{whose}'
            f'<span class="place">{kind}</span></th>{"".join(map(_cell, row.cells))}</tr>'
        )
    return (
        f"<h3>{escaped(one.subject)}</h3>"
        '<div class="wide"><table class="access card"><thead><tr><th scope="col">Action</th>'
        f"{names}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def matrices(report: Report) -> str:
    """The section; empty where nothing was replayed."""
    found = [_table(one, one.matrix) for one in report.endpoints if one.matrix is not None]
    if not found:
        return ""
    return (
        '<section id="matrix"><div class="heading"><h2>Who may do what</h2></div>'
        '<p class="quiet">Each action of the recorded conversation by each identity, judged by what was '
        "delivered. Green is as declared; grey is what is not declared.</p>"
        f"{''.join(found)}</section>"
    )
