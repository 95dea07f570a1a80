"""The interface between the guard and a kind of credential: credential in, principal or refusal out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from stormdoor.core.credential import Credential, Place
from stormdoor.core.denial import Denial
from stormdoor.core.handshake import Handshake
from stormdoor.core.principal import Authentication
from stormdoor.core.value import value
from stormdoor.ports import Store

__all__ = ["Authenticator", "ProxyHeaderFilter", "Rejected"]


@value
@dataclass(frozen=True, slots=True)
class Rejected:
    """A credential that was refused.

    Attributes:
        denial: The cause; `BAD_CREDENTIAL`, `EXPIRED` or `REVOKED`, or `UNAVAILABLE` if the issuer of the
            credential does not answer.
        detail: Reason for the operator, without the secret.
        principal_id: Principal of the credential, if known.
        reused: True if a single-use credential came a second time: it may have been stolen.
        headers: Names and values for the answer, such as a challenge. They are public.
        charged: Whether it counts as a failed attempt of this address. False only for a step of the
            protocol that every honest client takes.
        retry_after: Whole seconds until another attempt makes sense, or None.
    """

    denial: Denial
    detail: str
    principal_id: str = ""
    reused: bool = False
    headers: tuple[tuple[str, str], ...] = ()
    charged: bool = True
    retry_after: int | None = None


@runtime_checkable
class Authenticator(Protocol):
    """Verifies one kind of credential.

    The guard collects the credentials of a handshake in all `places`. There must be exactly one; the first
    authenticator that lists its place and `recognises` it decides alone.

    An authenticator may also have these optional attributes:

    `needs_headers` (a sequence of lower-case names)
        Headers that it reads beside its credential, from `handshake.headers`. They are not credentials.
    `exclusive_headers` (a sequence of lower-case names)
        Headers that only a proxy may send. The guard removes them from the request, in every spelling that
        some server treats as the same name, so that the application never sees them.
    `checks` (a sequence of texts)
        Its comparisons, for an operator who asks why a handshake was refused
        (`stormdoor explain handshake`).
    `screen` (see `ProxyHeaderFilter`)
        Checks every handshake before a credential is chosen.
    """

    kind: str
    places: Sequence[Place]

    def recognises(self, credential: Credential) -> bool:
        """Return whether the credential has the form of this kind. Cheap; it verifies nothing."""
        ...

    async def authenticate(
        self, credential: Credential, handshake: Handshake, *, store: Store, now: float
    ) -> Authentication | Rejected:
        """Verify it.

        Args:
            credential: The presented credential.
            handshake: The facts of the handshake.
            store: Store of accounts, sessions and other state.
            now: Unix seconds.

        Raises:
            StoreUnavailable: The store did not answer; the guard refuses with 503.
        """
        ...


@runtime_checkable
class ProxyHeaderFilter(Protocol):
    """Checks headers that only a proxy may send, for every kind of credential."""

    def screen(self, handshake: Handshake) -> Handshake | Rejected:
        """Return the handshake, perhaps with a certificate from a proxy; or the refusal."""
        ...
