"""Decide whether an authenticated user of a provider may enter: by domain, group, role or tenant.

A rule reads a claim of the verified ID token, or of UserInfo. A missing claim, a claim of another type and an
unverified one are refused. The rules identify no account: issuer and subject do.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from stormdoor.auth.oidc.known_providers import TENANT
from stormdoor.auth.oidc.settings import OpenIdProvider
from stormdoor.core.denial import Denial, Refusal

__all__ = ["check_entry", "claim_of", "names_of"]

MAX_NAMES = 1000
"""Names of one claim that are read; further ones give nothing."""


def claim_of(claims: Mapping[str, object], name: str) -> object:
    """Return a claim, or None. A dot leads into an object, unless a claim has the whole name."""
    if name in claims:
        return claims[name]  # such as https://app.example/roles, as Auth0 names claims
    found: object = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def names_of(claims: Mapping[str, object], name: str) -> list[str]:
    """Return the names in a claim with a list of texts, or with one text, which is one name."""
    found = claim_of(claims, name)
    names = [found] if isinstance(found, str) else found if isinstance(found, list) else []
    return [one for one in names[:MAX_NAMES] if isinstance(one, str)]


def check_entry(provider: OpenIdProvider, claims: Mapping[str, object]) -> Refusal | None:
    """Return the refusal if a rule of the provider does not allow the user; None if all rules do.

    Args:
        provider: Settings with the rules.
        claims: Verified claims of the ID token, and those of UserInfo.
    """
    fault = (
        _domain_fault(provider, claims)
        or _name_fault(provider.allowed_groups, "allowed_groups", provider.groups_claim, claims)
        or _name_fault(provider.allowed_roles, "allowed_roles", provider.roles_claim, claims)
        or _tenant_fault(provider, claims)
    )
    if fault is None:
        return None
    subject = f"subject {claims.get('sub')!r:.80} of {claims.get('iss')!r:.120}"
    return Refusal(Denial.FORBIDDEN, f"[oidc] {provider.name}: {fault}; refused {subject}")


def _domain_fault(provider: OpenIdProvider, claims: Mapping[str, object]) -> str | None:
    if provider.allowed_domains is None:
        return None
    claim = provider.known.domain_claim
    if claim is not None:
        domain = claims.get(claim)
        if not isinstance(domain, str):
            return (
                f"the claim {claim} is missing, as for a private account, and allowed_domains needs it; add "
                "the user to the organisation, or leave allowed_domains out"
            )
    else:
        verified, email = claims.get("email_verified"), claims.get("email")
        if verified is not True:
            return (
                f"email_verified is {verified!r:.40}, and allowed_domains needs true; let the provider "
                "verify addresses, or write allowed_groups in place of allowed_domains"
            )
        if not isinstance(email, str) or email.count("@") != 1:
            return "the claim email holds no address, and allowed_domains needs one"
        domain = email.rpartition("@")[2]
    # Not lower() alone: it makes ASCII letters of some others, such as the Kelvin sign.
    if not domain.isascii() or domain.lower() not in provider.allowed_domains:
        return f"the domain {domain!r:.80} is not in allowed_domains; add it there to let it in"
    return None


def _name_fault(
    allowed: Collection[str] | None,
    option: str,
    claim: str | None,
    claims: Mapping[str, object],
) -> str | None:
    if allowed is None or claim is None:
        return None
    names = names_of(claims, claim)
    if not set(names).isdisjoint(allowed):
        return None
    elsewhere = claims.get("_claim_names")
    if isinstance(elsewhere, Mapping) and claim in elsewhere:
        return (
            f"the user is in so many groups that the claim {claim} is not in the token (_claim_names); "
            "write allowed_roles in place of allowed_groups"
        )
    if not names:
        return (
            f"the claim {claim} is missing or holds no names, and {option} needs it; let the provider "
            "send it, or name another claim"
        )
    return f"none of {names!r:.160} is in {option}; add one there to let its members in"


def _tenant_fault(provider: OpenIdProvider, claims: Mapping[str, object]) -> str | None:
    if provider.allowed_tenants is None or provider.tenant_claim is None:
        return None
    tenant = claim_of(claims, provider.tenant_claim)
    if not isinstance(tenant, str) or tenant not in provider.allowed_tenants:
        return (
            f"the claim {provider.tenant_claim} is {tenant!r:.80}, which is not in allowed_tenants; add it "
            "there to let that tenant in"
        )
    if provider.issuer.replace(TENANT, tenant) != claims.get("iss"):
        return f"the claim {provider.tenant_claim} is not the tenant of the issuer"
    return None
