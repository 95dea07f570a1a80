"""A check that an application's own authenticator keeps the contract of authenticators.

The guard relies on it: input of a client is accepted or refused and never raises, secrets are not shown,
times have the right units, and a store that does not answer admits no client.
"""

from __future__ import annotations

import asyncio
import base64
import inspect
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from stormdoor.auth.authenticator import Authenticator, Rejected
from stormdoor.core.credential import Credential, Place, Source
from stormdoor.core.denial import Denial
from stormdoor.core.handshake import Handshake
from stormdoor.core.principal import Authentication
from stormdoor.errors import StoreUnavailable
from stormdoor.ports import Store, StoredState
from stormdoor.stores import open_store
from stormdoor.testing.garbage import GARBAGE, altered

__all__ = ["ContractBroken", "Presented", "check_authenticator"]

_HANDSHAKE = Handshake(
    path="/ws",
    address="192.0.2.1",
    peer="192.0.2.1",
    scheme="https",
    host="app.example",
    origin="https://app.example",
)
_PATIENCE = 10.0
_SKEW = 120.0
_SHORT = 8
_REFUSALS = frozenset(
    {Denial.BAD_CREDENTIAL, Denial.EXPIRED, Denial.REVOKED, Denial.UNAVAILABLE, Denial.ORIGIN}
)


class ContractBroken(AssertionError):
    """An authenticator breaks the contract. The message names every breach."""


@dataclass(frozen=True, slots=True)
class Presented:
    """One credential as a client presents it.

    Attributes:
        secret: The credential. Not in its repr.
        place: Its place; the authenticator's first place by default.
        handshake: The handshake that contains it.
    """

    secret: str = field(repr=False)
    place: Place | None = None
    handshake: Handshake = _HANDSHAKE


Example = str | Presented
Fresh = Callable[[], Example | Awaitable[Example]]


async def check_authenticator(
    authenticator: Authenticator,
    *,
    good: Example | Fresh,
    now: float,
    bad: Mapping[str, Example] | None = None,
    state: StoredState | None = None,
    single_use: bool = False,
    forgiven: Sequence[str] = (),
) -> list[str]:
    """Check that `authenticator` keeps the contract.

    Args:
        authenticator: The authenticator to check.
        good: A credential that it accepts at `now`; or a function, perhaps a coroutine function, that makes
            a new one each time, which single-use credentials need.
        now: Unix seconds.
        bad: Credentials that it must refuse, by the name of their error.
        state: State of the installation; by default, an empty store in memory.
        single_use: Whether a credential is accepted once, and must be refused the second time.
        forgiven: Names of rules, as this function returns them, that it need not keep for a reason that
            you know.

    Returns:
        The names of the rules that were checked.

    Raises:
        ContractBroken: It breaks the contract.
    """
    opened = StoredState.of(open_store("memory:")) if state is None else state
    if state is None:
        await opened.open()
    check = _Check(authenticator, good, now, dict(bad or {}), opened, single_use=single_use)
    rules = [name for name in _RULES if name not in forgiven]
    for name in rules:
        check.rule = name
        await _RULES[name](check)
    if state is None:
        await opened.close()
    if check.breaches:
        kind = type(authenticator).__name__
        raise ContractBroken(f"{kind} breaks the contract:\n  - " + "\n  - ".join(check.breaches))
    return rules


class _Check:
    """State of one call of `check_authenticator`: its arguments and the breaches found."""

    def __init__(
        self,
        authenticator: Authenticator,
        good: Example | Fresh,
        now: float,
        bad: dict[str, Example],
        state: StoredState,
        *,
        single_use: bool,
    ) -> None:
        self.authenticator = authenticator
        self.now = now
        self.bad = bad
        self.state = state
        self.single_use = single_use
        self.rule = ""
        self.breaches: list[str] = []
        self._good = good

    def breach(self, what: str) -> None:
        """Note that the rule is broken. Only the first three breaches of a rule are reported."""
        if sum(one.startswith(f"{self.rule}: ") for one in self.breaches) < 3:
            self.breaches.append(f"{self.rule}: {what}")

    async def good(self) -> Presented:
        """Return a valid credential."""
        made: Any = self._good() if callable(self._good) else self._good
        if inspect.isawaitable(made):
            made = await made
        return self.presented(made)

    def presented(self, example: Example) -> Presented:
        """Return the example with its place."""
        one = Presented(example) if isinstance(example, str) else example
        if one.place is None and self.authenticator.places:
            return replace(one, place=self.authenticator.places[0])
        return one

    def recognised(self, one: Presented) -> bool:
        """Return whether the authenticator recognises the credential."""
        try:
            answer: object = self.authenticator.recognises(_credential(one))
        except Exception as error:  # noqa: BLE001 - that is what is being found out
            self.breach(f"recognises() raised {type(error).__name__} on {_shown(one)}")
            return False
        if not isinstance(answer, bool):
            self.breach(f"recognises() answered {type(answer).__name__} on {_shown(one)}")
        return bool(answer)

    async def ask(
        self, one: Presented, *, now: float | None = None, state: StoredState | None = None
    ) -> Authentication | Rejected | None:
        """Return the result of the authenticator; None if there is none, because it broke the contract."""
        if not self.recognised(one):
            return None
        try:
            async with asyncio.timeout(_PATIENCE):
                answer: object = await self.authenticator.authenticate(
                    _credential(one),
                    one.handshake,
                    state=self.state if state is None else state,
                    now=self.now if now is None else now,
                )
        except TimeoutError:
            self.breach(f"it took longer than {_PATIENCE:g} s on {_shown(one)}")
            return None
        except StoreUnavailable:
            if state is None:
                raise
            return None
        except Exception as error:  # noqa: BLE001 - that is what is being found out
            self.breach(f"it raised {type(error).__name__} on {_shown(one)}")
            return None
        if isinstance(answer, Authentication | Rejected):
            return answer
        self.breach(f"it answered {type(answer).__name__} on {_shown(one)}")
        return None


def _credential(one: Presented) -> Credential:
    if one.place is None:
        raise ContractBroken("it looks in no place")
    return Credential(one.place, one.secret)


def _shown(one: Presented) -> str:
    """Return a short form of a presented credential, never the whole of it."""
    start = one.secret[:6].encode("ascii", "backslashreplace").decode()
    return f"{start!r}… ({len(one.secret)} characters)"


# The rules --------------------------------------------------------------------------------------


async def _shape(check: _Check) -> None:
    one: Any = check.authenticator
    if not (isinstance(getattr(one, "kind", None), str) and one.kind):
        check.breach("kind is the name of a kind of credential")
    places = getattr(one, "places", ())
    if not places or not all(isinstance(place, Place) for place in places):
        check.breach("places names at least one Place")
    if not inspect.iscoroutinefunction(getattr(one, "authenticate", None)):
        check.breach("authenticate is not async: any wait in it would stop every connection")


async def _accepts(check: _Check) -> None:
    one = await check.good()
    found = await check.ask(one)
    if not isinstance(found, Authentication):
        why = found.detail if isinstance(found, Rejected) else "it was not recognised"
        check.breach(f"a good credential was refused: {why}")
        return
    if found.kind != check.authenticator.kind:
        check.breach(f"the authentication is of kind {found.kind!r}")
    roles: object = found.principal.roles
    if not found.principal.id or not isinstance(roles, frozenset):
        check.breach("a principal has an id, and its roles are a frozenset")
    if not found.credential_id:
        check.breach("credential_id is empty: an operator could not revoke it")
    if one.place is not None and one.place.ambient and not found.ambient:
        check.breach("a browser brings it along by itself, and ambient is False")
    scopes: object = found.scopes
    if scopes is not None and not isinstance(scopes, frozenset):
        check.breach("scopes are a frozenset, or None")
    if type(found.strength) is not int or found.strength < 1:
        check.breach("strength is a number of factors, 1 or more")


async def _times(check: _Check) -> None:
    found = await check.ask(await check.good())
    if not isinstance(found, Authentication):
        return
    for name in ("authenticated_at", "issued_at"):
        at: float = getattr(found, name)
        if not math.isfinite(at) or at > check.now + _SKEW:
            check.breach(f"{name} is {at}: in the future, or no time")
    if found.expires_at is not None and not check.now < found.expires_at < math.inf:
        check.breach(f"expires_at is {found.expires_at}: over already, or no time")
    if found.idle_seconds is not None and not 0 < found.idle_seconds < math.inf:
        check.breach(f"idle_seconds is {found.idle_seconds}")


async def _expiry(check: _Check) -> None:
    one = await check.good()
    found = await check.ask(one)
    if not isinstance(found, Authentication) or found.expires_at is None:
        return
    for late in (0.0, 1.0, 86_400.0):
        another = await check.good() if check.single_use else one
        if isinstance(await check.ask(another, now=found.expires_at + late), Authentication):
            check.breach(f"it was accepted {late:g} s after its expires_at")


async def _secrecy(check: _Check) -> None:
    one = await check.good()
    found = await check.ask(one)
    forged = one.place is None or one.place.source is not Source.CERTIFICATE
    again = await check.ask(replace(one, secret=one.secret + "x")) if forged else None
    texts = {"repr(authenticator)": repr(check.authenticator)}
    if isinstance(found, Authentication):
        texts |= {"the Authentication": repr(found), "credential_id": found.credential_id}
    if isinstance(again, Rejected):
        texts["a Rejected"] = f"{again!r} {again.headers}"
    if len(one.secret) < _SHORT:
        return
    for where, text in texts.items():
        if one.secret in text:
            check.breach(f"the secret stands in {where}")


async def _alterations(check: _Check) -> None:
    one = await check.good()
    for what, secret in altered(one.secret):
        if check.single_use:
            one = await check.good()
            secret = dict(altered(one.secret)).get(what, secret)  # noqa: PLW2901 - the same, of a new one
        if secret == one.secret:
            continue
        answer = await check.ask(replace(one, secret=secret))
        if isinstance(answer, Authentication):
            check.breach(f"it was accepted {what}")
        elif isinstance(answer, Rejected) and answer.denial not in _REFUSALS:
            check.breach(f"it was refused as {answer.denial.value} {what}")


async def _garbage(check: _Check) -> None:
    one = await check.good()
    for place in check.authenticator.places:
        for what, garbage in GARBAGE.items():
            secret = garbage
            if place.source is Source.CERTIFICATE:
                # No client can put invalid base64 there: the guard writes it.
                secret = base64.b64encode(garbage.encode("utf-8", "surrogatepass")).decode()
            answer = await check.ask(replace(one, secret=secret, place=place))
            if isinstance(answer, Authentication):
                check.breach(f"{what} was accepted in {place.source.value} {place.name!r}")
            elif isinstance(answer, Rejected) and not answer.detail:
                check.breach(f"{what} was refused without a detail for the operator")


async def _refuses(check: _Check) -> None:
    for what, example in check.bad.items():
        answer = await check.ask(check.presented(example))
        if isinstance(answer, Authentication):
            check.breach(f"{what} was accepted")


async def _once(check: _Check) -> None:
    one = await check.good()
    answers = await asyncio.gather(*(check.ask(one) for _ in range(5)))
    accepted = sum(isinstance(answer, Authentication) for answer in answers)
    if check.single_use and accepted != 1:
        check.breach(f"of five at once {accepted} were accepted, and it counts once")
    if not check.single_use and accepted != 5:
        check.breach(f"of five at once {accepted} were accepted; say single_use=True if it is")


async def _determinism(check: _Check) -> None:
    if check.single_use:
        return
    one = await check.good()
    first, second = await check.ask(one), await check.ask(one)
    if first != second:
        check.breach("the same credential at the same time got two answers")


async def _clocks(check: _Check) -> None:
    for now in (0.0, -1.0, 1.0, check.now - 1e9, check.now + 1e9, 1e15):
        await check.ask(await check.good(), now=now)


async def _outage(check: _Check) -> None:
    one = await check.good()
    down: Any = _Down()
    answer = await check.ask(one, state=StoredState.of(down))
    if down.asked and isinstance(answer, Authentication):
        check.breach("the store did not answer, and it was accepted all the same")


async def _bare_handshake(check: _Check) -> None:
    one = await check.good()
    for what in ("origin", "host", "path", "address"):
        empty: dict[str, Any] = {what: None if what == "origin" else ""}
        await check.ask(replace(one, handshake=replace(one.handshake, **empty)))


class _Down:
    """A store that never answers, and notes whether it was called."""

    def __init__(self) -> None:
        self.asked = False

    def __getattr__(self, name: str) -> Any:
        getattr(Store, name)

        async def call(*_: object, **__: object) -> None:
            self.asked = True
            raise StoreUnavailable("the store does not answer")

        return call


_RULES: dict[str, Callable[[_Check], Awaitable[None]]] = {
    "shape": _shape,
    "accepts": _accepts,
    "times": _times,
    "expiry": _expiry,
    "secrecy": _secrecy,
    "alterations": _alterations,
    "garbage": _garbage,
    "refuses": _refuses,
    "once": _once,
    "determinism": _determinism,
    "clocks": _clocks,
    "outage": _outage,
    "bare handshake": _bare_handshake,
}
