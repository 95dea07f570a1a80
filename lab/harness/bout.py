"""One threat: its three servers started, the attack run on each, the guard's trail read."""

from __future__ import annotations

import asyncio
import importlib
import time
import tomllib
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, cast

from lab.harness.browser import Profiles
from lab.harness.hostile import hostile_site
from lab.harness.target import Outcome, Refused, Target
from lab.harness.twin import ROOT, Twin, started

__all__ = ["Attack", "Bout", "Kind", "Result", "Threat", "fight", "threats"]

_ATTACK_SECONDS = 60.0


class Kind(StrEnum):
    """The three servers of a threat."""

    VULNERABLE = "vulnerable"
    BY_HAND = "by_hand"
    GUARDED = "guarded"


class Attack(Protocol):
    """An attack module.

    Attributes:
        BY_HAND: Whether the attack succeeds on the server guarded by hand. It is recorded, so that
            a change of the table is seen.
        WHY: What the careful author of that server did, and why it is or is not enough.
        TRAIL: Names of events of which the guard's trail must show at least one after the attack.
        BROWSER: Whether it needs a browser; left out, it does not.
    """

    BY_HAND: bool
    WHY: str
    TRAIL: frozenset[str]

    async def attack(self, target: Target) -> Outcome:
        """The attack, judging by what an outsider sees. A `Refused` that it lets through has failed."""
        ...

    async def legitimate(self, target: Target) -> None:
        """Use the server as intended, which must work on all three: a broken server is not a safe one."""
        ...


@dataclass(frozen=True, slots=True)
class Threat:
    """A row of the catalogue; `auditor` and `prober` name what finds it, or say why nothing does."""

    slug: str
    title: str
    attack: str
    ends: tuple[str, ...]
    auditor: str = ""
    prober: str = ""

    @property
    def package(self) -> str:
        """Return the package of its servers and its attack."""
        return f"lab.threats.{self.slug.replace('-', '_')}"

    @property
    def module(self) -> Attack:
        """Its attack."""
        return cast(Attack, importlib.import_module(f"{self.package}.attack"))

    @property
    def needs_browser(self) -> bool:
        """Return whether it needs a browser."""
        return bool(getattr(self.module, "BROWSER", False))

    @property
    def built(self) -> bool:
        """Return whether all its files exist."""
        directory = ROOT / self.package.replace(".", "/")
        return all((directory / f"{name}.py").is_file() for name in (*Kind, "attack"))


@dataclass(frozen=True, slots=True)
class Result:
    """The result for one server.

    Attributes:
        kind: Which of the three.
        outcome: How the attack ended.
        works: Whether its legitimate user is served; else why not, as text.
        seconds: How long the attack took.
        trail: What its guard recorded; None where there is no guard.
        log: The end of what the server logged.
    """

    kind: Kind
    outcome: Outcome
    works: bool | str
    seconds: float
    trail: tuple[dict[str, Any], ...] | None
    log: str


@dataclass(frozen=True, slots=True)
class Bout:
    """The results for a threat."""

    threat: Threat
    results: dict[Kind, Result]

    @property
    def told(self) -> list[dict[str, Any]]:
        """The entries of the guard's trail that tell of the attack."""
        trail = self.results[Kind.GUARDED].trail or ()
        return [one for one in trail if one["name"] in self.threat.module.TRAIL]

    @property
    def gaps(self) -> list[str]:
        """Return the deviations from the expected results; empty if there are none."""
        found = []
        expected = {
            Kind.VULNERABLE: True,
            Kind.BY_HAND: self.threat.module.BY_HAND,
            Kind.GUARDED: False,
        }
        for kind, result in self.results.items():
            if result.outcome.succeeded != expected[kind]:
                how = "succeeded" if result.outcome.succeeded else "failed"
                found.append(f"{kind}: the attack {how}: {result.outcome.said}")
            if result.works is not True:
                found.append(f"{kind}: does not serve its users: {result.works}")
        if not self.told:
            names = ", ".join(sorted(self.threat.module.TRAIL))
            found.append(f"guarded: the trail does not say what happened (none of {names})")
        return found


def threats() -> list[Threat]:
    """The catalogue, in its order."""
    rows = tomllib.loads((ROOT / "threats.toml").read_text())["threat"]

    def words(said: str | list[str]) -> str:
        return said if isinstance(said, str) else ", ".join(said)

    return [
        Threat(
            one["slug"],
            one["title"],
            one["attack"],
            tuple(one["ends"]),
            words(one["auditor"]),
            words(one["prober"]),
        )
        for one in rows
    ]


async def _attacked(threat: Threat, kind: Kind, twin: Twin, profiles: Profiles) -> Result:
    attack = threat.module
    async with hostile_site() as hostile:

        def target() -> Target:
            return Target(
                origin=f"http://127.0.0.1:{twin.port}",
                users=twin.users,
                hostile=hostile,
                control=twin.control,
                log=twin.log,
                browser=profiles.profile,
            )

        works: bool | str = True
        try:
            async with asyncio.timeout(_ATTACK_SECONDS):
                await attack.legitimate(target())
        except (Refused, TimeoutError, AssertionError) as error:
            works = str(error) or type(error).__name__
        hostile.reset()
        at = target()
        began = time.monotonic()
        try:
            async with asyncio.timeout(_ATTACK_SECONDS):
                outcome = await attack.attack(at)
        except Refused as refused:
            outcome = at.outcome(False, str(refused))
        except (AssertionError, TimeoutError) as error:
            # A control inside the attack: it did not show what it was to show, so it is no evidence.
            works = str(error) or type(error).__name__
            outcome = at.outcome(False, f"the attack could not be carried out: {works}")
        seconds = time.monotonic() - began
    trail = await twin.trail()
    return Result(
        kind,
        outcome,
        works,
        seconds,
        None if trail is None else tuple(trail),
        twin.log()[-4000:],
    )


async def fight(threat: Threat, profiles: Profiles, kinds: Sequence[Kind] = tuple(Kind)) -> Bout:
    """Start the servers of a threat and attack one after the other.

    Raises:
        RuntimeError: A server does not start, or has ended.
        NoBrowser: The attack needs one.
    """
    async with AsyncExitStack() as running:
        modules = [f"{threat.package}.{kind}" for kind in kinds]
        starting = [running.enter_async_context(started(module)) for module in modules]
        twins = await asyncio.gather(*starting)
        results = {}
        for kind, twin in zip(kinds, twins, strict=True):
            results[kind] = await _attacked(threat, kind, twin, profiles)
    return Bout(threat, results)
