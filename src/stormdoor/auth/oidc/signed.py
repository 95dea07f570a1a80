"""Verify the signature of a provider's token."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from stormdoor.auth.authenticator import Rejected
from stormdoor.auth.jose.jws import json_object, parse_jws
from stormdoor.auth.jose.key_source import KeySource, quoted
from stormdoor.auth.oidc.known_providers import TENANT
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.malformed import Malformed

__all__ = ["VerifiedToken", "bad", "open_token"]


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    """A token with a valid signature. Its claims have not been checked.

    Attributes:
        algorithm: `alg` of its header.
        claims: Its payload.
    """

    algorithm: str
    claims: Mapping[str, object]


def bad(what: str, why: str) -> Refusal:
    """Return a refusal of a token."""
    return Refusal(Denial.BAD_CREDENTIAL, f"{what}: {why}")


async def open_token(
    token: str,
    *,
    what: str,
    keys: KeySource,
    algorithms: Collection[str],
    types: Collection[str | None],
    now: float,
) -> VerifiedToken | Refusal:
    """Verify the signature of a token (OpenID Connect Core §3.1.3.7, steps 6 and 7).

    Args:
        token: The token, as received.
        what: Its kind, for the operator: `the ID token`.
        keys: Keys of the provider.
        algorithms: Accepted algorithms.
        types: Accepted `typ` headers, lower case; None for a token without one. They prevent the use of one
            kind of token as another (RFC 8725 §3.11).
        now: Unix seconds.
    """
    jws = parse_jws(token)
    if isinstance(jws, Malformed):
        return bad(what, jws.reason)
    if jws.typ not in types:
        return bad(what, f"typ is {'missing' if jws.typ is None else quoted(jws.typ)}")
    if jws.algorithm not in algorithms:
        return bad(
            what,
            f"alg is {quoted(jws.algorithm)}; accepted are {', '.join(algorithms)}. Write it into algorithms "
            "if the provider is meant to sign so",
        )
    key = await keys.find(jws, now)
    if isinstance(key, Rejected):
        return Refusal(key.denial, f"{what}: {key.detail}")
    if jws.algorithm != key.algorithm:
        return bad(what, f"alg is {quoted(jws.algorithm)}; the key is for {key.algorithm} only")
    if not key.verify(jws.signed, jws.signature):
        return bad(what, "the signature is not of this token and key")
    payload = json_object(jws.payload)
    if isinstance(payload, Malformed):
        return bad(what, f"the payload: {payload.reason}")
    if key.issuer is not None and not _is_issuer(payload.get("iss"), key.issuer):
        return bad(what, "iss is another issuer than that of the key")
    return VerifiedToken(jws.algorithm, payload)


def _is_issuer(named: object, allowed: str) -> bool:
    """Return whether a key may sign for an issuer. Microsoft has keys for all tenants, and keys for one."""
    before, shared, after = allowed.partition(TENANT)
    if not isinstance(named, str) or not shared:
        return named == allowed
    tenant = named.removeprefix(before).removesuffix(after)
    return "/" not in tenant and named == f"{before}{tenant}{after}"
