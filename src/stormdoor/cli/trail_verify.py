"""`stormdoor trail verify`: detect changes of the trail."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from stormdoor.cli.effect import counted
from stormdoor.cli.output import console, print_json, remark, say
from stormdoor.cli.usage import UsageError
from stormdoor.cli.where import UNSAID, Where, opened
from stormdoor.guard.trail_verification import verify_trail

__all__ = ["verify"]


def _head(text: str | None) -> tuple[int, str] | None:
    if text is None:
        return None
    match = re.fullmatch(r"(\d{1,18}):([0-9a-f]{64})", text)
    if match is None:
        raise UsageError("--head is SEQ:HASH, as an earlier `stormdoor trail verify` printed it")
    return int(match[1]), match[2]


async def verify(*, head: str | None = None, where: Where = UNSAID) -> int:
    """Verify that no entry was changed, removed or added. Ends with 1 if one was.

    Prints the head: the number and the hash of the last entry. Store it on another machine, and pass it to
    a later run as --head: it then detects entries that were removed at the end, or a chain that was
    computed again.

    Args:
        head: The head that an earlier run printed, SEQ:HASH.
        where: Which installation.
    """
    expected = _head(head)
    async with opened(where, purpose="verify") as installation:
        with _progress() as progress:
            result = await verify_trail(
                installation.guard.state.trail,
                key=installation.trail_key,
                expected=expected,
                progress=progress,
            )
    keyed = installation.trail_key is not None
    shown = f"{result.head[0]}:{result.head[1]}"
    if where.json:
        print_json(
            {
                "whole": not result.faults,
                "faults": list(result.faults),
                "entries": result.entries,
                "erased": result.erased,
                "anchor": f"{result.anchor[0]}:{result.anchor[1]}",
                "head": shown,
                "keyed": keyed,
            }
        )
    elif result.faults:
        for fault in result.faults:
            say(f"{fault}", style="red")
        say("The trail is not whole.", style="bold red")
        if result.all_fail:
            remark("No entry fits: the key is probably another one.")
    else:
        since = f" after entry {result.anchor[0]}" if result.anchor[0] else ""
        if result.chains > 1:
            since = f" in {result.chains} chains"
        say(
            f"The trail is whole: {counted(result.entries, 'entry')}{since}.".replace(
                "entrys", "entries"
            )
        )
        say(f"head {shown}")
        if not keyed:
            remark(
                "It has no key: an attacker who can write to the store could have computed it again. "
                "Set trail_key, and keep heads elsewhere."
            )
    return 1 if result.faults else 0


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """Yield a function that shows the progress on standard error, if that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda *_: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    with Progress(
        TextColumn("verifying"),
        BarColumn(),
        MofNCompleteColumn(),
        console=console(stderr=True),
        transient=True,
    ) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=max(done, total))
