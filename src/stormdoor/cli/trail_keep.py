"""`stormdoor trail retain` and `erase`: remove old entries and personal data."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from stormdoor.cli.ask import confirm
from stormdoor.cli.output import print_result, remark
from stormdoor.cli.usage import UsageError
from stormdoor.cli.where import UNSAID, Where, actor, opened

__all__ = ["erase", "retain"]


async def retain(
    *,
    days: float,
    yes: Annotated[bool, Parameter(name=["--yes", "-y"])] = False,
    where: Where = UNSAID,
) -> int:
    """Drop older entries. The rest still verifies.

    Args:
        days: How many days to keep.
        yes: Do not ask.
        where: Which installation.
    """
    if not days > 0:
        raise UsageError("--days must be greater than 0")
    async with opened(where) as installation:
        guard = installation.guard
        confirm(f"Drop all entries that are older than {days:g} days, for good?", yes=yes)
        dropped = await guard.admin.retain(guard.clock.now() - days * 86_400, actor=actor())
    print_result(where, {"dropped": dropped}, f"{dropped} entries were dropped.")
    return 0


async def erase(
    principal: str,
    /,
    *,
    yes: Annotated[bool, Parameter(name=["--yes", "-y"])] = False,
    where: Where = UNSAID,
) -> int:
    """Erase the personal data from all entries about a principal. The trail still verifies.

    Args:
        principal: Its name.
        yes: Do not ask.
        where: Which installation.
    """
    async with opened(where) as installation:
        guard = installation.guard
        confirm(f"Erase {principal} from the trail, for good?", yes=yes)
        erased = await guard.admin.erase(principal, actor=actor())
        still = await guard.state.accounts.account(principal) is not None
    done = f"{principal} was erased from {erased} entries."
    print_result(where, {"principal": principal, "erased": erased}, done)
    if still and not where.json:
        remark(f"{principal} is still in the store, and will be in the entries to come.")
    return 0 if erased else 1
