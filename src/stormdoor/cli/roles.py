"""`stormdoor roles`: roles of principals."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from cyclopts import App

from stormdoor.cli.effect import Wait, changed, followed
from stormdoor.cli.known import defined_roles, known_principal
from stormdoor.cli.output import print_json, print_result, remark, table
from stormdoor.cli.where import UNSAID, Where, actor, opened
from stormdoor.errors import StoreError

if TYPE_CHECKING:
    from stormdoor.runtime.installation import Installation

__all__ = ["app"]

app = App(name="roles", help_format="markdown", help="Roles of principals.")


@app.command(name="list")
async def list_(*, where: Where = UNSAID) -> int:
    """List the roles that the configuration defines or that a principal has.

    Args:
        where: Which installation.
    """
    async with opened(where, purpose="read") as installation:
        accounts = await installation.guard.state.accounts.accounts()
    defined = installation.guard.policies.roles
    held = Counter(name for one in accounts for name in one.roles)
    names = sorted({*defined, *held})
    if where.json:
        print_json(
            [
                {
                    "name": name,
                    "defined": name in defined,
                    "grants": list(defined[name].grants) if name in defined else [],
                    "inherits": list(defined[name].inherits) if name in defined else [],
                    "tenant": defined[name].tenant if name in defined else None,
                    "principals": sorted(one.id for one in accounts if name in one.roles),
                }
                for name in names
            ]
        )
    elif names and installation.policies_known:
        table(
            ["role", "grants", "inherits", "principals>"],
            [
                (
                    name,
                    defined[name].grants if name in defined else "not defined",
                    ", ".join(defined[name].inherits) if name in defined else None,
                    str(held[name]),
                )
                for name in names
            ],
        )
    elif names:
        table(["role", "principals>"], [(name, str(held[name])) for name in names])
        remark("What they grant stands in the configuration; name it with --config.")
    else:
        remark("There are no roles.")
    return 0 if names else 1


async def _assigned_roles(installation: Installation, principal: str) -> frozenset[str]:
    return (await known_principal(installation.guard, principal)).roles


def _say(
    where: Where, principal: str, roles: frozenset[str], done: str, nodes: dict[str, int]
) -> None:
    held = sorted(roles)
    text = f"{done} {principal} now has: {', '.join(held) or 'no roles'}. {followed(nodes)}"
    print_result(where, {"principal": principal, "roles": held, **nodes}, text)


@app.command
async def grant(
    principal: str,
    role: str,
    /,
    *more: str,
    anyway: bool = False,
    wait: Wait = "log",
    where: Where = UNSAID,
) -> int:
    """Give roles. They take effect with the next message of every open socket.

    Args:
        principal: Principal that gets the role.
        role: The role.
        more: Further roles.
        anyway: Give roles that the configuration does not define.
        wait: "cluster" waits until every live node has applied it.
        where: Which installation.
    """
    async with opened(where) as installation:
        before = await _assigned_roles(installation, principal)
        wanted = (role, *more)
        defined_roles(installation, wanted, anyway=anyway)
        guard = installation.guard

        async def grant_all() -> None:
            for one in wanted:
                if one not in before:
                    await guard.admin.grant_role(principal, one, actor=actor())

        nodes = await changed(guard, wait, grant_all)
        after = await _assigned_roles(installation, principal)
    _say(where, principal, after, "Granted." if after != before else "Nothing to grant.", nodes)
    return 0


@app.command
async def withdraw(
    principal: str, role: str, /, *more: str, wait: Wait = "log", where: Where = UNSAID
) -> int:
    """Remove roles. Sockets that are no longer permitted are closed.

    Args:
        principal: Principal that loses the role.
        role: The role.
        more: Further roles.
        wait: "cluster" waits until every live node has applied it.
        where: Which installation.
    """
    async with opened(where) as installation:
        before = await _assigned_roles(installation, principal)
        wanted = (role, *more)
        missing = [one for one in wanted if one not in before]
        if missing:
            held = ", ".join(sorted(before)) or "none"
            raise StoreError(f"{principal} does not have {', '.join(missing)}; it has: {held}")
        guard = installation.guard

        async def withdraw_all() -> None:
            for one in wanted:
                await guard.admin.withdraw_role(principal, one, actor=actor())

        nodes = await changed(guard, wait, withdraw_all)
        after = await _assigned_roles(installation, principal)
    _say(where, principal, after, "Withdrawn.", nodes)
    return 0
