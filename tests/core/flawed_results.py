"""Results of an authenticator on which the guard must not rely, each with the text that names its flaw."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Final

from stormdoor.core.principal import ANONYMOUS, Authentication, Principal

__all__ = ["FLAWS", "GOOD", "NOW", "Again"]

NOW: Final = 1_767_225_600.0
"""Unix seconds, as those of `FakeClock`."""

GOOD: Final = Authentication(
    Principal("alice", frozenset({"member"})), "token", "credential", False, NOW, NOW - 60
)


def _changed(**changes: Any) -> Authentication:
    return replace(GOOD, **changes)


@dataclass
class Again:
    """Check of an open connection's credential that returns any object."""

    result: Any = None
    seconds: float = 60.0
    grace_seconds: float = 30.0
    source: None = None
    accepted_generation: int = 0

    async def ask(self, now: float) -> Any:
        """Return the result."""
        return self.result


FLAWS: Final[dict[str, tuple[Any, str]]] = {
    "nothing": (None, "it is NoneType"),
    "a bool": (True, "it is bool"),
    "a principal": (GOOD.principal, "it is Principal"),
    "no principal": (replace(GOOD, principal=None), "principal is NoneType"),  # type: ignore[arg-type]
    "no id": (_changed(principal=Principal(None)), "principal: id is NoneType"),  # type: ignore[arg-type]
    "an empty id": (_changed(principal=Principal("")), "principal.id is empty"),
    "an id of bytes": (_changed(principal=Principal(b"alice")), "id is bytes"),  # type: ignore[arg-type]
    "anonymous": (_changed(principal=ANONYMOUS), "principal.id is empty or anonymous"),
    "roles as a text": (_changed(principal=Principal("a", "admin")), "roles is str"),  # type: ignore[arg-type]
    "roles as a list": (_changed(principal=Principal("a", ["x"])), "roles is list"),  # type: ignore[arg-type]
    "a tenant that is a number": (
        _changed(principal=Principal("a", tenant=7)),  # type: ignore[arg-type]
        "tenant is int",
    ),
    "an end that is no number": (_changed(expires_at=math.nan), "expires_at is nan"),
    "an end before all time": (_changed(expires_at=-math.inf), "expires_at is -inf"),
    "an end as a text": (_changed(expires_at="2099"), "expires_at is str"),
    "issued never": (_changed(issued_at=math.nan), "issued_at is nan"),
    "issued for ever": (_changed(issued_at=math.inf), "issued_at is inf"),
    "issued in milliseconds": (_changed(issued_at=NOW * 1000), "issued_at is 17672"),
    "authenticated in milliseconds": (
        _changed(authenticated_at=NOW * 1000),
        "authenticated_at is 17672",
    ),
    "authenticated never": (_changed(authenticated_at=math.nan), "authenticated_at is nan"),
    "idle for no number": (_changed(idle_seconds=math.nan), "idle_seconds is nan"),
    "scopes as a text": (_changed(scopes="chat:*"), "scopes is str"),
    "ambient unknown": (_changed(ambient=None), "ambient is NoneType"),
    "a recheck that is never due": (_changed(recheck=Again(seconds=math.nan)), "recheck."),
    "a recheck that is due at once": (_changed(recheck=Again(seconds=0.0)), "recheck."),
    "a recheck in an infinite time": (_changed(recheck=Again(seconds=math.inf)), "recheck."),
    "a recheck with a grace that is no number": (
        _changed(recheck=Again(grace_seconds=math.nan)),
        "recheck.",
    ),
}
