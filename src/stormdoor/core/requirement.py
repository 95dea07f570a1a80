"""Requirements on the age, strength and class of an authentication (step-up).

ASVS 7.5.3 requires another authentication before sensitive actions; RFC 9470 defines the terms. An unmet
requirement is not a plain refusal: the answer names it, and the same connection continues after the client
has authenticated again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from stormdoor.core.decision import AccessRequest, Environment
from stormdoor.core.needs import Needs
from stormdoor.errors import PolicyError

__all__ = ["Requirement", "require"]

_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)\s*(s|min|h|d)", re.ASCII)
_SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}
_MAX_ACR = 256


@dataclass(frozen=True, slots=True)
class Requirement:
    """A requirement on an authentication. Also a condition: `permit(..., when=require(strength=2))`.

    Attributes:
        max_age: Greatest number of seconds since the principal last authenticated; None for any age.
        strength: Smallest number of factors; None for any number.
        acr: The class of the authentication (OpenID Connect Core §2), exactly; None for any.
    """

    max_age: float | None = None
    strength: int | None = None
    acr: str | None = None

    def lacking(self, environment: Environment) -> Needs | None:
        """Return the requirements that `environment` does not meet; None if it meets all."""
        # Not `>`: an age that is not a number (NaN) is not fresh.
        stale = self.max_age is not None and not environment.authentication_age <= self.max_age
        weak = self.strength is not None and not environment.strength >= self.strength
        other = self.acr is not None and environment.acr != self.acr
        if not (stale or weak or other):
            return None
        return Needs(
            max_age=self.max_age if stale else None,
            strength=self.strength if weak else None,
            acr=self.acr if other else None,
        )

    def __call__(self, request: AccessRequest) -> bool:
        """Return whether it is met (see `stormdoor.core.condition.Condition`)."""
        return self.lacking(request.environment) is None


def require(
    *, fresh: str | float | None = None, strength: int | None = None, acr: str | None = None
) -> Requirement:
    """Require an authentication of a minimum freshness, strength or class.

    Args:
        fresh: Greatest age of the last authentication: `5min`, `30s`, `1h`, or seconds.
        strength: Smallest number of factors: 2 for a password and a code.
        acr: The class of the authentication that a provider must have named.

    Raises:
        PolicyError: No requirement is given, or one is malformed.
    """
    if fresh is None and strength is None and acr is None:
        raise PolicyError('require() requires nothing; write for example require(fresh="5min")')
    if strength is not None and (type(strength) is not int or not 1 <= strength <= 9):
        raise PolicyError(f"strength is a number of factors such as 2, not {strength!r}")
    if acr is not None and not 0 < len(acr) <= _MAX_ACR:
        raise PolicyError(f"acr is the name of a class of authentication, not {acr!r}")
    return Requirement(None if fresh is None else _seconds(fresh), strength, acr)


def _seconds(fresh: str | float) -> float:
    if isinstance(fresh, str):
        match = _DURATION.fullmatch(fresh.strip())
        seconds = float(match[1]) * _SECONDS[match[2]] if match else 0.0
    else:
        seconds = 0.0 if isinstance(fresh, bool) else float(fresh)
    if not 0.0 < seconds < float("inf"):
        raise PolicyError(f'fresh is a time such as "5min", "30s" or 300, not {fresh!r}')
    return seconds
