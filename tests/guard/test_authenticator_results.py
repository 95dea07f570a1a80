"""The guard checks the results and the signatures of authenticators before it relies on them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from stormdoor import Authentication, ConfigurationError, Denial
from stormdoor.core.credential import Credential, Place, Source
from stormdoor.core.denial import Refusal
from stormdoor.core.handshake import Handshake
from stormdoor.ports import StoredState
from tests.core.flawed_results import FLAWS, GOOD, Again
from tests.guard.fakes import authentication, bearer, events, make_guard, opened, refused, settle
from tests.support.clock import FakeClock


@dataclass
class Careless:
    """Authenticator of an application that returns any object as its result."""

    result: Any
    kind: str = "careless"
    places: Sequence[Place] = (Place(Source.AUTHORIZATION, "bearer"),)

    def recognises(self, credential: Credential) -> bool:
        """Return True for each credential."""
        return True

    async def authenticate(
        self, credential: Credential, handshake: Handshake, *, state: StoredState, now: float
    ) -> Any:
        """Return the result."""
        return self.result


@pytest.mark.parametrize("name", FLAWS)
async def test_a_flawed_result_admits_no_client(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The client gets 500 and no socket; the log and the trail name the field."""
    result, flaw = FLAWS[name]
    guard = await settle(make_guard(Careless(result), clock=FakeClock()))
    denied = await refused(guard, bearer("x"))
    assert denied.denial is Denial.INTERNAL
    assert flaw in denied.detail
    assert flaw in caplog.text
    assert len(guard.registry) == 0
    assert [event.cause for event in await events(guard)][-1] == "internal"


@pytest.mark.parametrize("name", [one for one in FLAWS if "recheck" not in one])
async def test_a_flawed_result_of_a_recheck_extends_nothing(name: str) -> None:
    """The connection ends when the last sound result is too old. An end that is no number removed it."""
    again, clock = Again(), FakeClock()
    accepted = authentication(recheck=again)
    guard = await settle(make_guard(Careless(accepted), clock=clock))
    connection, sink = await opened(guard, bearer("x"))
    result = FLAWS[name][0]
    again.result = replace(result, recheck=again) if isinstance(result, Authentication) else result
    for _ in range(10):
        clock.advance(10)
        await guard.revalidation.look()
        for _ in range(5):
            await asyncio.sleep(0)
    assert not connection.open
    assert sink.closed is not None


class _WithStore(Careless):
    async def authenticate(  # type: ignore[override]
        self, credential: Credential, handshake: Handshake, *, store: object, now: float
    ) -> Any:
        """Take the parameter of an earlier interface."""


class _WithoutNow(Careless):
    async def authenticate(  # type: ignore[override]
        self, credential: Credential, handshake: Handshake, *, state: StoredState
    ) -> Any:
        """Lack a parameter."""


class _Choosy(Careless):
    def recognises(self, credential: Credential, handshake: Handshake) -> bool:  # type: ignore[override]
        """Take one parameter too many."""
        return True


class _Screening(Careless):
    def screen(self) -> Handshake | Refusal:
        """Take no handshake."""
        raise AssertionError


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "store": (lambda: _WithStore(GOOD), "write async def authenticate(self, credential, handshake"),
    "now": (lambda: _WithoutNow(GOOD), "unexpected keyword argument 'now'"),
    "recognises": (lambda: _Choosy(GOOD), "write def recognises(self, credential) in _Choosy"),
    "screen": (lambda: _Screening(GOOD), "write def screen(self, handshake) in _Screening"),
    "a class": (lambda: Careless, "Careless is a class; write Careless(…)"),
    "another object": (object, "object lacks kind, places, recognises or authenticate"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_authenticator_that_cannot_be_called_stops_the_start(name: str) -> None:
    """With an old parameter it started, and answered 500 to each valid credential."""
    make, line = REFUSED[name]
    with pytest.raises(ConfigurationError) as error:
        make_guard(make())
    assert line in str(error.value)


class _Filter(Careless):
    def screen(self, handshake: Handshake) -> Any:
        """Return no handshake."""
        return None


async def test_a_filter_that_returns_no_handshake_admits_no_client() -> None:
    """The request is refused with 500."""
    guard = await settle(make_guard(_Filter(GOOD), clock=FakeClock()))
    denied = await refused(guard, bearer("x"))
    assert denied == Refusal(Denial.INTERNAL, "the result of _Filter.screen is no handshake")
