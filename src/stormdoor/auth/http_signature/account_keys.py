"""Keys of signed requests in the store: public keys among the attributes of accounts."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from stormdoor.auth.http_signature.request_key import RequestKey
from stormdoor.auth.jose.jwt_key import JwtKey
from stormdoor.errors import ConfigurationError
from stormdoor.ports import StoredState

__all__ = ["AccountKeys"]


class AccountKeys:
    """Looks up keys in accounts: devices are added and removed without a change of the configuration.

    A `keyid` is the id of an account, or `ID#NAME` for one of several keys. The account's attribute
    `request_keys` holds a PEM text by name; the name of the only one may be empty. Store only public keys,
    because a reader of the store can read them. ::

        await guard.admin.add_principal(
            "device-7", roles=["device"], attributes={"request_keys": {"": public_pem}}
        )

    Args:
        attribute: The name of the attribute.
    """

    def __init__(self, attribute: str = "request_keys") -> None:
        self._attribute = attribute

    async def find(self, keyid: str, *, state: StoredState) -> RequestKey | None:
        """Return the key of that name (see `RequestKeys`)."""
        id, _, name = keyid.partition("#")
        account = await state.accounts.account(id)
        held = None if account is None else account.attributes.get(self._attribute)
        if account is None or not isinstance(held, Mapping):
            return None
        pem = held.get(name)
        key = _key(pem, keyid) if isinstance(pem, str) else None
        if key is None:
            return None
        return RequestKey(
            key=key, principal=account.id, device_id=account.id, issued_at=account.created_at
        )


@lru_cache(maxsize=1024)
def _key(pem: str, keyid: str) -> JwtKey | None:
    """Return the public key in a PEM text, for the algorithm of its kind; None if there is none."""
    for algorithm in ("EdDSA", "ES256"):
        try:
            key = JwtKey(algorithm, pem, keyid)
        except ConfigurationError:
            continue
        return None if key.can_sign else key
    return None
