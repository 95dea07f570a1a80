"""The guard checks the results and the signatures of authenticators before it relies on them."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from stormdoor import Authentication, ConfigurationError, Denial, Principal
from stormdoor.core.credential import Credential, Place, Source
from stormdoor.core.denial import Refusal
from stormdoor.core.handshake import Handshake
from stormdoor.core.principal import ANONYMOUS, find_flaw
from stormdoor.ports import StoredState
from tests.guard.fakes import authentication, bearer, events, make_guard, opened, refused, settle
from tests.support.clock import FakeClock

NOW = FakeClock().now()
GOOD = authentication()


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


@dataclass
class Again:
    """Check of an open connection's credential that returns any object."""

    result: Any = None
    seconds: float = 60.0
    grace_seconds: float = 30.0
    generation: int = 0
    accepted_generation: int = 0

    async def ask(self, now: float) -> Any:
        """Return the result."""
        return self.result


FLAWS: dict[str, tuple[Any, str]] = {
    "nothing": (None, "it is NoneType"),
    "a bool": (True, "it is bool"),
    "a principal": (GOOD.principal, "it is Principal"),
    "no principal": (replace(GOOD, principal=None), "principal is NoneType"),  # type: ignore[arg-type]
    "no id": (authentication(principal=Principal(None)), "principal: id is NoneType"),  # type: ignore[arg-type]
    "an empty id": (authentication(principal=Principal("")), "principal.id is empty"),
    "an id of bytes": (authentication(principal=Principal(b"alice")), "id is bytes"),  # type: ignore[arg-type]
    "anonymous": (authentication(principal=ANONYMOUS), "principal.id is empty or anonymous"),
    "roles as a text": (authentication(principal=Principal("a", "admin")), "roles is str"),  # type: ignore[arg-type]
    "roles as a list": (authentication(principal=Principal("a", ["x"])), "roles is list"),  # type: ignore[arg-type]
    "a tenant that is a number": (
        authentication(principal=Principal("a", tenant=7)),  # type: ignore[arg-type]
        "tenant is int",
    ),
    "an end that is no number": (authentication(expires_at=math.nan), "expires_at is nan"),
    "an end before all time": (authentication(expires_at=-math.inf), "expires_at is -inf"),
    "an end as a text": (authentication(expires_at="2099"), "expires_at is str"),
    "issued never": (authentication(issued_at=math.nan), "issued_at is nan"),
    "issued for ever": (authentication(issued_at=math.inf), "issued_at is inf"),
    "issued in milliseconds": (authentication(issued_at=NOW * 1000), "issued_at is 17672"),
    "authenticated in milliseconds": (
        authentication(authenticated_at=NOW * 1000),
        "authenticated_at is 17672",
    ),
    "authenticated never": (authentication(authenticated_at=math.nan), "authenticated_at is nan"),
    "idle for no number": (authentication(idle_seconds=math.nan), "idle_seconds is nan"),
    "scopes as a text": (authentication(scopes="chat:*"), "scopes is str"),
    "ambient unknown": (authentication(ambient=None), "ambient is NoneType"),
    "a recheck that is never due": (authentication(recheck=Again(seconds=math.nan)), "recheck."),
    "a recheck without end": (authentication(recheck=Again(grace_seconds=math.inf)), "recheck."),
}


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


def test_a_sound_result_has_no_flaw() -> None:
    """Each optional field may be left out or set, and an end may be infinitely far."""
    whole = replace(
        GOOD,
        principal=Principal("alice", frozenset({"member"}), "acme", {"floor": 2}),
        expires_at=math.inf,
        idle_seconds=1,
        scopes=frozenset({"chat:*"}),
        session_id="s",
        recheck=Again(),
        issued_at=int(NOW),
    )
    assert [find_flaw(one, NOW) for one in (GOOD, whole)] == [None, None]


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
