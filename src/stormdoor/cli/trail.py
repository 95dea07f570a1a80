"""`stormdoor trail`: the audit trail."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from stormdoor.cli.entry import as_row, as_text
from stormdoor.cli.output import console, print_json, remark
from stormdoor.cli.trail_export import export
from stormdoor.cli.trail_keep import erase, retain
from stormdoor.cli.trail_verify import verify
from stormdoor.cli.usage import UsageError
from stormdoor.cli.where import UNSAID, Where, opened

if TYPE_CHECKING:
    from stormdoor.core.event import Entry
    from stormdoor.ports import TrailStore

__all__ = ["app"]

app = App(name="trail", help_format="markdown", help="The audit trail.")

for _command in (verify, export, retain, erase):
    app.command(_command)

_PAGE = 1000
_FOLLOW_SECONDS = 0.5


@app.command
async def show(
    *,
    last: Annotated[int, Parameter(name=["--last", "-n"])] = 20,
    principal: str | None = None,
    name: str | None = None,
    after: int = 0,
    follow: Annotated[bool, Parameter(name=["--follow", "-f"])] = False,
    where: Where = UNSAID,
) -> int:
    """Show the newest entries. Times are UTC.

    Args:
        last: Number of entries. 20 if left out.
        principal: Only entries about this principal: as its subject or its actor.
        name: Only events of this name, such as authn_login_fail.
        after: Only entries after this number.
        follow: Continue, and show new entries.
        where: Which installation.
    """
    if last < 1:
        raise UsageError("--last must be 1 or more")
    async with opened(where, purpose="read") as installation:
        store = installation.guard.state.trail
        found = await store.entries(
            after=after, limit=last, principal=principal, name=name, newest_first=True
        )
        found.reverse()
        if follow:
            return await _follow(store, where, found, principal, name)
    if where.json:
        print_json([as_row(one) for one in found])
    elif found:
        out = console()
        for one in found:
            out.print(as_text(one))
    else:
        remark("There are no such entries.")
    return 0 if found else 1


async def _newest(store: TrailStore) -> int:
    newest = await store.entries(limit=1, newest_first=True)
    return newest[0].number if newest else 0


async def _follow(
    store: TrailStore, where: Where, found: list[Entry], principal: str | None, name: str | None
) -> int:
    """Print the matching entries, then each new one, until the operator interrupts."""
    # Counted from the end of the whole trail: entries about others are not read again.
    seen = found[-1].number if found else await _newest(store)
    while True:
        for entry in found:
            if where.json:
                sys.stdout.write(json.dumps(as_row(entry)) + "\n")
            else:
                console().print(as_text(entry))
            seen = entry.number
        sys.stdout.flush()
        await asyncio.sleep(_FOLLOW_SECONDS)
        found = await store.entries(after=seen, limit=_PAGE, principal=principal, name=name)
