"""`stormdoor principals`: list and manage principals."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from cyclopts import App

from stormdoor.cli.ask import new_password
from stormdoor.cli.effect import counted, live
from stormdoor.cli.known import defined_roles, known_principal
from stormdoor.cli.output import day, facts, iso, moment, print_json, print_list, print_result, say
from stormdoor.cli.pairs import attributes
from stormdoor.cli.principal_change import disable, enable, password, remove, set_
from stormdoor.cli.usage import UsageError
from stormdoor.cli.where import UNSAID, Where, actor, opened
from stormdoor.errors import StoreError

if TYPE_CHECKING:
    from stormdoor.core.account import Account

__all__ = ["app"]

app = App(name="principals", help_format="markdown", help="List and manage principals.")

for _command in (disable, enable, password, remove):
    app.command(_command)
app.command(set_, name="set")


def _as_json(account: Account) -> dict[str, object]:
    return {
        "id": account.id,
        "roles": sorted(account.roles),
        "tenant": account.tenant,
        "attributes": dict(account.attributes),
        "password": account.password_hash is not None,
        "disabled": account.disabled,
        "created": iso(account.created_at),
    }


@app.command(name="list")
async def list_(
    *,
    role: str | None = None,
    disabled: bool = False,
    where: Where = UNSAID,
) -> int:
    """List the principals of the store.

    Args:
        role: Only those that have this role.
        disabled: Only those that are disabled.
        where: Which installation.
    """
    async with opened(where, purpose="read") as installation:
        accounts = [
            one
            for one in await installation.guard.state.accounts.accounts()
            if (role is None or role in one.roles) and (one.disabled or not disabled)
        ]
    return print_list(
        where,
        accounts,
        as_json=_as_json,
        columns=["principal", "roles", "tenant", "state", "password", "created!"],
        row=lambda one: (
            one.id,
            ", ".join(sorted(one.roles)),
            one.tenant,
            "disabled" if one.disabled else "enabled",
            "yes" if one.password_hash else "no",
            day(one.created_at),
        ),
        empty="There are no such principals.",
    )


@app.command
async def show(principal: str, /, *, where: Where = UNSAID) -> int:
    """Show all stored data about one principal.

    Args:
        principal: Its name.
        where: Which installation.
    """
    async with opened(where, purpose="read") as installation:
        guard = installation.guard
        account = await known_principal(guard, principal)
        sessions = len(await guard.sessions.sessions(principal))
        keys = len(await guard.keys.keys(principal))
        sockets = len(await live(guard, lambda one: one.principal_id == principal))
    if where.json:
        extra = {"sessions": sessions, "keys": keys, "connections": sockets}
        print_json(_as_json(account) | extra)
        return 0

    say(account.id, style="bold")
    facts(
        [
            ("state", "disabled" if account.disabled else "enabled"),
            ("roles", ", ".join(sorted(account.roles))),
            ("tenant", account.tenant),
            *(
                (f"attribute {name}", json.dumps(value, ensure_ascii=False))
                for name, value in sorted(account.attributes.items())
            ),
            ("password", "yes" if account.password_hash else "no"),
            ("created (UTC)", moment(account.created_at)),
            (
                "in use",
                ", ".join(
                    (
                        counted(sessions, "session"),
                        counted(keys, "key"),
                        counted(sockets, "open connection"),
                    )
                ),
            ),
        ],
    )
    return 0


@app.command
async def add(
    principal: str,
    /,
    *,
    role: tuple[str, ...] = (),
    tenant: str | None = None,
    attribute: tuple[str, ...] = (),
    password_stdin: bool = False,
    no_password: bool = False,
    anyway: bool = False,
    where: Where = UNSAID,
) -> int:
    """Add a principal. Its password is read twice, without echo.

    Args:
        principal: Its name, which never changes.
        role: A role that it has; may be given several times.
        tenant: The tenant that it belongs to.
        attribute: A fact for conditions, name=text or name:=json; may be given several times.
        password_stdin: Read the password from standard input, one line.
        no_password: Without a password: a service or device that uses keys or tokens.
        anyway: Give roles that the configuration does not define.
        where: Which installation.
    """
    if password_stdin and no_password:
        raise UsageError("give --password-stdin or --no-password, not both")
    facts = attributes(attribute)
    async with opened(where, create=True) as installation:
        guard = installation.guard
        defined_roles(installation, role, anyway=anyway)
        if await guard.state.accounts.account(principal) is not None:
            raise StoreError(f"there is a principal {principal!r} already")
        password = None
        if not no_password:
            password = new_password(
                principal, from_stdin=password_stdin, problem=guard.passwords.unacceptable
            )
        account = await guard.admin.add_principal(
            principal,
            password=password,
            roles=role,
            tenant=tenant,
            attributes=facts,
            actor=actor(),
        )
    held = ", ".join(sorted(account.roles)) or "none"
    print_result(where, _as_json(account), f"{principal} was added. Roles: {held}.")
    return 0
