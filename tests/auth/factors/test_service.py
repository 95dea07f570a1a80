"""Second factors: enrolled once shown to work, each code once, each challenge once, guesses slowed."""

import asyncio
from dataclasses import replace
from typing import Any

import pyotp
import pytest

from stormdoor.auth.factors.enrolment import Enrolled, TotpEnrolment
from stormdoor.auth.factors.passkey import Passkeys
from stormdoor.auth.factors.presented import (
    PasskeyProof,
    Proof,
    RecoveryProof,
    TotpProof,
    VerifiedFactor,
)
from stormdoor.auth.factors.second_factor import SecondFactor
from stormdoor.auth.factors.secret_box import SecretBox
from stormdoor.auth.factors.service import FactorService
from stormdoor.core.account import Account
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.session import Session
from stormdoor.errors import ConfigurationError
from stormdoor.ports import StoredState
from stormdoor.stores.memory import MemoryStore
from tests.support.authenticator import SoftPasskey
from tests.support.clock import FakeClock

KEY = b"k" * 32
PAGE = "https://app.example"


class Room:
    """Alice and Bob are logged in."""

    def __init__(self, store: MemoryStore, clock: FakeClock, **options: Any) -> None:
        self.store = store
        self.clock = clock
        secret_box = options.pop("secret_box", SecretBox([KEY]))
        self.service = FactorService(
            StoredState.of(store), clock, secret_box=secret_box, options=SecondFactor(**options)
        )
        self.accounts = {name: Account(id=name) for name in ("alice", "bob")}
        self.sessions = {
            name: Session(
                id=f"session-{name}",
                principal_id=name,
                created_at=clock.now(),
                born_at=clock.now(),
                authenticated_at=clock.now(),
                last_seen_at=clock.now(),
                expires_at=clock.now() + 1e6,
                idle_seconds=1e6,
            )
            for name in self.accounts
        }

    def again(self, **options: Any) -> "Room":
        """Another process on the same store, or the same one after a restart."""
        return Room(self.store, self.clock, **options)

    async def with_totp(self, name: str = "alice") -> pyotp.TOTP:
        """Enrol it. The code that confirmed is used; the clock moves on to the next."""
        session = self.sessions[name]
        begun = await self.service.enrolment.begin_totp(session)
        device = pyotp.TOTP(begun.secret)
        enrolled = await self.service.enrolment.confirm_totp(
            session, begun.id, device.at(int(self.clock.now()))
        )
        assert isinstance(enrolled, Enrolled), enrolled
        self.clock.advance(30)
        return device

    async def with_passkey(self, name: str = "alice", **options: Any) -> SoftPasskey:
        """Enrol one."""
        device = SoftPasskey(**{"id": f"credential of {name}".encode()} | options)
        session = self.sessions[name]
        begun = await self.service.enrolment.begin_passkey(session, origin=PAGE)
        assert isinstance(begun, dict), begun
        enrolled = await self.service.enrolment.confirm_passkey(
            session, device.create(begun), origin=PAGE
        )
        assert isinstance(enrolled, Enrolled), enrolled
        return device

    async def options(
        self, name: str | None = "alice", binding: str = "b", page: str = PAGE
    ) -> Any:
        """A challenge."""
        return await self.service.challenge(origin=page, binding=binding, principal_id=name)

    async def judge(self, proof: Proof, name: str = "alice") -> VerifiedFactor | Refusal:
        """Present something."""
        return await self.service.judge(self.accounts[name], proof)

    async def code(self, device: pyotp.TOTP, name: str = "alice") -> VerifiedFactor | Refusal:
        """Present the code that the device shows."""
        return await self.judge(TotpProof(device.at(int(self.clock.now()))), name)


async def room(**options: Any) -> Room:
    """A store in which no account has a second factor."""
    store = MemoryStore()
    await store.open()
    for name in ("alice", "bob"):
        await store.add_account(Account(id=name))
    return Room(store, FakeClock(), **options)


def why(outcome: object) -> tuple[Denial, str]:
    """Return the denial and its detail."""
    assert isinstance(outcome, Refusal), outcome
    return outcome.denial, outcome.detail


def asserted(credential: dict[str, Any], *, page: str = PAGE, binding: str = "b") -> PasskeyProof:
    """Return the proof that the page sends."""
    return PasskeyProof(credential=credential, origin=page, binding=binding)


# TOTP ----------------------------------------------------------------------------------------


async def test_a_code_proves() -> None:
    """Once it is enrolled, the code that the device shows is a second factor."""
    here = await room()
    device = await here.with_totp()
    outcome = await here.code(device)
    assert isinstance(outcome, VerifiedFactor)
    assert (outcome.strength, outcome.method) == (2, "totp")


async def test_the_secret_is_nowhere_in_the_clear() -> None:
    """The TOTP secret is neither in the store nor in a `repr`."""
    here = await room()
    begun = await here.service.enrolment.begin_totp(here.sessions["alice"])
    assert isinstance(begun, TotpEnrolment)
    device = await here.with_totp()
    (factor,) = await here.store.factors("alice")
    for text in (repr(begun), repr(factor), factor.secret, repr(TotpProof("123456"))):
        assert begun.secret not in text
        assert device.secret not in text
        assert "123456" not in text


async def test_without_a_key_there_is_no_totp() -> None:
    """A configuration error, with what to write; nothing is stored in the clear instead."""
    here = await room(secret_box=None)
    with pytest.raises(ConfigurationError, match="secrets_key"):
        await here.service.enrolment.begin_totp(here.sessions["alice"])
    assert not here.service.has_key


async def test_a_lost_key_lets_nobody_in(caplog: pytest.LogCaptureFixture) -> None:
    """A secret that cannot be opened counts for nothing, and the operator hears of it."""
    here = await room()
    device = await here.with_totp()
    for secret_box in (None, SecretBox([b"x" * 32])):
        assert why(await here.again(secret_box=secret_box).code(device))[0] is Denial.UNAVAILABLE
    assert "no secrets_key opens" in caplog.text


async def test_a_key_is_rotated_by_use() -> None:
    """If a new key comes first, the next use encrypts the secret with it; then the old key can be removed."""
    here = await room()
    device = await here.with_totp()
    new = b"n" * 32
    assert isinstance(
        await here.again(secret_box=SecretBox([new, KEY])).code(device), VerifiedFactor
    )
    here.clock.advance(30)
    assert isinstance(await here.again(secret_box=SecretBox([new])).code(device), VerifiedFactor)


async def test_a_code_counts_once() -> None:
    """INVARIANT: not again in its step, not after a restart, and the code that enrolled neither."""
    here = await room()
    session = here.sessions["alice"]
    begun = await here.service.enrolment.begin_totp(session)
    device = pyotp.TOTP(begun.secret)
    first = device.at(int(here.clock.now()))
    assert isinstance(await here.service.enrolment.confirm_totp(session, begun.id, first), Enrolled)
    assert "used before" in why(await here.judge(TotpProof(first)))[1]
    here.clock.advance(30)
    second = device.at(int(here.clock.now()))
    assert isinstance(await here.judge(TotpProof(second)), VerifiedFactor)
    assert "used before" in why(await here.judge(TotpProof(second)))[1]
    assert "used before" in why(await here.again().judge(TotpProof(second)))[1]
    # The one before it would still count for a clock that is behind, had it not been overtaken.
    assert "used before" in why(await here.judge(TotpProof(first)))[1]


async def test_one_of_many_at_once_proves() -> None:
    """INVARIANT: of any number that bring one code at once, exactly one is let in."""
    here = await room()
    device = await here.with_totp()
    there = here.again()
    outcomes = await asyncio.gather(*(one.code(device) for one in [here, there] * 2))
    assert sum(isinstance(each, VerifiedFactor) for each in outcomes) == 1


async def test_guesses_are_slowed_for_the_account() -> None:
    """Five wrong codes in a row are free, on all nodes together; then even the right one must wait."""
    here = await room()
    device = await here.with_totp()
    there = here.again()
    wrong = TotpProof("000000")
    for n in range(5):
        assert why(await (here if n % 2 else there).judge(wrong)) == (
            Denial.BAD_CREDENTIAL, "the code is wrong"
        )  # fmt: skip
    outcome = await there.code(device)
    assert why(outcome)[0] is Denial.BACKOFF
    assert isinstance(outcome, Refusal)
    assert outcome.retry_after == 1
    assert isinstance(await here.judge(wrong, "bob"), Refusal)
    here.clock.advance(2)
    assert isinstance(await here.code(device), VerifiedFactor)
    assert await here.store.factor_failures("alice") == (0, 0.0)


async def test_a_million_guesses_take_years() -> None:
    """A day of guessing at full speed is some 290 tries of three codes in a million."""
    here = await room()
    await here.with_totp()
    tries = 0
    end = here.clock.now() + 86_400
    while here.clock.now() < end:
        outcome = await here.judge(TotpProof("000000"))
        assert isinstance(outcome, Refusal)
        if outcome.denial is Denial.BACKOFF:
            here.clock.advance(outcome.retry_after or 0)
        else:
            tries += 1
    assert 285 <= tries <= 310


async def test_guesses_at_once_are_all_counted() -> None:
    """A hundred at the same moment are five tries, not a hundred."""
    here = await room()
    await here.with_totp()
    outcomes = await asyncio.gather(*(here.judge(TotpProof("000000")) for _ in range(100)))
    assert sum(why(each)[0] is Denial.BAD_CREDENTIAL for each in outcomes) == 5


async def test_a_clock_that_was_set_back_locks_nobody_out() -> None:
    """The wait is no longer than the back-off says."""
    here = await room()
    device = await here.with_totp()
    for _ in range(5):
        await here.judge(TotpProof("000000"))
    here.clock.set_wall(here.clock.now() - 30 * 86_400)
    assert why(await here.code(device))[0] is Denial.BACKOFF
    here.clock.advance(2)
    outcome = await here.code(device)
    assert not isinstance(outcome, Refusal) or outcome.denial is not Denial.BACKOFF


async def test_the_owner_gets_in_by_other_means_while_somebody_guesses() -> None:
    """Passkeys and recovery codes cannot be guessed, and are not slowed."""
    here = await room()
    session = here.sessions["alice"]
    begun = await here.service.enrolment.begin_totp(session)
    code = pyotp.TOTP(begun.secret).at(int(here.clock.now()))
    enrolled = await here.service.enrolment.confirm_totp(session, begun.id, code)
    assert isinstance(enrolled, Enrolled)
    passkey = await here.with_passkey()
    for _ in range(20):
        await here.judge(TotpProof("000000"))
    assert isinstance(await here.judge(asserted(passkey.get(await here.options()))), VerifiedFactor)
    assert isinstance(await here.judge(RecoveryProof(enrolled.recovery_codes[0])), VerifiedFactor)


@pytest.mark.parametrize("who", ["bob", "alice"])
async def test_an_enrolment_is_confirmed_in_its_session(who: str) -> None:
    """An enrolment is confirmed once, in time, by the session that began it and with a code."""
    here = await room()
    begun = await here.service.enrolment.begin_totp(here.sessions["alice"])
    device = pyotp.TOTP(begun.secret)

    async def confirm(session: Session, code: str) -> Enrolled | Refusal:
        return await here.service.enrolment.confirm_totp(session, begun.id, code)

    other = replace(here.sessions[who], id="another session")
    assert "no such enrolment" in why(await confirm(other, device.at(int(here.clock.now()))))[1]
    assert "not one of the new" in why(await confirm(here.sessions["alice"], "000000"))[1]
    if who == "bob":
        here.clock.advance(300)
        right = device.at(int(here.clock.now()))
        assert "no such" in why(await confirm(here.sessions["alice"], right))[1]
        return
    right = device.at(int(here.clock.now()))
    both = await asyncio.gather(*(confirm(here.sessions["alice"], right) for _ in range(2)))
    assert sum(isinstance(one, Enrolled) for one in both) == 1
    assert len(await here.store.factors("alice")) == 1


# Recovery codes ------------------------------------------------------------------------------


async def test_recovery_codes_come_with_the_first_factor() -> None:
    """Ten, each good once; the second factor brings none, and asking anew voids the old ones."""
    here = await room()
    session = here.sessions["alice"]
    begun = await here.service.enrolment.begin_passkey(session, origin=PAGE)
    assert isinstance(begun, dict)
    enrolled = await here.service.enrolment.confirm_passkey(
        session, SoftPasskey().create(begun), origin=PAGE
    )
    assert isinstance(enrolled, Enrolled)
    codes = enrolled.recovery_codes
    assert len(set(codes)) == 10
    assert codes[0] not in repr(enrolled)
    outcome = await here.judge(RecoveryProof(codes[0].upper()))
    assert isinstance(outcome, VerifiedFactor)
    assert outcome.method == "recovery-code"
    assert "used before" in why(await here.judge(RecoveryProof(codes[0])))[1]
    assert isinstance(await here.judge(RecoveryProof(codes[1]), "bob"), Refusal)
    await here.with_totp()
    assert await here.store.recovery_codes("alice") == 9
    await here.service.enrolment.new_recovery_codes("alice")
    assert isinstance(await here.judge(RecoveryProof(codes[1])), Refusal)


# Passkeys ------------------------------------------------------------------------------------


@pytest.mark.parametrize("verifies", [True, False])
async def test_a_passkey_proves(verifies: bool) -> None:
    """A passkey as second factor need not verify the user; the result tells whether it did."""
    here = await room()
    device = await here.with_passkey(verifies=verifies)
    outcome = await here.judge(asserted(device.get(await here.options())))
    assert isinstance(outcome, VerifiedFactor)
    assert (outcome.strength, outcome.method, outcome.user_verified) == (2, "passkey", verifies)
    assert outcome.account.id == "alice"


LIES = [
    pytest.param({"origin": "https://evil.example"}, "origin", id="of another page"),
    pytest.param({"rp_id": "evil.example"}, "RP ID", id="for another relying party"),
    pytest.param({"type": "webauthn.create"}, "type", id="of another ceremony"),
    pytest.param({"challenge": "AAAA"}, "no such challenge", id="of a challenge of its own"),
    pytest.param({"crossOrigin": True}, "in a frame", id="of our page in a frame of theirs"),
    pytest.param({"user": "bWFsbG9yeQ"}, "another principal", id="of another user"),
]


@pytest.mark.parametrize(("lie", "says"), LIES)
async def test_a_signature_for_something_else_proves_nothing(
    lie: dict[str, Any], says: str
) -> None:
    """A result for a foreign page is refused, and the challenge is spent."""
    here = await room()
    device = await here.with_passkey()
    options = await here.options()
    denial, detail = why(await here.judge(asserted(device.get(options, **lie))))
    assert denial is Denial.BAD_CREDENTIAL
    assert says in detail
    if "challenge" not in lie:
        assert "no such" in why(await here.judge(asserted(device.get(options))))[1]


async def test_the_lies_are_signed_well() -> None:
    """The attack first: on a twin that expects what the attacker's page says, they are believed."""
    here = await room()
    device = await here.with_passkey()
    (factor,) = await here.store.factors("alice")
    challenge = Passkeys.new_challenge()
    twin = Passkeys()
    options = twin.request_options(origin="https://evil.example", challenge=challenge, known=[])
    stolen = device.get(options, origin="https://evil.example")
    fooled = replace(factor, details={**factor.details, "rp_id": "evil.example"})
    believed = twin.verify(
        stolen, factor=fooled, origin="https://evil.example", challenge=challenge
    )
    assert believed.user_verified


async def test_somebody_elses_passkey_proves_nothing() -> None:
    """Bob's is valid for Bob; the signature of another key under Alice's id is valid for no account."""
    here = await room()
    await here.with_passkey()
    bobs = await here.with_passkey("bob")
    assert "another principal" in why(await here.judge(asserted(bobs.get(await here.options()))))[1]
    thief = SoftPasskey(id=b"credential of alice")
    assert "signature" in why(await here.judge(asserted(thief.get(await here.options()))))[1]
    unknown = SoftPasskey(id=b"unheard of")
    assert (
        "no principal has" in why(await here.judge(asserted(unknown.get(await here.options()))))[1]
    )


async def test_a_challenge_is_answered_once_where_it_was_asked() -> None:
    """A challenge is answered once, in time, with its cookie and from its page."""
    here = await room()
    device = await here.with_passkey()
    answer = device.get(await here.options())
    assert isinstance(await here.judge(asserted(answer)), VerifiedFactor)
    assert "no such challenge" in why(await here.judge(asserted(answer)))[1]
    for bad in (
        {"binding": "of another login"},
        {"page": "https://other.example"},
    ):
        answer = device.get(await here.options())
        assert "another principal" in why(await here.judge(asserted(answer, **bad)))[1]
    answer = device.get(await here.options())
    here.clock.advance(300)
    assert "no such challenge" in why(await here.judge(asserted(answer)))[1]


async def test_a_copied_passkey_is_noticed() -> None:
    """INVARIANT: the counter only grows; one that stands still was seen before, in a copy."""
    here = await room()
    device = await here.with_passkey()
    copy = replace(device)
    for _ in range(2):
        assert isinstance(
            await here.judge(asserted(device.get(await here.options()))), VerifiedFactor
        )
    denial, detail = why(await here.judge(asserted(copy.get(await here.options()))))
    assert denial is Denial.BAD_CREDENTIAL
    assert "a copy" in detail


async def test_a_passkey_that_does_not_count_is_good() -> None:
    """A passkey that always sends the counter 0 is accepted, as synchronised ones do."""
    here = await room()
    device = await here.with_passkey(counter=None)
    for _ in range(2):
        assert isinstance(
            await here.judge(asserted(device.get(await here.options()))), VerifiedFactor
        )


async def test_a_passkey_alone_must_check_who_uses_it() -> None:
    """A passkey without a password must verify the user; it counts as two factors and names its account."""
    here = await room()
    device = await here.with_passkey()
    outcome = await here.service.judge_alone(asserted(device.get(await here.options(None))))
    assert isinstance(outcome, VerifiedFactor)
    assert (outcome.account.id, outcome.strength) == ("alice", 2)
    device.verifies = False
    denial, detail = why(
        await here.service.judge_alone(asserted(device.get(await here.options(None))))
    )
    assert denial is Denial.BAD_CREDENTIAL
    assert "verif" in detail


async def test_a_challenge_for_one_purpose_serves_no_other() -> None:
    """The challenge of a second factor, which requires no PIN, does not log in alone."""
    here = await room()
    device = await here.with_passkey()
    alone = device.get(await here.options(None))
    assert "no such challenge" in why(await here.judge(asserted(alone)))[1]
    second = device.get(await here.options())
    assert "no such challenge" in why(await here.service.judge_alone(asserted(second)))[1]


@pytest.mark.parametrize(
    "credential",
    [
        {},
        {"response": None},
        {"response": {"clientDataJSON": 5}},
        {"response": {"clientDataJSON": "!!"}},
        {"response": {"clientDataJSON": "W10"}},
        {"id": "x" * 10_000, "response": {"clientDataJSON": "eyJjaGFsbGVuZ2UiOiJBQSJ9"}},
    ],
)
async def test_garbage_is_refused(credential: dict[str, Any]) -> None:
    """A malformed answer of a passkey is refused as a wrong credential."""
    here = await room()
    await here.with_passkey()
    assert why(await here.judge(asserted(credential)))[0] is Denial.BAD_CREDENTIAL
    outcome = await here.service.enrolment.confirm_passkey(
        here.sessions["alice"], credential, origin=PAGE
    )
    assert why(outcome)[0] is Denial.BAD_CREDENTIAL


async def test_an_enrolled_device_is_not_enrolled_again() -> None:
    """The browser gets the list; an account keeps one handle, and cannot take another account's."""
    here = await room()
    device = await here.with_passkey()
    begun = await here.service.enrolment.begin_passkey(here.sessions["alice"], origin=PAGE)
    assert isinstance(begun, dict)
    assert [one["id"] for one in begun["excludeCredentials"]] == [
        device.get(begun | {"rpId": "x"})["id"]
    ]
    assert begun["user"]["id"] == device.user
    bobs = await here.service.enrolment.begin_passkey(here.sessions["bob"], origin=PAGE)
    assert isinstance(bobs, dict)
    outcome = await here.service.enrolment.confirm_passkey(
        here.sessions["bob"], device.create(bobs), origin=PAGE
    )
    assert "exists already" in why(outcome)[1]


async def test_rp_id_of_a_parent() -> None:
    """Passkeys are shared below the domain that is named, and refused elsewhere."""
    here = await room(rp_id="example")
    begun = await here.service.enrolment.begin_passkey(here.sessions["alice"], origin=PAGE)
    assert isinstance(begun, dict)
    assert begun["rp"]["id"] == "example"
    for page in ("https://app.badexample", "https://evil.test", "null"):
        outcome = await here.service.enrolment.begin_passkey(here.sessions["alice"], origin=page)
        assert why(outcome)[0] is Denial.BAD_CREDENTIAL


# The rest ------------------------------------------------------------------------------------


async def test_available_kinds_of_factor() -> None:
    """The service tells a login page which kinds of second factor the account has."""
    here = await room()
    assert await here.service.methods("alice") == ()
    await here.with_totp()
    assert await here.service.methods("alice") == ("totp", "recovery_code")
    await here.with_passkey()
    assert await here.service.methods("alice") == ("totp", "passkey", "recovery_code")


async def test_a_factor_is_removed_by_its_owner() -> None:
    """The owner removes a factor; with the last one the recovery codes are removed."""
    here = await room()
    await here.with_totp()
    (factor,) = await here.service.factors("alice")
    assert await here.service.remove(factor.id, owner="bob") is None
    assert await here.service.remove(factor.id, owner="alice") == factor
    assert await here.service.remove(factor.id, owner="alice") is None
    assert await here.service.methods("alice") == ()


async def test_sixteen_are_enough() -> None:
    """An account cannot fill the store."""
    here = await room()
    for n in range(16):
        await here.with_passkey(id=f"credential {n}".encode())
    begun = await here.service.enrolment.begin_passkey(here.sessions["alice"], origin=PAGE)
    assert isinstance(begun, dict)
    outcome = await here.service.enrolment.confirm_passkey(
        here.sessions["alice"], SoftPasskey().create(begun), origin=PAGE
    )
    assert "enough" in why(outcome)[1]


async def test_proof_on_an_open_connection() -> None:
    """The port that the connection asks: a code is right once, for an account that may."""
    here = await room()
    device = await here.with_totp()
    code = device.at(int(here.clock.now()))
    assert await here.service.prove("bob", totp=code) is False
    assert await here.service.prove("nobody", totp=code) is False
    await here.store.set_disabled("alice", True)
    assert await here.service.prove("alice", totp=code) is False
    await here.store.set_disabled("alice", False)
    assert await here.service.prove("alice", totp=code) is True
    assert await here.service.prove("alice", totp=code) is False


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"name": ""}, "name"),
        ({"name": "a:b"}, "name"),
        ({"pending_seconds": 1.0}, "pending_seconds"),
        ({"fresh_seconds": 1e6}, "fresh_seconds"),
    ],
)
def test_options_make_sense(options: dict[str, Any], says: str) -> None:
    """Contradictory options are refused with the remedy."""
    with pytest.raises(ConfigurationError, match=says):
        SecondFactor(**options)


@pytest.mark.parametrize("rp_id", ["https://example.com", "", "a b", "example.com/"])
def test_rp_id_is_a_host(rp_id: str) -> None:
    """A value for `rp_id` that is no host is refused."""
    with pytest.raises(ConfigurationError, match="rp_id"):
        Passkeys("x", rp_id)


async def test_guesses_at_nodes_with_other_clocks_are_delayed() -> None:
    """INVARIANT: an attacker who alternates between nodes an hour apart gets no more guesses."""
    here, clock = await room(), FakeClock()
    await here.with_totp()
    clock.set_wall(here.clock.now() + 3600)
    nodes, judged = (here, Room(here.store, clock)), 0
    for _ in range(30):
        for node in nodes:
            outcome = await node.judge(TotpProof("000000"))
            judged += why(outcome)[0] is Denial.BAD_CREDENTIAL
            node.clock.advance(1)
    # Thirty seconds: five without a delay, and then after 1, 2, 4, 8 and 16; twice, once at each clock.
    assert judged <= 14
