"""An explanation has the result of the real handshake, with every step before it."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import Any

import pytest

from stormdoor import ApiKeyAuthenticator, Connection, Guard, SessionAuthenticator
from stormdoor.core.denial import Refusal
from stormdoor.core.handshake import Handshake
from stormdoor.guard.active_policies import ActivePolicies
from stormdoor.guard.endpoint import Endpoint, public
from stormdoor.guard.handshake_tracer import HandshakeTracer
from stormdoor.runtime.explanation import Explanation, explain_handshake
from tests.guard.fakes import CHAT, HANDSHAKE, Tokens, authentication, bearer, make_guard, settle
from tests.support.clock import FakeClock

PUBLIC = Endpoint("tests.Prices", public=public("prices are published anyway"))


async def _guard() -> Guard:
    clock = FakeClock()
    known = {
        "alice": authentication("alice"),
        "eve": authentication("eve", "nobody"),
        "old": authentication("old", expires_at=clock.now() - 1),
    }
    return await settle(
        make_guard(SessionAuthenticator(), ApiKeyAuthenticator(), Tokens(known), clock=clock)
    )


CASES: list[tuple[str, Handshake, Endpoint, str]] = [
    ("admitted", bearer("alice"), CHAT, ""),
    ("public", HANDSHAKE, PUBLIC, ""),
    ("undeclared", bearer("alice"), Endpoint("tests.Forgotten"), "declared"),
    ("plaintext", bearer("alice", scheme="http"), CHAT, "transport"),
    ("other host", bearer("alice", host="evil.example"), CHAT, "Host"),
    ("foreign page", bearer("alice", origin="https://evil.example"), CHAT, "Origin"),
    ("nothing", HANDSHAKE, CHAT, "credential"),
    ("two", bearer("alice", headers={"x-api-key": ["sd_x"]}), CHAT, "credential"),
    (
        "a cookie without an origin",
        replace(HANDSHAKE, origin=None, fetch_site=None, cookies={"__Host-stormdoor": ["x"]}),
        CHAT,
        "credential form",
    ),
    ("too long", bearer("a" * 9000), CHAT, "credential form"),
    ("unknown", bearer("nobody's"), CHAT, "authentication"),
    ("not recognised", bearer("?"), CHAT, "authentication"),
    ("no permission", bearer("eve"), CHAT, "permission"),
    ("expired meanwhile", bearer("old"), CHAT, "deadline"),
    (
        "an unbound cookie",
        bearer("alice", cookies={"__Host-stormdoor": ["x"]}),
        CHAT,
        "ambient credential",
    ),
]


async def _explained(guard: Guard, handshake: Handshake, endpoint: Endpoint) -> Explanation:
    return await explain_handshake(guard, handshake, endpoint)


@pytest.mark.parametrize(
    ("handshake", "endpoint", "stopped"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
async def test_the_verdict_is_that_of_the_admission(
    handshake: Handshake, endpoint: Endpoint, stopped: str
) -> None:
    """The same answer and detail; every step but the last was passed, and the last says why."""
    explained = await _explained(await _guard(), handshake, endpoint)
    outcome = await (await _guard()).admission.admit(handshake, endpoint)
    if isinstance(outcome, Connection):
        assert explained.refusal is None
        assert explained.authentication == outcome.authentication
        assert all(one.passed for one in explained.steps)
        return
    assert isinstance(outcome, Refusal)
    refusal = explained.refusal
    assert refusal is not None
    assert (refusal.denial, refusal.detail) == (outcome.denial, outcome.detail)
    failed = [one for one in explained.steps if not one.passed]
    assert [one.step for one in failed] == [stopped]
    assert explained.steps[-1] is failed[0]
    assert failed[0].detail == outcome.detail


async def test_every_step_is_traced_in_the_order_of_the_list() -> None:
    """The tracer names no step of its own: a step that is added to the list is explained, too."""
    guard = await _guard()
    explained = await _explained(guard, bearer("alice"), CHAT)
    steps = guard.steps
    assert [one.step for one in explained.steps] == [
        *(one.name for one in (*steps.request, *steps.credential)),
        steps.authentication.name,
        *(one.name for one in (steps.bond, *steps.registration)),
    ]


async def test_a_renamed_step_keeps_no_tracer_silent() -> None:
    """The tracer has facts of some steps, by their names. It refuses a list that lacks one of them."""
    guard = await _guard()
    renamed = [
        replace(one, name="scheme") if one.name == "transport" else one
        for one in guard.steps.request
    ]
    tracer = HandshakeTracer(
        credentials=guard.credentials, policies=ActivePolicies(guard.policies), clock=guard.clock
    )
    tracer.traced(guard.steps)
    with pytest.raises(RuntimeError, match="transport"):
        tracer.traced(replace(guard.steps, request=tuple(renamed)))


async def test_no_await_can_enter_the_block_of_the_registration() -> None:
    """The steps of the registration are plain functions, and include capacity, caps and revocation."""
    steps = (await _guard()).steps
    assert [one.name for one in steps.registration] == [
        "closing, again",
        "freshness, again",
        "capacity, again",
        "caps",
        "permission",
        "register",
        "deadline",
        "revocation",
        "first message",
    ]
    assert not any(inspect.iscoroutinefunction(one.check) for one in steps.registration)


@pytest.mark.parametrize("place", ["bearer", "cookie", "key"])
async def test_no_secret_is_shown(place: str) -> None:
    """An explanation shows length and hash prefix of a credential, valid or not, and never its secret."""
    secret = "sd_0123456789abcdef_" + "Z" * 43
    places: dict[str, dict[str, Any]] = {
        "bearer": {"authorization": [f"Bearer {secret}"]},
        "cookie": {"cookies": {"__Host-stormdoor": [secret]}},
        "key": {"headers": {"x-api-key": [secret]}},
    }
    explained = await _explained(await _guard(), replace(HANDSHAKE, **places[place]), CHAT)
    shown = repr(explained)
    assert secret[:20] not in shown
    assert "Z" * 8 not in shown
    assert f"{len(secret)} characters" in shown


async def test_nothing_is_used_up_and_nothing_is_noted() -> None:
    """Asked a thousand times, it is the first time each time."""
    guard = await _guard()
    for _ in range(100):
        assert (await _explained(guard, bearer("unknown"), CHAT)).refusal is not None
    await guard.trail.flush()
    names = {one.event.name for one in await guard.state.trail.entries()}
    assert names <= {"sys_startup"}
    assert len(guard.registry) == 0
    assert isinstance(await guard.admission.admit(bearer("alice"), CHAT), Connection)


async def test_the_registration_alone_admits_no_client() -> None:
    """Each of its steps refuses an attempt that no earlier step has authenticated, wherever it stands."""
    guard = await _guard()
    for step in guard.steps.registration[3:-1]:
        refusal = step.check(guard.admission.begin(bearer("alice"), CHAT))
        assert refusal is not None, step.name
    refusal = await guard.steps.account.check(guard.admission.begin(bearer("alice"), CHAT))
    assert refusal is not None
    assert len(guard.registry) == 0
    await guard.close()
