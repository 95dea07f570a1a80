"""The seam between the guard and a kind of credential: credential in, principal or refusal out."""

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

__all__ = ["Authenticator", "Rejected", "Screen"]


@value
@dataclass(frozen=True, slots=True)
class Rejected:
    """A credential that was refused.

    Attributes:
        denial: The cause; `BAD_CREDENTIAL`, `EXPIRED` or `REVOKED`, or `UNAVAILABLE` if whoever must
            be asked about it does not answer.
        detail: For the operator: why, without the secret.
        principal_id: Whose credential it would have been, if that is known.
        reused: True if a single-use credential came a second time: somebody may have stolen it.
        headers: Names and values for the answer, such as a challenge. They are public.
        charged: Whether it counts as a failed attempt of this address. False only for a step of the
            protocol that every honest client goes through.
        retry_after: Whole seconds until another try makes sense, or None.
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

    The guard collects what a handshake carries in all `places`. It must be exactly one credential;
    the first authenticator that lists the place and `recognises` the credential decides alone.

    An authenticator may also have these, which most do without:

    `needs_headers` (a sequence of lower-case names)
        Headers that it reads beside its credential, from `handshake.headers`. They are no credentials.
    `exclusive_headers` (a sequence of lower-case names)
        Headers that nobody but a proxy may send. They are taken out of the request, so that the
        application never sees them, in every spelling that some server takes for the same name.
    `checks` (a sequence of texts)
        What it compares, for whoever asks why a handshake was refused (`stormdoor explain handshake`).
    `screen` (see `Screen`)
        Looks at every handshake before its credential is chosen.
    """

    kind: str
    places: Sequence[Place]

    def recognises(self, credential: Credential) -> bool:
        """Whether the credential has this kind's shape. Cheap, and no judgement."""
        ...

    async def authenticate(
        self, credential: Credential, handshake: Handshake, *, store: Store, now: float
    ) -> Authentication | Rejected:
        """Verify it.

        Args:
            credential: What was presented.
            handshake: The facts around it.
            store: Where state lives.
            now: Unix seconds.

        Raises:
            StoreUnavailable: The store did not answer; the guard refuses with 503.
        """
        ...


@runtime_checkable
class Screen(Protocol):
    """Judges the headers that only a proxy may send, whichever credential the handshake has."""

    def screen(self, handshake: Handshake) -> Handshake | Rejected:
        """The handshake, perhaps with a certificate that a proxy vouches for; or why it is refused."""
        ...
