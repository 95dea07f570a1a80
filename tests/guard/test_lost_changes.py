"""A failover or a restored backup loses changes of rights, passwords and attributes: nodes act on them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pyotp
import pytest

from stormdoor import Denial, Guard, PolicySet, StoreUnavailable, Target, forbid, role
from stormdoor.auth.factors.enrolment import Enrolled
from stormdoor.auth.factors.presented import (
    PasskeyProof,
    Proof,
    RecoveryProof,
    TotpProof,
    VerifiedFactor,
)
from stormdoor.auth.password.login import LoggedIn
from stormdoor.core.account import Account
from stormdoor.core.denial import Refusal
from tests.guard.fakes import HANDSHAKE, ORIGIN, admit, events, refused
from tests.guard.test_another_log import Server, serving
from tests.guard.test_lost_log import _lose, _node
from tests.support.authenticator import SoftPasskey


async def _account(server: Server, id: str = "alice") -> Account:
    account = await server.guard.state.accounts.account(id)
    assert account is not None
    return account


async def _withdraw(guard: Guard) -> object:
    return await guard.admin.withdraw_role("alice", "member")


async def _disable(guard: Guard) -> object:
    return await guard.admin.set_disabled("alice", True)


async def _remove(guard: Guard) -> object:
    return await guard.admin.remove_principal("alice")


@pytest.mark.parametrize("change", [_withdraw, _disable, _remove], ids=lambda one: one.__name__)
async def test_lost_change_is_made_again(
    change: Callable[[Guard], Awaitable[object]], tmp_path: Path
) -> None:
    """The store gets the change again before the node continues, and an old right opens nothing."""
    async with serving(tmp_path) as server:
        other = await _node(server.path)
        await server.session("alice")
        await server.session("bob")
        backup = server.back_up()
        await change(other)
        await _lose(server, backup, other)
        assert (await _account(server)).roles == {"member"}
        await server.guard.tick()
        account = await _account(server)
        assert account.disabled or not account.roles
        assert server.open == {"bob"}
        await refused(server.guard, server.handshakes["alice"])
        assert (await _account(server, "bob")).roles == {"member"}
        assert any("made again" in one.detail for one in await events(server.guard))
        await other.state.close()


async def test_several_nodes_make_it_once(tmp_path: Path) -> None:
    """Nodes that reload one after the other find the change of the first, and a second loss is noticed."""
    async with serving(tmp_path) as server:
        nodes = [await _node(server.path) for _ in range(2)]
        backup = server.back_up()
        for loss in range(2):
            if not loss:
                await _withdraw(nodes[0])
            await _lose(server, backup, *nodes)
            for node in (server.guard, *nodes):
                await node.follower.follow()
            assert (await _account(server)).roles == frozenset()
            log = await server.guard.state.revocations.revocations()
            assert [one.reason for one in log if one.reason] == ["role -member"]
        for node in nodes:
            await node.state.close()


async def test_right_that_was_given_back_stays(tmp_path: Path) -> None:
    """A later grant or enabling counts, in the lost log as well as in the present one."""
    async with serving(tmp_path) as server:
        guard = server.guard
        backup = server.back_up()
        for who in ("alice", "bob", "carol"):
            await guard.admin.withdraw_role(who, "member")
        await guard.admin.set_disabled("alice", True)
        await guard.admin.grant_role("alice", "member")
        await guard.admin.set_disabled("alice", False)
        await _lose(server, backup)
        command = await _node(server.path)
        await command.admin.grant_role("bob", "member")
        await guard.tick()
        alice, bob, carol = [await _account(server, who) for who in ("alice", "bob", "carol")]
        assert alice.roles == {"member"}
        assert not alice.disabled
        assert bob.roles == {"member"}
        assert carol.roles == frozenset()
        await command.state.close()


async def test_change_that_is_not_lost_is_not_repeated(tmp_path: Path) -> None:
    """A log that begins another epoch and lacks nothing causes no write. An old change is made again."""
    async with serving(tmp_path) as server:
        guard = server.guard
        await _withdraw(guard)
        await guard.follower.follow()
        await guard.state.accounts.add_role("alice", "member")  # as no entry of the log says
        await guard.state.revocations.begin_epoch(guard.follower.applied.epoch)
        await guard.tick()
        assert (await _account(server)).roles == {"member"}
        backup = server.back_up()
        await guard.admin.withdraw_role("bob", "member")
        await guard.follower.follow()
        guard.clock.advance(2 * 86_400.0)  # type: ignore[attr-defined]
        server.restore(backup)
        await guard.tick()
        assert (await _account(server, "bob")).roles == frozenset()


async def test_reason_of_an_operator_disables_no_account(tmp_path: Path) -> None:
    """A revocation for the reason "disabled" ends credentials only, also if it is lost."""
    async with serving(tmp_path) as server:
        guard = server.guard
        await server.session("alice")
        backup = server.back_up()
        await guard.admin.revoke(Target.PRINCIPAL, "alice", reason="disabled")
        await _lose(server, backup)
        await guard.tick()
        assert not (await _account(server)).disabled
        await refused(guard, server.handshakes["alice"])
        guard.clock.advance(1.0)  # type: ignore[attr-defined]
        await server.session("alice")
        await admit(guard, server.handshakes["alice"])


async def test_node_waits_for_the_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """INVARIANT: a node that cannot make a lost change again renews no lease, and admits no client."""
    async with serving(tmp_path) as server:
        guard = server.guard
        await server.session("alice")
        backup = server.back_up()
        await _withdraw(guard)
        await _lose(server, backup)
        accounts = guard.state.accounts

        async def fail(*_: object, **__: object) -> bool:
            raise StoreUnavailable("no write is possible")

        with monkeypatch.context() as patched:
            patched.setattr(accounts, "remove_role", fail)
            await guard.tick()
            assert guard.follower.behind
            await refused(guard, server.handshakes["alice"])
        await guard.tick()
        assert not guard.follower.behind
        assert (await _account(server)).roles == frozenset()


async def test_many_lost_changes(tmp_path: Path) -> None:
    """Changes of many principals are all made again."""
    async with serving(tmp_path) as server:
        guard = server.guard
        names = [f"p{n}" for n in range(120)]
        for name in names:
            await guard.admin.add_principal(name, roles=["member", "reader"])
        backup = server.back_up()
        for name in names:
            await guard.admin.withdraw_role(name, "member")
        await _lose(server, backup)
        await asyncio.gather(guard.follower.follow(), guard.follower.follow())
        for name in names:
            assert (await _account(server, name)).roles == {"reader"}


_OLD, _NEW, _LATER = "an old password, long ago", "a new password since then", "set by the operator"


async def _log_in(guard: Guard, password: str) -> LoggedIn | Refusal:
    return await guard.login.attempt("alice", password, "192.0.2.1")


async def test_old_password_stays_void(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """INVARIANT: a password that was replaced opens nothing after the replacement is lost."""
    async with serving(tmp_path) as server:
        guard = server.guard
        other = await _node(server.path)
        await guard.admin.set_password("alice", _OLD)
        await guard.follower.follow()
        backup = server.back_up()
        await other.admin.set_password("alice", _NEW)
        await _lose(server, backup, other)
        # The store has the old password again: without the node, it would open the account.
        assert isinstance(await _log_in(other, _OLD), LoggedIn)
        in_between = await other.sessions.create("alice")
        await guard.tick()
        for node in (guard, other):
            outcome = await _log_in(node, _OLD)
            assert isinstance(outcome, Refusal)
            assert outcome.denial is Denial.BAD_CREDENTIAL
        # A session that began with the old password meanwhile is over, for sockets and for pages.
        cookies = {guard.sessions.cookie.name: [in_between.secret]}
        await refused(guard, replace(HANDSHAKE, cookies=cookies))
        assert await guard.sessions.find(in_between.secret) is None
        assert "stormdoor principals password alice" in caplog.text
        assert any(
            one.name == "authn_password_change" and "lost by the store" in one.detail
            for one in await events(guard)
        )
        await guard.admin.set_password("alice", _LATER)
        await other.follower.follow()
        await guard.tick()
        assert isinstance(await _log_in(guard, _LATER), LoggedIn)
        await other.state.close()


async def test_password_that_was_set_after_the_loss_stays(tmp_path: Path) -> None:
    """A node that reloads late removes no password that is newer than the lost one."""
    async with serving(tmp_path) as server:
        guard = server.guard
        late = await _node(server.path)
        await guard.admin.set_password("alice", _OLD)
        await guard.follower.follow()
        backup = server.back_up()
        await guard.admin.set_password("alice", _NEW)
        await _lose(server, backup, late)
        await guard.tick()
        await guard.admin.set_password("alice", _LATER)
        await late.follower.follow()
        assert isinstance(await _log_in(guard, _LATER), LoggedIn)
        await late.state.close()


async def test_account_that_had_no_password_is_left_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A first password that is lost leaves nothing to remove, and a key that is issued later is valid."""
    async with serving(tmp_path) as server:
        guard = server.guard
        backup = server.back_up()
        await guard.admin.set_password("alice", _NEW)
        await _lose(server, backup)
        await guard.tick()
        guard.clock.advance(1.0)  # type: ignore[attr-defined]
        await server.key("alice")
        await guard.tick()
        assert server.open == {"alice's key"}
        assert "had lost a new password" not in caplog.text
        assert isinstance(await _log_in(guard, _NEW), Refusal)


async def test_lost_change_of_attributes_disables_the_account(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """INVARIANT: attributes that a change replaced decide nothing after the change is lost."""
    async with serving(tmp_path) as server:
        guard = server.guard
        late = await _node(server.path)
        await guard.admin.set_attributes("alice", {"clearance": 9})
        await server.session("alice")
        await server.session("bob")
        backup = server.back_up()
        await guard.admin.set_attributes("alice", {"clearance": 0})
        await _lose(server, backup, late)
        assert (await _account(server)).attributes == {"clearance": 9}
        await guard.tick()
        assert (await _account(server)).disabled
        assert server.open == {"bob"}
        await refused(guard, server.handshakes["alice"])
        assert "stormdoor principals enable alice" in caplog.text
        assert any("attributes: lost by the store" in one.detail for one in await events(guard))
        # The operator looks at the account. A node that reloads late does not disable it again.
        await guard.admin.set_disabled("alice", False)
        await late.follower.follow()
        assert not (await _account(server)).disabled
        await late.state.close()


@pytest.mark.parametrize("name", ["suspended", "on-leave"])
async def test_role_that_a_policy_forbids_is_given_again(name: str, tmp_path: Path) -> None:
    """INVARIANT: a role that lowers rights is not lost. A role that gives rights is not given again."""
    async with serving(tmp_path) as server:
        guard = server.guard
        guard.admin.adopt(
            PolicySet(
                [
                    role("member", "chat:*"),
                    role("admin", "*"),
                    role("suspended"),
                    role("on-leave", inherits=["suspended"]),
                    forbid("chat:*", roles=["suspended"]),
                ]
            )
        )
        await server.session("alice")
        await server.session("bob")
        backup = server.back_up()
        await guard.admin.grant_role("alice", name)
        await guard.admin.grant_role("bob", "admin")
        await _lose(server, backup)
        await admit(await _node(server.path), server.handshakes["alice"])
        await guard.tick()
        assert (await _account(server)).roles == {"member", name}
        assert (await _account(server, "bob")).roles == {"member"}
        assert (await refused(guard, server.handshakes["alice"])).denial is Denial.FORBIDDEN
        assert server.open == {"bob"}


async def test_reason_of_an_operator_removes_no_password(tmp_path: Path) -> None:
    """A revocation for the reason "password changed" ends credentials only, also if it is lost."""
    async with serving(tmp_path) as server:
        guard = server.guard
        await guard.admin.set_password("alice", _OLD)
        await guard.follower.follow()
        backup = server.back_up()
        await guard.admin.revoke(Target.PRINCIPAL, "alice", reason="password changed")
        await _lose(server, backup)
        await guard.tick()
        assert isinstance(await _log_in(guard, _OLD), LoggedIn)


async def _enrol(guard: Guard) -> tuple[pyotp.TOTP, Enrolled]:
    """Enrol TOTP for Alice, and let the clock reach the next code."""
    session = (await guard.sessions.create("alice")).session
    begun = await guard.factors.enrolment.begin_totp(session)
    device = pyotp.TOTP(begun.secret)
    code = device.at(int(guard.clock.now()))
    enrolled = await guard.factors.enrolment.confirm_totp(session, begun.id, code)
    assert isinstance(enrolled, Enrolled)
    guard.clock.advance(30.0)  # type: ignore[attr-defined]
    await guard.tick()
    return device, enrolled


async def _proves(guard: Guard, proof: Proof) -> bool:
    account = await guard.state.accounts.account("alice")
    assert account is not None
    return isinstance(await guard.factors.judge(account, proof), VerifiedFactor)


async def test_removed_factor_stays_removed(tmp_path: Path) -> None:
    """INVARIANT: a factor that was removed proves nothing, and ends the sessions that it began meanwhile."""
    async with serving(tmp_path) as server:
        guard = server.guard
        device, enrolled = await _enrol(guard)
        backup = server.back_up()
        await guard.admin.remove_factor("alice", enrolled.factor.id)
        await _lose(server, backup)
        await server.session("alice")
        await guard.tick()
        assert not await _proves(guard, TotpProof(device.at(int(guard.clock.now()))))
        assert await guard.factors.methods("alice") == ()
        assert server.open == set()
        assert not (await _account(server)).disabled
        assert any(
            one.name == "authn_factor_removed" and "lost by the store" in one.detail
            for one in await events(guard)
        )


async def test_renewed_factor(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """INVARIANT: after a renewal is lost, neither the old secret nor the password alone opens the account.

    A node that reloads late does not disable the account again.
    """
    async with serving(tmp_path) as server:
        guard = server.guard
        late = await _node(server.path)
        old, enrolled = await _enrol(guard)
        backup = server.back_up()
        await guard.factors.remove(enrolled.factor.id, owner="alice")
        await _enrol(guard)
        await _lose(server, backup, late)
        await guard.tick()
        assert not await _proves(guard, TotpProof(old.at(int(guard.clock.now()))))
        assert (await _account(server)).disabled
        assert "stormdoor principals enable alice" in caplog.text
        await guard.admin.set_disabled("alice", False)
        await late.follower.follow()
        assert not (await _account(server)).disabled
        await late.state.close()


async def test_lost_factor_beside_another_one(tmp_path: Path) -> None:
    """The account stays enabled if a factor is still needed, or if the lost one was removed again."""
    async with serving(tmp_path) as server:
        guard = server.guard
        await _enrol(guard)
        backup = server.back_up()
        await _enrol(guard)
        _, third = await _enrol(guard)
        await guard.factors.remove(third.factor.id, owner="alice")
        await _lose(server, backup)
        await guard.tick()
        assert not (await _account(server)).disabled
        assert await guard.factors.methods("alice") == ("totp", "recovery_code")


@pytest.mark.parametrize("renewed", [False, True])
async def test_used_and_replaced_recovery_codes_stay_void(renewed: bool, tmp_path: Path) -> None:
    """INVARIANT: a recovery code counts once. The session of a second use ends."""
    async with serving(tmp_path) as server:
        guard = server.guard
        _, enrolled = await _enrol(guard)
        code = RecoveryProof(enrolled.recovery_codes[0])
        backup = server.back_up()
        if renewed:
            await guard.factors.enrolment.new_recovery_codes("alice")
        else:
            assert await _proves(guard, code)
        await _lose(server, backup)
        # Before the node follows the other log, a second use of the code cannot be recognised.
        assert await _proves(guard, code)
        in_between = await guard.sessions.create("alice")
        await guard.tick()
        assert not await _proves(guard, RecoveryProof(enrolled.recovery_codes[1]))
        assert await guard.state.recovery_codes.recovery_codes("alice") == 0
        assert await guard.sessions.find(in_between.secret) is None


async def test_recovery_codes_of_after_the_loss_stay(tmp_path: Path) -> None:
    """A node that reloads late removes no codes that are newer than the lost use."""
    async with serving(tmp_path) as server:
        guard = server.guard
        late = await _node(server.path)
        _, enrolled = await _enrol(guard)
        backup = server.back_up()
        assert await _proves(guard, RecoveryProof(enrolled.recovery_codes[0]))
        await _lose(server, backup, late)
        await guard.tick()
        (code, *_) = await guard.factors.enrolment.new_recovery_codes("alice")
        await late.follower.follow()
        assert await _proves(late, RecoveryProof(code))
        await guard.factors.remove(enrolled.factor.id, owner="alice")
        await late.state.close()


async def test_used_code_of_totp_stays_used(tmp_path: Path) -> None:
    """INVARIANT: a code that was used is no code, as long as it is valid; the next one is."""
    async with serving(tmp_path) as server:
        guard = server.guard
        device, _ = await _enrol(guard)
        backup = server.back_up()
        code = device.at(int(guard.clock.now()))
        assert await _proves(guard, TotpProof(code))
        await _lose(server, backup)
        await guard.tick()
        assert not await _proves(guard, TotpProof(code))
        guard.clock.advance(30.0)  # type: ignore[attr-defined]
        assert await _proves(guard, TotpProof(device.at(int(guard.clock.now()))))


async def test_removed_link_stays_removed(tmp_path: Path) -> None:
    """INVARIANT: a user of a provider that was unlinked finds no account, and the sessions of it end.

    The link of another user to the account stays.
    """
    async with serving(tmp_path) as server:
        guard, provider = server.guard, "https://id.example"
        identities, now = guard.state.identities, guard.clock.now()
        for subject, who in (("1", "alice"), ("2", "alice"), ("3", "bob")):
            await identities.link_identity(provider, subject, who, now)
        backup = server.back_up()
        await identities.unlink_identity(provider, "1", now)
        await identities.unlink_identity(provider, "3", now)
        await identities.link_identity(provider, "3", "carol", now)
        await _lose(server, backup)
        await server.session("alice")
        await server.session("bob")
        await guard.tick()
        assert await identities.identity(provider, "1") is None
        assert await identities.identity(provider, "3") is None
        assert await identities.identity(provider, "2") == await _account(server)
        assert server.open == set()
        assert any(
            one.name == "user_updated" and "lost by the store" in one.detail
            for one in await events(guard)
        )


async def test_counter_of_a_passkey_does_not_go_back(tmp_path: Path) -> None:
    """INVARIANT: a copy of a passkey is noticed after the last use of the passkey was lost.

    A passkey without a counter adds no entries to the log.
    """
    async with serving(tmp_path) as server:
        guard = server.guard
        for who, counter in (("alice", 0), ("bob", None)):
            session = (await guard.sessions.create(who)).session
            begun = await guard.factors.enrolment.begin_passkey(session, origin=ORIGIN)
            assert isinstance(begun, dict)
            device = SoftPasskey(origin=ORIGIN, id=who.encode(), counter=counter)
            created = device.create(begun)
            await guard.factors.enrolment.confirm_passkey(session, created, origin=ORIGIN)
            backup, copy = server.back_up(), replace(device)
            before = await guard.state.revocations.log_position()
            assert await _proves_passkey(guard, who, device)
            after = await guard.state.revocations.log_position()
            assert (after == before) is (counter is None)
            await _lose(server, backup)
            await guard.tick()
            assert await _proves_passkey(guard, who, copy) is (counter is None)


async def _proves_passkey(guard: Guard, who: str, device: SoftPasskey) -> bool:
    account = await guard.state.accounts.account(who)
    assert account is not None
    options = await guard.factors.challenge(origin=ORIGIN, binding="login", principal_id=who)
    assert isinstance(options, dict)
    proof = PasskeyProof(credential=device.get(options), origin=ORIGIN, binding="login")
    return isinstance(await guard.factors.judge(account, proof), VerifiedFactor)


async def test_node_that_started_later_knows_the_change(tmp_path: Path) -> None:
    """A node reads the last entries of the log when it starts."""
    async with serving(tmp_path) as server:
        backup = server.back_up()
        await _withdraw(server.guard)
        node = await _node(server.path)
        server.restore(backup)
        await node.follower.follow()
        assert (await _account(server)).roles == frozenset()
        await node.state.close()


async def test_changes_that_no_node_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """INVARIANT: a node admits no client if the store lacks changes that the node does not remember.

    It follows its own log again if that comes back, as after a failover to the wrong standby.
    """
    monkeypatch.setattr("stormdoor.guard.lost_changes._REMEMBERED", 3)
    async with serving(tmp_path) as server:
        guard = server.guard
        await server.session("bob")
        await server.session("carol")
        # The limit: all changes since this backup are remembered.
        backup = server.back_up()
        for who in ("alice", "bob", "bob"):
            await guard.admin.withdraw_role(who, "member")
        await _lose(server, backup)
        await guard.tick()
        assert (await _account(server)).roles == (await _account(server, "bob")).roles == set()
        assert server.open == {"carol"}
        backup = server.back_up().rename(tmp_path / "earlier")
        for who in ("carol", "alice", "alice", "alice"):
            await guard.admin.withdraw_role(who, "member")
        await guard.follower.follow()
        present = server.back_up()
        server.restore(backup)
        for _ in range(3):
            await guard.tick()
            assert guard.follower.behind
            assert guard.lease.has_lapsed(guard.clock.monotonic())
            await refused(guard, server.handshakes["carol"])
        assert caplog.text.count("stormdoor revoke everything. Then restart the nodes") == 1
        # A node that starts takes the store as it is, and the operator has decided that.
        await admit(await _node(server.path), server.handshakes["carol"])
        server.restore(present)
        await guard.tick()
        assert not guard.follower.behind


async def test_change_that_is_no_longer_remembered_is_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change from before the remembered positions does not count as lost."""
    monkeypatch.setattr("stormdoor.guard.lost_changes._REMEMBERED", 3)
    async with serving(tmp_path) as server:
        guard = server.guard
        await guard.admin.set_password("alice", _OLD)
        for _ in range(5):
            await guard.admin.revoke(Target.CONNECTION, "none")
        await guard.follower.follow()
        await guard.state.revocations.begin_epoch(guard.follower.applied.epoch)
        await guard.tick()
        assert not guard.follower.behind
        assert isinstance(await _log_in(guard, _OLD), LoggedIn)


async def test_epochs_from_before_the_start_are_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Entries of an earlier epoch that lie in the remembered positions are not taken for another log."""
    monkeypatch.setattr("stormdoor.guard.lost_changes._REMEMBERED", 3)
    async with serving(tmp_path) as server:
        log = server.guard.state.revocations
        for _ in range(5):
            await server.guard.admin.withdraw_role("alice", "member")
        await log.begin_epoch((await log.log_position()).epoch)
        node = await _node(server.path)
        await log.begin_epoch((await log.log_position()).epoch)
        await node.follower.follow()
        assert not node.follower.behind
        assert node.follower.applied == await log.log_position()
        await node.state.close()
