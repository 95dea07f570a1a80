"""`make lab`: attacks every server of the lab, prints the table, writes the report.

    python -m lab.run [SLUG ...]

The exit status is 0 if all results are as expected: each attack succeeds on the vulnerable server and fails
on the guarded one, which records it in the trail. It is 1 if there is a deviation, and 2 for an unknown slug.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from lab.harness.bout import Bout, Kind, Threat, fight, threats
from lab.harness.browser import NoBrowser, Profiles
from lab.report import page

__all__ = ["main", "run"]

REPORT = Path("build/lab/report.html")
_AT_ONCE = 2


async def run(chosen: Sequence[Threat], progress: Progress | None = None) -> list[Bout | str]:
    """Attack the servers of those threats, two threats at a time.

    Returns:
        For each threat in its order what came of it, or why nothing could.
    """
    places = asyncio.Semaphore(_AT_ONCE)
    task = None if progress is None else progress.add_task("attacking", total=len(chosen))

    async def one(threat: Threat, profiles: Profiles) -> Bout | str:
        async with places:
            if not threat.built:
                return f"there is no {threat.package.replace('.', '/')}"
            try:
                return await fight(threat, profiles)
            except NoBrowser as missing:
                return f"needs a browser: {missing}"
            except RuntimeError as error:
                return str(error)
            finally:
                if progress is not None and task is not None:
                    progress.advance(task)

    async with Profiles() as profiles:
        return await asyncio.gather(*(one(threat, profiles) for threat in chosen))


def _cell(bout: Bout, kind: Kind) -> Text:
    result = bout.results[kind]
    if result.works is not True:
        return Text("does not work", style="bold red")
    if result.outcome.succeeded:
        return Text("attacked", style="red")
    return Text("holds", style="green")


def _table(chosen: Sequence[Threat], bouts: Sequence[Bout | str]) -> Table:
    table = Table(title="what the same attack does to three servers")
    for name in ("threat", "vulnerable", "by hand", "guarded", "trail"):
        table.add_column(name, no_wrap=True)
    for threat, bout in zip(chosen, bouts, strict=True):
        if isinstance(bout, str):
            table.add_row(threat.slug, Text("no result", style="bold red"), "", "", bout)
            continue
        told = Text("tells", style="green") if bout.told else Text("silent", style="bold red")
        table.add_row(threat.slug, *(_cell(bout, kind) for kind in Kind), told)
    return table


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="make lab", description=__doc__.splitlines()[0])
    parser.add_argument("slugs", nargs="*", metavar="SLUG", help="only these threats")
    parser.add_argument("--output", type=Path, default=REPORT, metavar="FILE")
    given = parser.parse_args(arguments)
    catalogue = {threat.slug: threat for threat in threats()}
    unknown = [slug for slug in given.slugs if slug not in catalogue]
    if unknown:
        print(f"no such threat: {', '.join(unknown)}", file=sys.stderr)
        return 2
    chosen = [catalogue[slug] for slug in given.slugs] or list(catalogue.values())
    console = Console()
    began = time.monotonic()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        bouts = asyncio.run(run(chosen, progress))
    seconds = time.monotonic() - began
    console.print(_table(chosen, bouts))
    gaps = 0
    for threat, bout in zip(chosen, bouts, strict=True):
        for gap in [bout] if isinstance(bout, str) else bout.gaps:
            gaps += 1
            console.print(f"gap: {threat.slug}: {gap}", style="red", markup=False)
    given.output.parent.mkdir(parents=True, exist_ok=True)
    given.output.write_text(page(chosen, bouts, seconds), encoding="utf-8")
    finished = [bout for bout in bouts if isinstance(bout, Bout)]
    fallen = sum(bout.results[Kind.BY_HAND].outcome.succeeded for bout in finished)
    console.print(
        f"{len(finished)} threats in {seconds:.0f} s; guarded by hand, {fallen} of them get through; "
        f"{gaps or 'no'} gap{'s' if gaps != 1 else ''}. Transcripts: {given.output}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    return 1 if gaps else 0


if __name__ == "__main__":
    sys.exit(main())
