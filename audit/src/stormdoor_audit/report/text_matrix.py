"""Authorization matrix for a terminal: a sign for each identity, and the reason where it matters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from stormdoor_audit.report.access import AccessCell, AccessMatrix
from stormdoor_audit.report.finding import EndpointReport
from stormdoor_audit.report.printable import printable

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["print_access"]


def _shown(cell: AccessCell) -> Text:
    if cell.wrong:
        return Text("ALLOWED", style="bold red")
    if cell.meant == "allowed" and cell.state in {"refused", "silent"}:
        return Text(f"{cell.state} !", style="yellow")
    if cell.state == "unknown":
        return Text("?", style="magenta")
    if cell.state == "not-tried":
        return Text("-", style="dim")
    return Text(cell.state, style="green" if cell.meant else "default")


def print_access(one: EndpointReport, out: Console) -> None:
    """Print the matrix of an endpoint, if it has one."""
    if one.matrix is None:
        return
    _print(one.matrix, out)


def _print(matrix: AccessMatrix, out: Console) -> None:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("who may do what", overflow="fold")
    for name in matrix.identities:
        table.add_column(printable(name), no_wrap=True)
    for row in matrix.rows:
        table.add_row(Text(printable(row.title)), *map(_shown, row.cells))
    out.print(Padding(table, (0, 0, 0, 2), expand=False))
    untried = [row.action for row in matrix.rows if row.cells[0].state == "not-tried"]
    out.print()
    if untried:
        names = ", ".join(dict.fromkeys(map(printable, untried)))
        hint = f"Not tried, since they are not declared to read only: {names}. See --safe and --active."
        out.print(Padding(Text(hint, style="dim"), (0, 0, 0, 2), expand=False))
        out.print()
    for row in matrix.rows:
        for cell in row.cells:
            if cell.state == "unknown" or cell.wrong:
                mark = "!" if cell.wrong else "?"
                text = Text.assemble(
                    (f"{mark} ", "bold red" if cell.wrong else "magenta"),
                    f"{printable(row.title)} by {printable(cell.identity)}: {printable(cell.why)}",
                )
                out.print(Padding(text, (0, 0, 0, 2), expand=False))
