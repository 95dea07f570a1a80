"""The ways to end a right of a victim. Each names the connections that no node may send to afterwards."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import msgspec

from stormdoor import Guard, JwtAuthenticator, JwtKey, Target
from stormdoor.core.revocation import Revocation

__all__ = [
    "BY_CREDENTIAL",
    "DIRECT",
    "EVERYTHING",
    "KINDS",
    "SHARED",
    "WHOLE",
    "Credential",
    "Kind",
    "Victim",
    "add_party",
    "command",
    "end",
    "name_of",
    "names",
    "order",
    "token_authenticator",
]

Credential = Literal["session", "key", "token"]
_ISSUER, _AUDIENCE = "https://issuer.example", "chaos"
_KEY = JwtKey("HS256", hashlib.sha256(b"stormdoor chaos").digest())
_TOKEN_SECONDS = 7200.0
"""Time from `iat` to now, and from now to `exp`: more than any wall clock is off."""
_DAY_SECONDS = 86_400.0
_OLD_TOKEN_DAYS = 2
"""Age of a token that a revocation of everything *until a time* ends. Each other credential is younger."""
_BETWEEN_SECONDS = 2.0
"""Time between such tokens of two parties. So a revocation has its own time, and ends no later tokens."""
_PASSWORD = "correct horse battery staple of the chaos"


class Victim(msgspec.Struct, kw_only=True):
    """A principal with its credentials, and the names by which it can be revoked. "" is a missing one.

    `connection` is the id of one of its connections.
    """

    principal: str
    role: str
    tenant: str
    device: str
    session: str = ""
    cookie: str = ""
    credential: str = ""
    secret: str = ""
    token: str = ""
    jwt: str = ""
    issued: float = 0.0
    connection: str = ""


@dataclass(frozen=True, slots=True)
class Kind:
    """A way to end a right.

    Attributes:
        names: The field of `Victim` with the name of what ends.
        credentials: The credentials that a victim opens its connections with.
        change: The method that ends it, which returns whether there was such a right; None for `revoke`.
        entry: The kind of its entry in the log of revocations; "" for that of `names`.
        until: Whether it ends only what was issued until the token of the victim.
    """

    names: str
    credentials: tuple[Credential, ...] = ("session", "key", "token")
    change: Callable[[Guard, Victim], Awaitable[bool]] | None = None
    entry: str = ""
    until: bool = False

    def target(self, victim: Victim) -> str:
        """Return the name of what ends, as a connection of the victim has it among its targets."""
        return f"{self.names}:{getattr(victim, self.names)}"

    def logged(self, victim: Victim) -> str:
        """Return the name of its entry in the log, as `name_of`."""
        kind = self.entry or self.names
        if kind == Target.EVERYTHING.value:
            return f"{kind}:{victim.issued:.0f}" if self.until else f"{kind}:"
        return f"{kind}:{getattr(victim, self.names)}"

    def revoked(self, victim: Victim) -> tuple[Target, str, float | None]:
        """Return the arguments of `revoke`: the target, its value, and `before`."""
        target = Target(self.entry or self.names)
        value = "" if target is Target.EVERYTHING else getattr(victim, self.names)
        return target, value, victim.issued if self.until else None


async def _log_out(guard: Guard, victim: Victim) -> bool:
    return await guard.admin.log_out(victim.cookie) is not None


async def _end_others(guard: Guard, victim: Victim) -> bool:
    return await guard.admin.end_other_sessions(victim.principal) > 0


async def _disable(guard: Guard, victim: Victim) -> bool:
    await guard.admin.set_disabled(victim.principal, True)
    return True


async def _set_password(guard: Guard, victim: Victim) -> bool:
    await guard.admin.set_password(victim.principal, _PASSWORD)
    return True


async def _withdraw(guard: Guard, victim: Victim) -> bool:
    await guard.admin.withdraw_role(victim.principal, "member")
    return True


async def _remove(guard: Guard, victim: Victim) -> bool:
    await guard.admin.remove_principal(victim.principal)
    return True


KINDS: Mapping[str, Kind] = {
    "session": Kind("session", ("session",)),
    "session ended": Kind(
        "session", ("session",), lambda guard, one: guard.admin.end_session(one.session)
    ),
    "logout": Kind("session", ("session",), _log_out),
    "other sessions": Kind("session", ("session",), _end_others),
    "device": Kind("device", ("session",)),
    "credential": Kind("credential", ("key",)),
    "key": Kind("credential", ("key",), lambda guard, one: guard.admin.revoke_key(one.credential)),
    "token": Kind("token", ("token",)),
    "connection": Kind("connection"),
    "principal": Kind("principal"),
    "account disabled": Kind("principal", change=_disable),
    "account removed": Kind("principal", change=_remove),
    "password": Kind("principal", change=_set_password),
    "role withdrawn": Kind("principal", change=_withdraw, entry="changed"),
    "role": Kind("role"),
    "tenant": Kind("tenant"),
    "everything until": Kind("role", ("token",), entry="everything", until=True),
    "everything": Kind("role", entry="everything"),
}
EVERYTHING = "everything"
"""The kind that ends the rights of all parties, and of the operator."""
SHARED = ("role", "tenant", "everything until", EVERYTHING)
"""Kinds that end all principals of a party at once."""
DIRECT = tuple(kind for kind, one in KINDS.items() if one.change is None)
"""Kinds that the HTTP route and `stormdoor revoke` have, too."""
WHOLE = tuple(kind for kind, one in KINDS.items() if one.names in ("principal", "connection"))
"""Kinds that end a principal with all its credentials, or a connection with any."""
BY_CREDENTIAL: Mapping[Credential, Sequence[str]] = {
    credential: [
        kind
        for kind, one in KINDS.items()
        if one.credentials == (credential,) and kind not in SHARED
    ]
    for credential in ("session", "key", "token")
}
"""Kinds that end one credential."""


def token_authenticator() -> JwtAuthenticator:
    """Return the authenticator of the tokens of `add_party`."""
    return JwtAuthenticator(
        keys=[_KEY],
        issuer=_ISSUER,
        audience=_AUDIENCE,
        principals="store",
        session_claim=None,
        max_age=None,
    )


async def add_party(
    guard: Guard, name: str, kinds: Sequence[Sequence[str]], *, now: float
) -> list[dict[str, str]]:
    """Add principals of one tenant and with one more role. Returns the fields of `Victim` for each.

    Args:
        guard: A guard of the installation.
        name: Part of all names. It ends with `-` and a number.
        kinds: For each principal, the kinds that will end its rights; it gets the credentials for them.
        now: Unix seconds by a clock that is not off.
    """

    async def add(id: str, kinds: Sequence[str]) -> dict[str, str]:
        needed = {KINDS[kind].credentials for kind in kinds}
        role, tenant, device = f"role-{name}", f"tenant-{name}", f"device-{id}"
        await guard.admin.add_principal(id, roles=["member", role], tenant=tenant)
        victim = Victim(principal=id, role=role, tenant=tenant, device=device)

        async def add_session() -> None:
            issued = await guard.sessions.create(id, device_id=device)
            victim.session, victim.cookie = issued.session.id, issued.secret

        async def add_key() -> None:
            issued = await guard.admin.issue_key(id, name="chaos", scopes=["*"])
            victim.credential, victim.secret = issued.key.id, issued.secret

        adding = []
        if any("session" in one for one in needed):
            adding.append(add_session())
        if ("key",) in needed:
            adding.append(add_key())
        await asyncio.gather(*adding)
        victim.issued = float(int(now - _TOKEN_SECONDS))
        if any(KINDS[kind].until for kind in kinds):
            victim.issued = (now // _DAY_SECONDS - _OLD_TOKEN_DAYS) * _DAY_SECONDS
            victim.issued += _BETWEEN_SECONDS * int(name.rpartition("-")[2])
        victim.jwt = _token(id, victim.issued, now + _TOKEN_SECONDS)
        victim.token = hashlib.sha256(victim.jwt.encode()).hexdigest()
        return msgspec.structs.asdict(victim)

    made = (add(f"{name}-{number}", each) for number, each in enumerate(kinds))
    return list(await asyncio.gather(*made))


def _token(id: str, issued: float, expires: float) -> str:
    claims = {
        "iss": _ISSUER,
        "aud": _AUDIENCE,
        "sub": id,
        "iat": int(issued),
        "exp": int(expires),
    }
    return _KEY.sign(msgspec.json.encode(claims), typ="JWT")


async def end(guard: Guard, kind: Kind, victim: Victim, wait: Literal["log", "cluster"]) -> bool:
    """End a right. Returns False if there was none.

    Args:
        guard: A guard of the installation.
        kind: The way to end it.
        victim: The principal.
        wait: As `wait` of `revoke`.
    """
    change = kind.change
    if change is None:
        target, value, before = kind.revoked(victim)
        if wait == "cluster":
            await guard.admin.revoke(target, value, before=before, wait="cluster")
        else:
            await guard.admin.revoke(target, value, before=before)
        return True
    if wait == "cluster":
        return (await guard.admin.on_every_node(lambda: change(guard, victim)))[0]
    return await change(guard, victim)


def name_of(entry: Revocation) -> str:
    """Return the name of an entry of the log. That of everything until a time contains the time."""
    if entry.target is Target.EVERYTHING and entry.by_time:
        return f"{entry.target.value}:{entry.at:.0f}"
    return f"{entry.target.value}:{entry.value}"


def names(kind: str, victim: Victim) -> dict[str, str]:
    """Return the fields of `Revoked` with the names of what ends."""
    target, entry = KINDS[kind].target(victim), KINDS[kind].logged(victim)
    return {"target": target} if entry == target else {"target": target, "entry": entry}


def order(kind: Kind, victim: Victim, wait: Literal["log", "cluster"]) -> dict[str, object]:
    """Return the body of a request to the HTTP route that ends a right."""
    target, value, before = kind.revoked(victim)
    found: dict[str, object] = {"target": target.value, "value": value, "wait": wait}
    return found if before is None else found | {"before": before}


def command(kind: Kind, victim: Victim, wait: Literal["log", "cluster"]) -> list[str]:
    """Return the arguments of `stormdoor` that end a right."""
    target, value, before = kind.revoked(victim)
    names = {
        Target.TOKEN: ["--sha256", value],
        Target.EVERYTHING: ["--yes"],
    }.get(target, [value])
    until = [] if before is None else ["--before", datetime.fromtimestamp(before, UTC).isoformat()]
    return ["revoke", target.value, *names, *until, "--wait", wait]
