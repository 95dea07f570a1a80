"""`stormdoor factors`: second factors of principals."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from stormdoor.cli.effect import Wait, changed, counted, followed
from stormdoor.cli.known import known_principal, short_ids, whole_id
from stormdoor.cli.output import iso, moment, print_json, print_result, remark, table
from stormdoor.cli.usage import UsageError
from stormdoor.cli.where import UNSAID, Where, actor, opened

__all__ = ["app"]

Every = Annotated[bool, Parameter(name="--all")]

app = App(name="factors", help_format="markdown", help="Second factors of principals.")


@app.command(name="list")
async def list_(principal: str, /, *, where: Where = UNSAID) -> int:
    """List the second factors of a principal.

    Ends with 1 if there is none.

    Args:
        principal: Its id.
        where: Which installation.
    """
    async with opened(where, purpose="read") as installation:
        guard = installation.guard
        account = await known_principal(guard, principal)
        factors = await guard.factors.factors(account.id)
        codes = await guard.state.recovery_codes.recovery_codes(account.id)
    if where.json:
        print_json(
            {
                "principal": account.id,
                "factors": [
                    {
                        "id": one.id,
                        "kind": one.kind.value,
                        "name": one.name,
                        "created": iso(one.created_at),
                        "last_used": iso(one.last_used_at),
                    }
                    for one in factors
                ],
                "recovery_codes": codes,
            }
        )
    elif factors:
        shown = short_ids(one.id for one in factors)
        table(
            ["factor!", "kind", "name", "last used (UTC)"],
            [
                (
                    shown[one.id],
                    one.kind.value,
                    one.name,
                    "never" if one.last_used_at is None else moment(one.last_used_at),
                )
                for one in factors
            ],
        )
        remark(f"Recovery codes left: {codes}.")
    else:
        remark(f"{account.id} has no second factor.")
    return 0 if factors else 1


@app.command
async def remove(
    principal: str,
    /,
    *factor: str,
    every: Every = False,
    wait: Wait = "log",
    where: Where = UNSAID,
) -> int:
    """Remove second factors of a principal that has lost them, and end all its logins.

    Make sure that the request comes from the principal. Without a factor, the password alone is enough.

    Args:
        principal: Its id.
        factor: The id of a factor, or its beginning.
        every: Remove all of them.
        wait: "cluster" waits until every live node has applied it.
        where: Which installation.
    """
    if bool(factor) == every:
        raise UsageError("say which: the id of a factor, or --all")
    async with opened(where) as installation:
        guard = installation.guard
        account = await known_principal(guard, principal)
        ids = [one.id for one in await guard.factors.factors(account.id)]
        if factor:
            ids = [whole_id(one, ids, "factor") for one in factor]

        async def remove_all() -> None:
            for id in ids:
                await guard.admin.remove_factor(account.id, id, actor=actor())

        nodes = await changed(guard, wait, remove_all)
    done = f"{counted(len(ids), 'factor')} of {account.id} removed. {followed(nodes)}"
    print_result(where, {"principal": account.id, "removed": ids, **nodes}, done)
    return 0 if ids else 1
