"""`stormdoor store`: the stored state as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from stormdoor.cli.output import print_json, remark, say, table
from stormdoor.cli.where import Where, trail_key

__all__ = ["app"]

app = App(name="store", help_format="markdown")


@app.command
async def copy(
    source: str,
    target: str,
    /,
    *,
    trail_key_file: Annotated[Path | None, Parameter(name="--trail-key-file")] = None,
    json: Annotated[bool, Parameter(name="--json")] = False,
) -> int:
    """Copy a store from a SQLite file to PostgreSQL, and compare every row.

    Stop all servers first. Run `stormdoor migrate apply` on the new, empty database. After an interruption,
    run the same command again: it continues. Until it has ended, no server starts on the copy.

    Args:
        source: The URL of the file, such as sqlite:door.db.
        target: The URL of the database, with the login that owns its tables.
        trail_key_file: The file with the trail's key, as text or hex:... [env: STORMDOOR_TRAIL_KEY, the key
            itself].
        json: Print JSON, for scripts.
    """
    from stormdoor.runtime.store_copy import copy_to_postgresql

    last = ""

    def progress(name: str, _: int) -> None:
        nonlocal last
        if name != last and not json:
            last = name
            remark(f"copying {name}")

    key = trail_key(Where(store=source, trail_key_file=trail_key_file), None)
    copied = await copy_to_postgresql(source, target, trail_key=key, progress=progress)
    head = f"{copied.head[0]}:{copied.head[1]}"
    if json:
        print_json({"rows": copied.rows, "head": head})
        return 0
    table(("table", "rows>"), [(name, str(number)) for name, number in copied.rows.items()])
    say("Every row is in the database, as it was in the file, and the trail is whole.")
    say(f"head {head}")
    return 0
