"""`stormdoor trail`: the audit trail."""

from __future__ import annotations

import asyncio
import json
import shlex
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from stormdoor.cli.entry import as_row, as_text
from stormdoor.cli.output import console, moment, print_json, remark
from stormdoor.cli.reference import UNKNOWN, explanation
from stormdoor.cli.trail_export import export
from stormdoor.cli.trail_filter import EVERY, Selected
from stormdoor.cli.trail_keep import erase, retain
from stormdoor.cli.trail_verify import verify
from stormdoor.cli.usage import UsageError
from stormdoor.cli.where import UNSAID, Where, name_installation, opened
from stormdoor.core.denial import Denial

if TYPE_CHECKING:
    from stormdoor.core.event import Entry
    from stormdoor.core.trail_filter import Cursor, Filters
    from stormdoor.ports import TrailStore

__all__ = ["app"]

app = App(name="trail", help_format="markdown", help="The audit trail.")

for _command in (verify, export, retain, erase):
    app.command(_command)

_CAUSES = tuple(one.value for one in Denial)
_PAGE = 1000
_PAGES = 40
"""Pages that one call reads for a condition that no index serves."""
_FOLLOW_SECONDS = 0.5


@app.command
async def show(
    *,
    last: Annotated[int, Parameter(name=["--last", "-n"])] = 20,
    after: int = 0,
    cursor: str | None = None,
    follow: Annotated[bool, Parameter(name=["--follow", "-f"])] = False,
    selected: Selected = EVERY,
    where: Where = UNSAID,
) -> int:
    """Show the newest entries. Times are UTC.

    A search reads at most 100,000 entries if no index serves it. It then prints how far it has looked, and
    the command that continues. Indexes serve --principal, --address, --ref, --since and --until. With --ref,
    the refusal is explained.

    Args:
        last: Number of entries. 20 if left out.
        after: Only entries after this number.
        cursor: Continue an earlier search, at the place that it printed.
        follow: Continue, and show new entries.
        selected: Which entries.
        where: Which installation.
    """
    if last < 1:
        raise UsageError("--last must be 1 or more")
    if follow and cursor is not None:
        raise UsageError("--follow shows new entries, --cursor older ones; give one of them")
    begin, filters = _cursor_of(cursor), selected.filters()
    async with opened(where, purpose="read") as installation:
        store = installation.guard.state.trail
        found, end = await _newest(store, last, after, begin, filters)
        if follow:
            return await _follow(store, where, found, filters)
    if where.json:
        print_json([as_row(one) for one in found])
    elif found:
        out = console()
        for one in found:
            out.print(as_text(one))
            if selected.ref is not None and (explained := explanation(one.event)) is not None:
                out.print(explained)
    elif end is None:
        only_ref = selected.ref is not None and selected == Selected(ref=selected.ref) and not after
        remark(UNKNOWN if only_ref else "There are no such entries.")
        if selected.cause and selected.cause not in _CAUSES:
            remark(f"{selected.cause!r} is no cause of a refusal. Those are: {', '.join(_CAUSES)}.")
    if end is not None and (len(found) < last or selected != EVERY or begin is not None):
        remark(f"{len(found)} found back to entry {end.number}, {moment(end.time)}. To continue:")
        remark(_continued(last, after, end, selected, where))
    return 0 if found else 1


def _continued(last: int, after: int, end: Cursor, selected: Selected, where: Where) -> str:
    """Return the command that continues a search."""
    options = [*selected.options, f"--last={last}", *([f"--after={after}"] if after else [])]
    options += [] if where.trail_key_file is None else [f"--trail-key-file={where.trail_key_file}"]
    options += ["--json"] if where.json else []
    line = shlex.join(["stormdoor", "trail", "show", *options, f"--cursor={end}"])
    return f"{line} {name_installation(where.config, where.store)}".rstrip()


def _cursor_of(text: str | None) -> Cursor | None:
    from stormdoor.core.trail_filter import Cursor

    try:
        return None if text is None else Cursor.parse(text)
    except ValueError:
        raise UsageError(
            f"{text!r} is no cursor; copy it from the output of the search before"
        ) from None


async def _newest(
    store: TrailStore, limit: int, after: int, cursor: Cursor | None, filters: Filters
) -> tuple[list[Entry], Cursor | None]:
    """Return the newest entries that fit, in order, and how far the search has looked; None if at all."""
    found: list[Entry] = []
    for _ in range(_PAGES):
        page = await store.entries(
            after=after, limit=limit - len(found), newest_first=True, cursor=cursor, **filters
        )
        found += page
        cursor = page.cursor
        if cursor is None or len(found) == limit:
            break
    found.reverse()
    return found, cursor


async def _follow(store: TrailStore, where: Where, found: Sequence[Entry], filters: Filters) -> int:
    """Print the entries that fit, then each new one, until the operator interrupts."""
    # From the end of the whole trail: entries about others are not read again.
    seen = max((one.number for one in found), default=0)
    if not found:
        seen = max(
            (one.number for one in await store.entries(limit=1, newest_first=True)), default=0
        )
    while True:
        for entry in found:
            if where.json:
                sys.stdout.write(json.dumps(as_row(entry)) + "\n")
            else:
                console().print(as_text(entry))
            seen = max(seen, entry.number)
        sys.stdout.flush()
        await asyncio.sleep(_FOLLOW_SECONDS)
        page = await store.entries(after=seen, limit=_PAGE, **filters)
        found = page
        if page.cursor is not None:
            seen = max(seen, page.cursor.number)
