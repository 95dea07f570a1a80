"""`stormdoor migrate`: the schema of a store."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from stormdoor.cli.ask import confirm
from stormdoor.cli.output import print_json, print_result, remark, say, table
from stormdoor.cli.where import UNSAID, Where, actor, opened, resolved

__all__ = ["app"]

app = App(name="migrate", help_format="markdown")


def _url(where: Where, *, file: bool = False) -> str:
    from stormdoor.runtime.migration import store_url

    return store_url(*resolved(where), file=file)


@app.command
async def plan(*, where: Where = UNSAID) -> int:
    """Show the migrations that the database or SQLite file lacks. Changes nothing.

    Ends with 0 if there is none, and with 1 if there are some.

    Args:
        where: Which installation.
    """
    from stormdoor.runtime.migration import plan as find

    found = await find(_url(where, file=True))
    if where.json:
        print_json(
            {
                "present": found.present,
                "known": found.known,
                "steps": [
                    {
                        "number": one.number,
                        "name": one.name,
                        "mode": one.mode,
                        "min_code": one.min_code,
                        "contracts": one.contracts,
                    }
                    for one in found.steps
                ],
            }
        )
    elif found.steps:
        table(
            ("migration", "runs", "code of the present schema"),
            [
                (one.name, one.mode, "stop working" if one.contracts else "go on")
                for one in found.steps
            ],
        )
        remark(f"The store has schema {found.present}; this stormdoor knows {found.known}.")
    else:
        say(f"The store has schema {found.present}, and lacks no migration.")
    return 1 if found.steps else 0


@app.command
async def apply(
    *,
    contract: Annotated[bool, Parameter(name="--contract")] = False,
    lock_seconds: float = 3.0,
    where: Where = UNSAID,
) -> int:
    """Run the missing migrations, and verify the schema. Safe to repeat.

    On PostgreSQL, the login must own the tables, and may create roles at the first time. The first run makes
    the roles stormdoor_app and stormdoor_keeper.

    A SQLite file is copied beside itself before, and migrated in one transaction. The copy is printed. A
    server does the same at its start.

    Args:
        contract: Also run migrations after which nodes of older releases stop working. It is refused while
            such a node runs. On PostgreSQL only.
        lock_seconds: Seconds that a statement waits for a lock, while others wait behind it. 3 if left out.
            On PostgreSQL only.
        where: Which installation.
    """
    from stormdoor.runtime.migration import apply as run
    from stormdoor.runtime.migration import on_postgresql

    url = _url(where, file=True)

    def progress(name: str, rows: int) -> None:
        remark(f"{name}: {rows} rows" if rows else f"{name}: done")

    done = await run(url, contract=contract, lock_seconds=lock_seconds, progress=progress)
    if where.json:
        print_json({"ran": done.ran, "copy": done.copy and str(done.copy)})
        return 0
    if on_postgresql(url):
        return await verify(where=where)
    for name in done.ran:
        remark(f"{name}: done")
    if done.copy is not None:
        say(f"The file as it was before is {done.copy}: delete it when you will not return to it.")
    say("The file has the schema of this release.")
    return 0


@app.command
async def verify(*, where: Where = UNSAID) -> int:
    """Compare the schema with the one that the migrations make. Ends with 1 if they differ.

    It makes the expected schema in a transaction that it undoes; the login must own the tables.

    Args:
        where: Which installation.
    """
    from stormdoor.runtime.migration import verify as compare

    found = await compare(_url(where))
    if where.json:
        print_json({"differences": found})
    else:
        for one in found:
            say(one, style="red")
        say("The schema differs." if found else "The schema is as the migrations make it.")
    return 1 if found else 0


@app.command
async def rotate_epoch(
    *, yes: Annotated[bool, Parameter(name=["--yes", "-y"])] = False, where: Where = UNSAID
) -> int:
    """Begin another epoch of the log of revocations: needed after each restore of a backup.

    Nodes that run load the log again, and compare every connection with it.

    Args:
        yes: Do not ask.
        where: Which installation.
    """
    from stormdoor.core.event import Event
    from stormdoor.runtime.migration import rotate_epoch as rotate

    url = _url(where)
    confirm("Begin another epoch of the log of revocations?", yes=yes)
    async with opened(where) as installation:
        epoch = await rotate(url)
        guard = installation.guard
        guard.trail.note(
            Event(
                time=guard.clock.now(),
                name="sys_epoch",
                actor=actor(),
                detail=f"the log of revocations began the epoch {epoch}",
                proven=True,
            )
        )
    print_result(where, {"epoch": epoch}, f"The log has begun the epoch {epoch}.")
    return 0
