"""The interface of a kind of credential: it gets a credential, and returns its principal or a refusal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from stormdoor.core.credential import Credential, Place
from stormdoor.core.denial import Denial
from stormdoor.core.handshake import Handshake
from stormdoor.core.principal import Authentication
from stormdoor.core.value import value
from stormdoor.ports import StoredState

__all__ = ["Authenticator", "ProxyHeaderFilter", "Rejected", "bad_credential", "from_lost_log"]


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
        charged: Whether it counts as a failed authentication of the client's address. False only if the
            protocol makes every client fail once, as with the first nonce of DPoP.
        retry_after: Whole seconds until another attempt makes sense, or None.
    """

    denial: Denial
    detail: str
    principal_id: str = ""
    reused: bool = False
    headers: tuple[tuple[str, str], ...] = ()
    charged: bool = True
    retry_after: int | None = None


def bad_credential(detail: str, principal_id: str = "") -> Rejected:
    """Return the refusal of a credential that does not verify.

    Args:
        detail: Reason for the operator, without the secret.
        principal_id: Principal of the credential, if known.
    """
    return Rejected(Denial.BAD_CREDENTIAL, detail, principal_id)


def from_lost_log(principal_id: str = "") -> Rejected:
    """Return the refusal of a single-use credential from before the present log (see `EpochStart`)."""
    return Rejected(
        Denial.EXPIRED,
        "it was issued before the database failed over or was restored, which may have lost its use",
        principal_id,
        charged=False,
    )


@runtime_checkable
class Authenticator(Protocol):
    """Verifies one kind of credential.

    The guard collects the credentials of a handshake in all `places`. There must be exactly one; the first
    authenticator that lists its place and `recognises` it decides alone.

    An authenticator may also have these optional attributes:

    `needs_headers` (a sequence of lower-case names)
        Headers that it reads from `handshake.headers` beside the header of its credential.
    `exclusive_headers` (a sequence of lower-case names)
        Headers that only a proxy may send. The guard removes them from the request, so that the application
        never sees them; also in each spelling that some server treats as the same name.
    `needs_request` (a bool)
        Whether `handshake.request` is the server's own object for the request. For an authenticator that asks
        the login of the application that the guard protects.
    `checks` (a sequence of texts)
        Its comparisons, for an operator who asks why a handshake was refused
        (`stormdoor explain handshake`).
    `screen` (see `ProxyHeaderFilter`)
        Method that checks every handshake before a credential is chosen.
    """

    kind: str
    places: Sequence[Place]

    def recognises(self, credential: Credential) -> bool:
        """Return whether the credential has the form of this kind, without verifying it. It must be fast."""
        ...

    async def authenticate(
        self, credential: Credential, handshake: Handshake, *, state: StoredState, now: float
    ) -> Authentication | Rejected:
        """Verify it.

        Args:
            credential: The presented credential.
            handshake: The facts of the handshake.
            state: State of accounts, sessions and other state.
            now: Unix seconds.

        Raises:
            StoreUnavailable: The store did not answer; the guard refuses with 503.
        """
        ...


@runtime_checkable
class ProxyHeaderFilter(Protocol):
    """Interface of an authenticator that also checks handshakes with other kinds of credential."""

    def screen(self, handshake: Handshake) -> Handshake | Rejected:
        """Return the handshake, with the client certificate that a proxy sent, or the refusal."""
        ...
