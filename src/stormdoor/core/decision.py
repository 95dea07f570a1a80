"""A decision with its reasons, instead of a boolean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from stormdoor.core.needs import Needs
from stormdoor.core.principal import Authentication, Principal

__all__ = ["AccessRequest", "Decision", "Environment", "Resource", "authentication_age"]


@dataclass(frozen=True, slots=True)
class Resource:
    """The object of an action.

    Attributes:
        type: Its kind, for example `room`.
        id: Its id, for example `lobby`.
        tenant: The tenant that owns it, or None if tenants do not apply. A principal of another tenant is
            refused before any policy is evaluated (ASVS 8.4.1).
        attributes: Facts for conditions (`resource.owner`).
    """

    type: str
    id: str
    tenant: str | None = None
    attributes: Mapping[str, object] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Environment:
    """The environment of one request: address, endpoint, and strength and age of the authentication.

    Attributes:
        now: Unix seconds.
        address: The client's IP address as text.
        endpoint: The path of the endpoint.
        kind: The kind of credential in use.
        authentication_age: Seconds since the principal last authenticated.
        strength: Number of factors used.
        acr: Class of the authentication (OpenID Connect Core §2), or None.
    """

    now: float
    address: str
    endpoint: str
    kind: str
    authentication_age: float
    strength: int
    acr: str | None = None

    @classmethod
    def of(
        cls, authentication: Authentication, *, now: float, address: str, endpoint: str
    ) -> Environment:
        """Return the environment of a request with a verified credential.

        Args:
            authentication: The result of the verification.
            now: Unix seconds.
            address: The address of the client.
            endpoint: The path of the request or of its connection.
        """
        return cls(
            now=now,
            address=address,
            endpoint=endpoint,
            kind=authentication.kind,
            authentication_age=authentication_age(authentication.authenticated_at, now),
            strength=authentication.strength,
            acr=authentication.acr,
        )


def authentication_age(authenticated_at: float, now: float) -> float:
    """Return the seconds since an authentication, at `now`.

    An authentication from the future means that a clock was set back: its age is unknown, so it counts as
    the oldest possible. A difference of two minutes between the clocks of two machines is tolerated.
    """
    age = now - authenticated_at
    if age >= 0.0:
        return age
    return 0.0 if age >= -120.0 else float("inf")


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """A request for a decision: may `principal` do `permission` to `resource` in `environment`?"""

    principal: Principal
    permission: str
    resource: Resource | None
    environment: Environment


@dataclass(frozen=True, slots=True)
class Decision:
    """The result of a decision, its reason, and the policies behind it.

    Attributes:
        allowed: The verdict.
        reason: One sentence for the operator.
        policy_ids: The policies that determined the verdict, in the order of the set.
        errors: Conditions that raised; each makes the result stricter, never looser.
        needs: Set in a refusal that a stronger authentication would avoid: the missing requirements.
    """

    allowed: bool
    reason: str
    policy_ids: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    needs: Needs | None = None

    def __bool__(self) -> bool:
        # Without this, `if policies.decide(...)` would be true for a refusal.
        return self.allowed
