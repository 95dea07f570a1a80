"""Print the result of a command that closes connections."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from stormdoor.cli.effect import FOLLOWS, counted
from stormdoor.cli.output import print_json, remark, say

if TYPE_CHECKING:
    from stormdoor.cli.where import Where

__all__ = ["report_closed"]


def report_closed(
    where: Where, result: Mapping[str, object], done: str, before: int, left: int
) -> int:
    """Print the result and the number of closed connections. Returns the exit code.

    Args:
        where: Options, for `--json`.
        result: The result for scripts.
        done: A sentence.
        before: Number of open connections before.
        left: Number of connections that still seem to be open.
    """
    if where.json:
        print_json({**result, "closed": before - left, "left": left})
    elif not before:
        follows = "" if "applied" in result else f" {FOLLOWS}"
        say(f"{done} No connection was open.{follows}")
    else:
        say(f"{done} {counted(before - left, 'connection')} closed.")
    if left:
        remark(
            f"{counted(left, 'connection')} still listed: a node does not answer, or reads "
            "another store. See: stormdoor connections list"
        )
    return 1 if left else 0
