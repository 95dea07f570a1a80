"""API keys as credentials, for services and devices."""

from __future__ import annotations

import hmac
from collections.abc import Sequence

from stormdoor.auth.authenticator import Rejected, bad_credential
from stormdoor.core.apikey import PREFIX, key_id
from stormdoor.core.credential import Credential, Place, Source, fingerprint
from stormdoor.core.denial import Denial
from stormdoor.core.handshake import Handshake
from stormdoor.core.principal import Authentication
from stormdoor.ports import StoredState

__all__ = ["ApiKeyAuthenticator"]

_TOUCH_SECONDS = 60.0


class ApiKeyAuthenticator:
    """Accepts API keys in `Authorization: Bearer` and in `X-API-Key`.

    Args:
        insecure_query: A query argument that may contain a key, for clients that can send it nowhere else.
            Insecure: addresses are logged, kept in histories, and sent to other servers as `Referer`. A key
            there should have few scopes and a near end.
    """

    kind: str = "api-key"
    needs_task = False
    """Only the store may wait."""
    checks: Sequence[str] = (
        "the store has a key of that id, and the SHA-256 of the secret matches (constant time)",
        "it has not expired, and is used from one of its networks",
        "its principal is not disabled",
    )

    def __init__(self, *, insecure_query: str | None = None) -> None:
        self.insecure_query = insecure_query
        self.places: Sequence[Place] = (
            Place(Source.AUTHORIZATION, "bearer"),
            Place(Source.HEADER, "x-api-key"),
            *(() if insecure_query is None else (Place(Source.QUERY, insecure_query),)),
        )

    def recognises(self, credential: Credential) -> bool:
        """Return whether it has the prefix of an API key; in the header `X-API-Key`, always return True."""
        return credential.place.source is Source.HEADER or credential.secret.startswith(PREFIX)

    async def authenticate(
        self, credential: Credential, handshake: Handshake, *, state: StoredState, now: float
    ) -> Authentication | Rejected:
        """Find the key by its public id, and compare the hash of the secret (see `Authenticator`)."""
        id = key_id(credential.secret)
        if id is None:
            return bad_credential("it is not an API key; its checksum is wrong")
        found = await state.keys.key(id)
        if found is None:
            return bad_credential("no such key; it has been revoked, or never was")
        key, account = found
        if not hmac.compare_digest(fingerprint(credential.secret), key.hash):
            return bad_credential(f"the secret is not that of key {id}")
        if account.disabled:
            return bad_credential("the principal is disabled", account.id)
        fault = key.misuse(handshake.address, now)
        if fault is not None:
            expired = key.expires_at is not None and now >= key.expires_at
            return Rejected(Denial.EXPIRED if expired else Denial.BAD_CREDENTIAL, fault, account.id)
        if key.last_used_at is None or now - key.last_used_at >= _TOUCH_SECONDS:
            await state.keys.touch_key(id, now, handshake.address)
        return Authentication(
            account.principal,
            self.kind,
            credential_id=id,
            ambient=False,
            authenticated_at=now,  # a key authenticates its owner at each use
            issued_at=key.created_at,
            expires_at=key.expires_at,
            scopes=key.scopes,
            live=True,
            position=key.position,
        )
