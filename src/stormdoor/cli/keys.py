"""`stormdoor keys`: API keys of services and devices."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from stormdoor.cli.duration import lasting, parse_duration
from stormdoor.cli.effect import Wait, changed, counted, followed
from stormdoor.cli.known import known_principal, whole_id
from stormdoor.cli.output import day, iso, moment, print_json, print_list, print_result, remark
from stormdoor.cli.where import UNSAID, Where, actor, opened
from stormdoor.core.principal import Authentication, Principal
from stormdoor.core.revocation import RevocationIndex
from stormdoor.errors import StoreUnavailable

if TYPE_CHECKING:
    from stormdoor.auth.apikey.service import IssuedKey
    from stormdoor.core.apikey import ApiKey
    from stormdoor.runtime.guard import Guard

__all__ = ["app"]

app = App(name="keys", help_format="markdown", help="API keys of services and devices.")

Scope = Annotated[tuple[str, ...], Parameter(name=["--scope", "-s"], required=True)]


def _as_json(key: ApiKey) -> dict[str, object]:
    return {
        "id": key.id,
        "principal": key.principal_id,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "networks": list(key.networks),
        "created": iso(key.created_at),
        "expires": iso(key.expires_at),
        "last_used": iso(key.last_used_at),
        "last_used_from": key.last_used_from,
        "successor": key.successor,
    }


async def _states(guard: Guard) -> Callable[[ApiKey], str]:
    """Return a function from a key to `expired`, `revoked`, or an empty text if it is accepted."""
    index = RevocationIndex(
        await guard.state.revocations.revocations(), clock_skew_seconds=guard.clock_skew_seconds
    )
    now = guard.clock.now()

    def state(key: ApiKey) -> str:
        if key.expires_at is not None and key.expires_at <= now:
            return "expired"
        presented = Authentication(
            Principal(key.principal_id),
            "api-key",
            credential_id=key.id,
            ambient=False,
            authenticated_at=now,
            issued_at=key.created_at,
            position=key.position,
        )
        return "revoked" if index.ends(presented) else ""

    return state


@app.command(name="list")
async def list_(principal: str | None = None, /, *, where: Where = UNSAID) -> int:
    """List API keys. Their secrets are not shown: the store has only hashes.

    Args:
        principal: Only the keys of this principal.
        where: Which installation.
    """
    async with opened(where, purpose="read") as installation:
        guard = installation.guard
        keys = await guard.keys.keys(principal)
        state = await _states(guard)
    return print_list(
        where,
        keys,
        as_json=lambda one: _as_json(one) | {"state": state(one) or "valid"},
        columns=["key!", "principal", "name", "scopes", "expires!", "last used!"],
        row=lambda one: (
            one.id,
            one.principal_id,
            one.name,
            tuple(sorted(one.scopes)),
            state(one) or day(one.expires_at) or "never",
            day(one.last_used_at) or "never",
        ),
        empty="There are no such keys.",
    )


def _hand_over(
    where: Where,
    issued: IssuedKey,
    lines: list[str],
    *,
    quiet: bool,
    nodes: Mapping[str, int] | None = None,
) -> int:
    """Print a new key: the secret on standard output, for a pipe, and everything else on standard error."""
    if where.json:
        print_json({**_as_json(issued.key), **(nodes or {}), "secret": issued.secret})
        return 0
    if not quiet:
        for line in lines:
            remark(line)
        remark("This is the key. It is shown this once, and stored nowhere:")
    sys.stdout.write(f"{issued.secret}\n")
    return 0


@app.command
async def issue(
    principal: str,
    /,
    *,
    name: str,
    scope: Scope,
    network: tuple[str, ...] = (),
    expires: str = "365d",
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"])] = False,
    where: Where = UNSAID,
) -> int:
    """Issue an API key and print it, once.

    Args:
        principal: Principal that the key belongs to.
        name: Purpose of the key, for people.
        scope: A permission that it is restricted to, such as chat:say or `chat:*`; may be given several
            times. `*` for all permissions of the principal.
        network: A network that it may be used from, such as 10.0.0.0/8; may be given several times.
        expires: Lifetime, such as 90d, or never. 365d if left out.
        quiet: Print only the key.
        where: Which installation.
    """
    seconds = None if expires == "never" else parse_duration(expires)
    async with opened(where) as installation:
        guard = installation.guard
        await known_principal(guard, principal)
        issued = await guard.admin.issue_key(
            principal, name=name, scopes=scope, networks=network, seconds=seconds, actor=actor()
        )
    until = moment(issued.key.expires_at)
    valid = f"valid until {until} UTC" if until else "valid until it is revoked"
    return _hand_over(where, issued, [f"Key {issued.key.id} of {principal}, {valid}."], quiet=quiet)


@app.command
async def rotate(
    key: str,
    /,
    *,
    overlap: str = "24h",
    wait: Wait = "log",
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"])] = False,
    where: Where = UNSAID,
) -> int:
    """Replace an API key: print a new one, and let the old one expire.

    Args:
        key: The id of the old one.
        overlap: Time for which both are valid. 24h if left out; 0s ends the old one at once.
        wait: "cluster" waits until every live node has applied it.
        quiet: Print only the key.
        where: Which installation.
    """
    seconds = parse_duration(overlap)
    async with opened(where) as installation:
        guard = installation.guard
        old = whole_id(key, [one.id for one in await guard.keys.keys()], "key")
        made: list[IssuedKey] = []

        async def replace_key() -> None:
            made.append(await guard.admin.rotate_key(old, overlap_seconds=seconds, actor=actor()))

        failure: StoreUnavailable | None = None
        nodes: dict[str, int] = {}
        try:
            nodes = await changed(guard, wait, replace_key)
        except StoreUnavailable as error:
            if not made:
                raise
            failure = error
    # INVARIANT: a stored key is printed, also if not all nodes are known to have applied its rotation.
    [issued] = made
    left = f"stays valid for {lasting(seconds)}" if seconds else "is void"
    lines = [f"Key {issued.key.id} replaces {old}, which {left}."]
    if nodes:
        lines.append(followed(nodes))
    code = _hand_over(where, issued, lines, quiet=quiet, nodes=nodes)
    if failure is not None:
        raise failure
    return code


@app.command
async def revoke(key: str, /, *more: str, wait: Wait = "log", where: Where = UNSAID) -> int:
    """Revoke API keys and close their connections.

    Args:
        key: The id of a key, or its beginning.
        more: Further keys.
        wait: "cluster" waits until every live node has applied it.
        where: Which installation.
    """
    async with opened(where) as installation:
        guard = installation.guard
        known = [one.id for one in await guard.keys.keys()]
        ids = [whole_id(one, known, "key") for one in (key, *more)]

        async def revoke_all() -> None:
            for id in ids:
                await guard.admin.revoke_key(id, actor=actor())

        nodes = await changed(guard, wait, revoke_all)
    done = f"{counted(len(ids), 'key')} revoked. {followed(nodes)}"
    print_result(where, {"revoked": ids, **nodes}, done)
    return 0
