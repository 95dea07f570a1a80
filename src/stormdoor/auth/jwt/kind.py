"""The kind `jwt` of a configuration file."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Literal

from msgspec import UNSET, UnsetType

from stormdoor.auth.dpop.settings import DpopTable, build_dpop
from stormdoor.auth.jose.settings import JwtKeyTable, build_key, token_remarks
from stormdoor.auth.jwt.authenticator import JwtAuthenticator
from stormdoor.auth.kind import Kind, Remark, Settings
from stormdoor.auth.mtls.certificate import CertificatePossessionProof
from stormdoor.auth.possession import PossessionProof
from stormdoor.settings.section import Section, options

__all__ = ["KIND", "JwtSettings"]

_OR_NOT = ("max_age", "roles_claim", "tenant_claim", "scope_claim", "session_claim")


class JwtSettings(Settings, frozen=True, kw_only=True):
    """JSON Web Tokens: see `JwtAuthenticator`."""

    keys: list[JwtKeyTable]
    issuer: str
    audience: str | list[str]
    header: str | UnsetType = UNSET
    insecure_query: str | UnsetType = UNSET
    types: list[str | bool] | UnsetType = UNSET
    leeway: float | UnsetType = UNSET
    max_age: float | bool | UnsetType = UNSET
    single_use: bool | UnsetType = UNSET
    principals: Literal["claims", "store"] | UnsetType = UNSET
    roles_claim: str | bool | UnsetType = UNSET
    tenant_claim: str | bool | UnsetType = UNSET
    scope_claim: str | bool | UnsetType = UNSET
    attributes_claims: list[str] | UnsetType = UNSET
    session_claim: str | bool | UnsetType = UNSET
    certificate_bound: Literal["accepted", "required"] | UnsetType = UNSET
    dpop: DpopTable | UnsetType = UNSET
    cache: int | UnsetType = UNSET


def _build(settings: JwtSettings, section: Section) -> JwtAuthenticator | None:
    if not settings.keys:
        section.at("keys").wrong(
            "a token needs a key; write keys = "
            '[{ algorithm = "EdDSA", public_key_file = "key.pem" }]'
        )
    keys = [
        key
        for position, one in enumerate(settings.keys)
        if (key := build_key(one, section.at("keys", position))) is not None
    ]
    found = options(settings, "keys", "dpop", "certificate_bound")
    proofs: list[PossessionProof] = []
    if not isinstance(settings.certificate_bound, UnsetType):
        required = settings.certificate_bound == "required"
        proofs.append(CertificatePossessionProof(required=required))
    if not isinstance(settings.dpop, UnsetType):
        dpop = build_dpop(settings.dpop, section.at("dpop"))
        if dpop is not None:
            proofs.append(dpop)
    section.false_is_none(found, *_OR_NOT)
    return section.make(JwtAuthenticator, keys=keys, proofs=proofs, **found)


def _remarks(settings: JwtSettings, _kinds: Collection[str]) -> Iterator[Remark]:
    yield from token_remarks(settings.max_age, settings.leeway)
    for position, key in enumerate(settings.keys):
        if key.algorithm.startswith("HS"):
            yield Remark(
                "shared-secret",
                "note",
                "with an HS algorithm, a service that can verify tokens can create them",
                "EdDSA, if another service issues the tokens",
                ("keys", position),
            )


KIND = Kind(
    name="jwt",
    settings=JwtSettings,
    build=_build,
    ambient=False,
    needs_store=lambda settings: settings.principals == "store",
    single_use=lambda settings: settings.single_use is True,
    renewable=True,
    repeatable=True,
    default_headers=("Authorization", "Sec-Websocket-Protocol"),
    insecure={
        "insecure_query": "tokens are accepted in addresses, which are logged, kept and sent on"
    },
    remarks=_remarks,
)
