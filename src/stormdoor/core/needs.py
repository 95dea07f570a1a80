"""The requirements that an authentication does not meet."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Needs"]


@dataclass(frozen=True, slots=True)
class Needs:
    """The unmet requirements; a met one is None.

    Attributes:
        max_age: Greatest age of the authentication in seconds.
        strength: Smallest number of factors.
        acr: The class of the authentication.
    """

    max_age: float | None = None
    strength: int | None = None
    acr: str | None = None

    def __str__(self) -> str:
        return ", ".join(f"{name} = {value}" for name, value in self.on_the_wire().items())

    def on_the_wire(self) -> dict[str, object]:
        """Return the form of a reply: only the unmet requirements."""
        named: dict[str, object] = {}
        if self.strength is not None:
            named["strength"] = self.strength
        if self.max_age is not None:
            age = self.max_age
            named["max_age"] = int(age) if age == int(age) else age
        if self.acr is not None:
            named["acr"] = self.acr
        return named

    def combined_with(self, other: Needs) -> Needs:
        """Return the requirements of both together."""
        ages = [one.max_age for one in (self, other) if one.max_age is not None]
        strengths = [one.strength for one in (self, other) if one.strength is not None]
        return Needs(
            max_age=min(ages, default=None),
            strength=max(strengths, default=None),
            acr=self.acr if self.acr is not None else other.acr,
        )
