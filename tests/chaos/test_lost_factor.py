"""A lagging standby becomes the primary: second factors that it has lost open nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import NamedTuple

import pyotp
import pytest

from stormdoor import Guard
from stormdoor.auth.factors.enrolment import Enrolled
from stormdoor.auth.factors.presented import (
    PasskeyProof,
    Proof,
    RecoveryProof,
    TotpProof,
    VerifiedFactor,
)
from stormdoor.core.account import Account
from stormdoor.errors import StoreUnavailable
from tests.chaos.test_lost_password import forget_changes, hold, lagging_pair, promote
from tests.guard.fakes import ORIGIN
from tests.support.authenticator import SoftPasskey

pytestmark = [pytest.mark.extended, pytest.mark.slow, pytest.mark.xdist_group("chaos-servers")]


class Enrolment(NamedTuple):
    """A principal with TOTP: the device, the id of the factor, and the recovery codes."""

    device: pyotp.TOTP
    factor_id: str
    codes: tuple[str, ...]

    def now(self, guard: Guard, steps: int = 0) -> str:
        """Return the code of the present step, or of a later one."""
        return self.device.at(int(guard.clock.now()) + 30 * steps)


async def _enrol(guard: Guard, who: str) -> Enrolment:
    issued = await guard.sessions.create(who)
    begun = await guard.factors.enrolment.begin_totp(issued.session)
    device = pyotp.TOTP(begun.secret)
    code = device.at(int(guard.clock.now()))
    enrolled = await guard.factors.enrolment.confirm_totp(issued.session, begun.id, code)
    assert isinstance(enrolled, Enrolled), enrolled
    return Enrolment(device, enrolled.factor.id, enrolled.recovery_codes)


async def enrol_passkey(guard: Guard, who: str, *, counter: int | None = 0) -> SoftPasskey:
    """Enrol a passkey. Without a counter it sends 0 at each use."""
    issued = await guard.sessions.create(who)
    begun = await guard.factors.enrolment.begin_passkey(issued.session, origin=ORIGIN)
    assert isinstance(begun, dict), begun
    device = SoftPasskey(origin=ORIGIN, id=who.encode(), counter=counter)
    enrolled = await guard.factors.enrolment.confirm_passkey(
        issued.session, device.create(begun), origin=ORIGIN
    )
    assert isinstance(enrolled, Enrolled), enrolled
    return device


async def _signed(guard: Guard, who: str, device: SoftPasskey) -> PasskeyProof:
    """Return the answer of a passkey to a new challenge."""
    options = await answer(
        lambda: guard.factors.challenge(origin=ORIGIN, binding="login", principal_id=who)
    )
    assert isinstance(options, dict), options
    return PasskeyProof(credential=device.get(options), origin=ORIGIN, binding="login")


async def proves(guard: Guard, who: str, proof: Proof) -> bool:
    """Return whether a factor is accepted. While the node does not know its database, this is an error."""
    account = await answer(lambda: guard.state.accounts.account(who))
    assert isinstance(account, Account)
    return isinstance(await answer(lambda: guard.factors.judge(account, proof)), VerifiedFactor)


async def answer(ask: Callable[[], Awaitable[object]]) -> object:
    """Return what `ask` returns. While the node does not know its database, ask again."""
    for _ in range(1_000):
        try:
            return await ask()
        except StoreUnavailable:
            await asyncio.sleep(0.05)
    raise TimeoutError


@pytest.mark.parametrize("acting", [True, False], ids=["nodes", "without the nodes' knowledge"])
async def test_promotion_of_a_lagging_standby(
    acting: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The promoted server has earlier second factors. Without the nodes' knowledge they prove an identity.

    - `used`: a recovery code and a TOTP code that were used count as unused.
    - `renewed`: recovery codes that were replaced are there again.
    - `removed`: a TOTP secret that was removed, because an attacker had it, is there again.
    - `added`: a principal that had added its first factor has none, so the password is enough.
    - `copied`: the counter of a passkey went back, so the use of a copy of it is not noticed.
    """
    if not acting:
        forget_changes(monkeypatch)
    async with lagging_pair() as (pair, one, other):
        for who in ("used", "renewed", "removed", "added", "copied"):
            await one.state.accounts.add_account(Account(id=who, roles=frozenset({"member"})))
        used, renewed, removed = [await _enrol(one, who) for who in ("used", "renewed", "removed")]
        passkey = await enrol_passkey(one, "copied")
        copy = replace(passkey)
        await hold(pair)
        assert await proves(one, "copied", await _signed(one, "copied", passkey))
        # The code of the next step is valid for at least 30 s and at most 90 s.
        code = used.now(one, 1)
        assert await proves(one, "used", TotpProof(code))
        assert await proves(one, "used", RecoveryProof(used.codes[0]))
        await one.factors.enrolment.new_recovery_codes("renewed")
        assert await one.admin.remove_factor("removed", removed.factor_id)
        await _enrol(one, "added")
        await promote(pair, one, other)
        assert await proves(one, "used", RecoveryProof(used.codes[0])) is not acting
        assert await proves(other, "used", TotpProof(code)) is not acting
        assert await proves(one, "copied", await _signed(one, "copied", copy)) is not acting
        assert await proves(other, "renewed", RecoveryProof(renewed.codes[3])) is not acting
        assert await proves(one, "removed", TotpProof(removed.now(one, 1))) is not acting
        added = await answer(lambda: other.state.accounts.account("added"))
        assert isinstance(added, Account)
        assert await other.factors.methods("added") == ()
        assert added.disabled is acting
