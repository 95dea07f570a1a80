"""`stormdoor principals remove|disable|enable|password|set`: change a principal."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from stormdoor.cli.ask import confirm, new_password
from stormdoor.cli.effect import Wait, changed, closed, followed, live
from stormdoor.cli.known import known_principal
from stormdoor.cli.output import print_result
from stormdoor.cli.pairs import attributes
from stormdoor.cli.report import report_closed
from stormdoor.cli.usage import UsageError
from stormdoor.cli.where import UNSAID, Where, actor, opened

if TYPE_CHECKING:
    from stormdoor.guard.administration import Administration

__all__ = ["disable", "enable", "password", "remove", "set_"]


async def _end_connections(
    where: Where,
    principal: str,
    name: str,
    change: Callable[[Administration], Awaitable[object]],
    done: str,
    *,
    wait: Wait,
    question: str = "",
) -> int:
    """Make a change that ends a principal's connections, and wait until they are closed.

    Args:
        where: Which installation.
        principal: Id of the principal.
        name: Name of the change, for scripts.
        change: Makes the change.
        done: Sentence about the change.
        wait: "cluster" waits until every live node has applied it.
        question: Asks the operator for a confirmation first; empty for none.
    """
    async with opened(where) as installation:
        guard = installation.guard
        await known_principal(guard, principal)
        confirm(question, yes=not question)
        before = await live(guard, lambda one: one.principal_id == principal)
        nodes = await changed(guard, wait, lambda: change(guard.admin))
        left = await closed(guard, before)
    if nodes:
        done = f"{done} {followed(nodes)}"
    result = {"principal": principal, name: True, **nodes}
    return report_closed(where, result, done, len(before), left)


async def remove(
    principal: str,
    /,
    *,
    yes: Annotated[bool, Parameter(name=["--yes", "-y"])] = False,
    wait: Wait = "log",
    where: Where = UNSAID,
) -> int:
    """Remove a principal with its sessions and keys, and close its connections.

    Its entries stay in the trail: see "trail erase".

    Args:
        principal: Its name.
        yes: Do not ask.
        wait: "cluster" waits until every live node has applied it.
        where: Which installation.
    """
    return await _end_connections(
        where,
        principal,
        "remove",
        lambda admin: admin.remove_principal(principal, actor=actor()),
        f"{principal} was removed, with its sessions and keys.",
        wait=wait,
        question="" if yes else f"Remove {principal} for good?",
    )


async def disable(principal: str, /, *, wait: Wait = "log", where: Where = UNSAID) -> int:
    """Refuse a principal with every credential, and close its connections.

    Args:
        principal: Its name.
        wait: "cluster" waits until every live node has applied it.
        where: Which installation.
    """
    return await _end_connections(
        where,
        principal,
        "disable",
        lambda admin: admin.set_disabled(principal, True, actor=actor()),
        f"{principal} is disabled. Its sessions, tokens and keys issued until now are void.",
        wait=wait,
    )


async def enable(principal: str, /, *, where: Where = UNSAID) -> int:
    """Accept a principal again. Keys and tokens from before it was disabled stay revoked.

    Args:
        principal: Its name.
        where: Which installation.
    """
    async with opened(where) as installation:
        account = await known_principal(installation.guard, principal)
        await installation.guard.admin.set_disabled(principal, False, actor=actor())
    was = "" if account.disabled else " It was not disabled."
    print_result(where, {"principal": principal, "enable": True}, f"{principal} is enabled.{was}")
    return 0


async def password(
    principal: str,
    /,
    *,
    password_stdin: bool = False,
    wait: Wait = "log",
    where: Where = UNSAID,
) -> int:
    """Change a password, and end all sessions and connections of the principal.

    Args:
        principal: Its name.
        password_stdin: Read the password from standard input, one line.
        wait: "cluster" waits until every live node has applied it.
        where: Which installation.
    """
    async with opened(where) as installation:
        guard = installation.guard
        await known_principal(guard, principal)
        chosen = new_password(
            principal, from_stdin=password_stdin, problem=guard.passwords.unacceptable
        )
        before = await live(guard, lambda one: one.principal_id == principal)
        nodes = await changed(
            guard, wait, lambda: guard.admin.set_password(principal, chosen, actor=actor())
        )
        left = await closed(guard, before)
    done = f"{principal} has a new password. Its sessions, tokens and keys until now are void."
    if nodes:
        done = f"{done} {followed(nodes)}"
    result = {"principal": principal, "password": True, **nodes}
    return report_closed(where, result, done, len(before), left)


async def set_(
    principal: str,
    /,
    *attribute: str,
    unset: tuple[str, ...] = (),
    wait: Wait = "log",
    where: Where = UNSAID,
) -> int:
    """Change attributes, which conditions of policies use. The others stay unchanged.

    Args:
        principal: Its name.
        attribute: name=text or name:=json, such as department=support or rooms:='["lobby"]'.
        unset: The name of an attribute to remove; may be given several times.
        wait: "cluster" waits until every live node has applied it.
        where: Which installation.
    """
    facts = attributes(attribute)
    if not facts and not unset:
        raise UsageError("nothing to change; write name=text, name:=json or --unset name")
    async with opened(where) as installation:
        account = await known_principal(installation.guard, principal)
        missing = [name for name in unset if name not in account.attributes]
        if missing:
            raise UsageError(f"{principal} has no attribute {', '.join(missing)}")
        kept = {name: value for name, value in account.attributes.items() if name not in unset}
        new, guard = {**kept, **facts}, installation.guard
        nodes = await changed(
            guard, wait, lambda: guard.admin.set_attributes(principal, new, actor=actor())
        )
    done = f"{principal} now has: {', '.join(sorted(new)) or 'no attributes'}. {followed(nodes)}"
    print_result(where, {"principal": principal, "attributes": new, **nodes}, done)
    return 0
