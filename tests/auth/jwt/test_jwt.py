"""JSON Web Tokens: what an honest one says counts, until its session, account or time is over."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from stormdoor.auth.authenticator import Rejected
from stormdoor.auth.jose.jwt_issuer import JwtIssuer
from stormdoor.auth.jose.jwt_key import JwtKey
from stormdoor.auth.jwt.authenticator import JwtAuthenticator
from stormdoor.auth.session.service import SessionService
from stormdoor.core.credential import Place, Source, fingerprint
from stormdoor.core.denial import Denial
from stormdoor.core.principal import Authentication, Principal
from stormdoor.core.revocation import Revocation, RevocationIndex, Target
from stormdoor.errors import ConfigurationError, StoreUnavailable
from stormdoor.ports import StoredState
from stormdoor.stores.memory import MemoryStore
from tests.support.clock import FakeClock
from tests.support.people import ALICE, HANDSHAKE, bearer, offered, populated
from tests.support.tokens import forge, hs256

SECRET = "correct-horse-battery-staple-0123456789"
ISSUER, AUDIENCE = "https://login.example", "chat"
KEY = JwtKey("HS256", SECRET)


class Room:
    """A door that accepts HS256 tokens."""

    def __init__(self, store: MemoryStore, **options: object) -> None:
        self.clock = FakeClock()
        self.store = store
        self.authenticator = JwtAuthenticator(
            **({"keys": [KEY], "issuer": ISSUER, "audience": AUDIENCE} | options)  # type: ignore[arg-type]
        )
        self.sessions = SessionService(StoredState.of(store), self.clock)

    def token(self, header: dict[str, object] | None = None, **changes: object) -> str:
        """A token for alice, good for five minutes, with `changes`; `...` takes a claim away."""
        now = self.clock.now()
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "alice",
            "iat": now,
            "exp": now + 300,
            "roles": ["member"],
        }
        claims = {name: value for name, value in (claims | changes).items() if value is not ...}
        return forge(header or {"alg": "HS256", "typ": "JWT"}, claims, hs256(SECRET))

    async def show(self, token: str) -> Authentication | Rejected:
        """Come to the door with the token."""
        return await self.authenticator.authenticate(
            bearer(token), HANDSHAKE, state=StoredState.of(self.store), now=self.clock.now()
        )

    async def accepted(self, token: str) -> Authentication:
        """Come to the door and be let in."""
        outcome = await self.show(token)
        assert isinstance(outcome, Authentication), outcome
        return outcome

    async def refused(
        self, token: str, says: str, denial: Denial = Denial.BAD_CREDENTIAL
    ) -> Rejected:
        """Come to the door and be sent away for that reason."""
        outcome = await self.show(token)
        assert isinstance(outcome, Rejected)
        assert says in outcome.detail
        assert outcome.denial is denial
        return outcome


async def room(**options: object) -> Room:
    """A room with people in the store."""
    return Room(await populated(), **options)


async def test_a_token_vouches_for_its_subject() -> None:
    """Principal, times and a name to revoke it by come from the claims."""
    here = await room(tenant_claim="org", scope_claim="scope", attributes_claims=["department"])
    now = here.clock.now()
    token = here.token(
        jti="t-1", org="acme", scope="chat:say", department="x", auth_time=now - 60, amr=["mfa"]
    )
    assert await here.accepted(token) == Authentication(
        Principal("alice", frozenset({"member"}), "acme", {"department": "x"}),
        "jwt",
        credential_id="t-1",
        ambient=False,
        authenticated_at=now - 60,
        issued_at=now,
        expires_at=now + 300,
        scopes=frozenset({"chat:say"}),
        strength=2,
        token_hash=fingerprint(token),
    )


async def test_a_nameless_token_is_named_by_its_hash() -> None:
    """So that it can be revoked too."""
    here = await room()
    token = here.token()
    assert (await here.accepted(token)).credential_id == fingerprint(token)


async def test_age_in_doubt_counts_as_old() -> None:
    """Without `iat`, the token and the proof behind it are as old as can be."""
    here = await room()
    authentication = await here.accepted(here.token(iat=...))
    assert (authentication.issued_at, authentication.authenticated_at) == (0.0, 0.0)


async def test_roles_may_be_elsewhere() -> None:
    """The claim with the roles is the operator's choice; without one there are none."""
    named = await room(roles_claim="groups")
    assert (await named.accepted(named.token(groups=["a"]))).principal.roles == {"a"}
    without = await room(roles_claim=None)
    assert (await without.accepted(without.token())).principal.roles == frozenset()


# Where tokens may be -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "further"),
    [
        ({}, []),
        ({"header": "X-Token"}, [Place(Source.HEADER, "x-token")]),
        ({"insecure_query": "token"}, [Place(Source.QUERY, "token")]),
    ],
)
async def test_places(options: dict[str, object], further: list[Place]) -> None:
    """Bearer and subprotocol always; a header if named; the query only as an insecure option."""
    here = await room(**options)
    assert list(here.authenticator.places) == [
        Place(Source.AUTHORIZATION, "bearer"),
        Place(Source.SUBPROTOCOL, "stormdoor.bearer."),
        *further,
    ]
    assert here.authenticator.insecure_query == options.get("insecure_query")


@pytest.mark.parametrize(
    ("secret", "recognised"), [("a.b.c", True), ("..", True), ("sd_x", False), ("a.b", False)]
)
async def test_recognises_its_own(secret: str, recognised: bool) -> None:
    """Three segments; keys and everything else are left to others."""
    here = await room()
    assert here.authenticator.recognises(offered(secret)) is recognised


# Keys ----------------------------------------------------------------------------------------

OLD, NEW = "old-" + SECRET, "new-" + SECRET


@pytest.mark.parametrize(
    ("names", "kid", "signed_by", "says"),
    [
        ((None,), None, 0, None),
        ((None,), "whatever", 0, None),
        (("a",), None, 0, None),
        (("a",), "a", 0, None),
        (("a",), "b", 0, "no key has the kid 'b'"),
        (("a", "b"), "a", 0, None),
        (("a", "b"), "b", 1, None),
        (("a", "b"), "a", 1, "the signature is not"),
        (("a", "b"), None, 0, "names no key"),
        (("a", "b"), "c", 0, "no key has the kid"),
        (("a", "b"), "A", 0, "no key has the kid"),
        ((None, "b"), None, 0, None),
        ((None, "b"), "b", 1, None),
        ((None, "b"), None, 1, "the signature is not"),
        ((None, "b"), "c", 0, "no key has the kid"),
    ],
)
async def test_rotation_of_keys(
    names: Sequence[str | None], kid: str | None, signed_by: int, says: str | None
) -> None:
    """The `kid` finds the key by its exact name, or nothing; it never chooses an algorithm."""
    secrets = [OLD, NEW]
    keys = [JwtKey("HS256", s, name) for s, name in zip(secrets, names, strict=False)]
    here = await room(keys=keys)
    header = {"alg": "HS256"} if kid is None else {"alg": "HS256", "kid": kid}
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "exp": here.clock.now() + 9}
    token = forge(header, claims, hs256(secrets[signed_by]))
    if says is None:
        await here.accepted(token)
    else:
        await here.refused(token, says)


@pytest.mark.parametrize(
    ("types", "typ", "accepted"),
    [
        (None, ..., True),
        (None, "JWT", True),
        (None, "jwt", True),
        (None, "at+jwt", True),
        (None, "application/at+jwt", True),
        (None, "logout+jwt", False),
        (None, "dpop+jwt", False),
        (None, "", False),
        (["at+jwt"], "AT+JWT", True),
        (["at+jwt"], "JWT", False),
        (["at+jwt"], ..., False),
        ([None], "JWT", False),
    ],
)
async def test_types(types: list[str | None] | None, typ: object, accepted: bool) -> None:
    """A token made for another purpose is refused, although the same issuer signed it."""
    here = await room(**({} if types is None else {"types": types}))
    header: dict[str, object] = {"alg": "HS256", "typ": typ}
    token = here.token({name: value for name, value in header.items() if value is not ...})
    if accepted:
        await here.accepted(token)
    else:
        await here.refused(token, "typ is")


# Time, memory and revocation -----------------------------------------------------------------


@pytest.mark.parametrize("cache", [0, 100])
async def test_a_remembered_token_expires(cache: int) -> None:
    """The cache saves cryptography, not the look at the clock; the principal is named."""
    here = await room(cache=cache)
    token = here.token()
    for _ in range(3):
        await here.accepted(token)
    here.clock.advance(299.9)
    await here.accepted(token)
    here.clock.advance(0.1)
    for _ in range(2):
        outcome = await here.refused(token, "has expired", Denial.EXPIRED)
        assert outcome.principal_id == "alice"
    assert len(here.authenticator._verifier.cache) == 0


async def test_a_clock_set_back_makes_it_early() -> None:
    """A remembered token is not good before its time either."""
    here = await room()
    token = here.token()
    await here.accepted(token)
    here.clock.set_wall(here.clock.now() - 60)
    await here.refused(token, "iat lies 60.0 s in the future")


async def test_early_tokens_are_not_remembered() -> None:
    """Only what was good once is kept."""
    here = await room()
    token = here.token(nbf=here.clock.now() + 10)
    await here.refused(token, "nbf lies")
    assert len(here.authenticator._verifier.cache) == 0
    here.clock.advance(10)
    await here.accepted(token)


async def test_leeway_is_taken_off_the_age() -> None:
    """With a clock that may be ahead, a revocation covers what may be older than it says."""
    here = await room(leeway=5)
    now = here.clock.now()
    token = here.token(iat=now + 4)
    index = RevocationIndex([Revocation(Target.PRINCIPAL, "alice", now)])
    assert index.ends(await here.accepted(token))


async def test_a_remembered_token_can_be_revoked() -> None:
    """By its name, by its principal, or with everything: the guard finds all it needs."""
    here = await room()
    token = here.token(jti="t-1")
    await here.accepted(token)
    authentication = await here.accepted(token)
    for target, value in (
        (Target.CREDENTIAL, "t-1"),
        (Target.PRINCIPAL, "alice"),
        (Target.EVERYTHING, ""),
    ):
        assert RevocationIndex([Revocation(target, value, here.clock.now())]).ends(authentication)


# Single use ----------------------------------------------------------------------------------


async def test_single_use() -> None:
    """The second time is refused and reported, remembered token or not."""
    here = await room(single_use=True)
    token = here.token(jti="t-1")
    await here.accepted(token)
    for _ in range(2):
        outcome = await here.refused(token, "used before")
        assert (outcome.reused, outcome.principal_id) == (True, "alice")


async def test_of_many_uses_at_once_one_wins() -> None:
    """However many processes ask."""
    here = await room(single_use=True)
    token = here.token(jti="t-1")
    outcomes = await asyncio.gather(*(here.show(token) for _ in range(10)))
    assert sum(isinstance(one, Authentication) for one in outcomes) == 1


async def test_a_refused_token_is_not_used_up() -> None:
    """Its one use is taken when all else is right."""
    here = await room(single_use=True)
    token = here.token(jti="t-1", nbf=here.clock.now() + 10)
    await here.refused(token, "nbf lies")
    here.clock.advance(10)
    await here.accepted(token)


async def test_issuers_do_not_share_names() -> None:
    """A jti of one issuer does not use up the same jti of another."""
    here = await room(single_use=True)
    there = Room(here.store, single_use=True, issuer="https://other.example")
    await here.accepted(here.token(jti="t-1"))
    await there.accepted(there.token(jti="t-1", iss="https://other.example"))


async def test_single_use_needs_a_name() -> None:
    """A token without jti cannot be told from its copy."""
    here = await room(single_use=True)
    await here.refused(here.token(), "jti is missing")


# The account ---------------------------------------------------------------------------------


async def test_roles_from_the_store() -> None:
    """The token says who; the account says what, now and after each change."""
    here = await room(principals="store")
    token = here.token(roles=["administrator"], sub="alice")
    authentication = await here.accepted(token)
    assert (authentication.principal, authentication.live) == (ALICE.principal, True)
    await here.store.add_role("alice", "moderator")
    await here.store.remove_role("alice", "member")
    assert (await here.accepted(token)).principal.roles == {"moderator"}


async def test_an_unknown_subject_is_refused() -> None:
    """A token for a missing or removed account; cached or not."""
    here = await room(principals="store")
    await here.refused(here.token(sub="ghost"), "no such principal")
    token = here.token()
    await here.accepted(token)
    await here.store.remove_account("alice")
    await here.refused(token, "no such principal")


async def test_a_disabled_subject_is_refused() -> None:
    """At once, although its token is remembered."""
    here = await room(principals="store")
    token = here.token()
    await here.accepted(token)
    await here.store.set_disabled("alice", True)
    outcome = await here.refused(token, "disabled")
    assert outcome.principal_id == "alice"


# The session ---------------------------------------------------------------------------------


async def test_a_token_of_a_session_lives_and_ends_with_it() -> None:
    """It carries the session's id, age, proof and timeouts; after the logout it is refused."""
    here = await room()
    begun = here.clock.now()
    issued = await here.sessions.create("alice", strength=2)
    here.clock.advance(100)
    token = here.token(sid=issued.session.id, jti="t-1")
    assert await here.accepted(token) == Authentication(
        Principal("alice", frozenset({"member"})),
        "jwt",
        credential_id="t-1",
        ambient=False,
        authenticated_at=begun,
        issued_at=begun,
        expires_at=here.clock.now() + 300,
        idle_seconds=1800.0,
        strength=2,
        session_id=issued.session.id,
        token_hash=fingerprint(token),
        position=issued.session.position,
    )
    await here.sessions.end(issued.session.id)
    outcome = await here.refused(token, "session of the token has ended", Denial.EXPIRED)
    assert outcome.principal_id == "alice"


async def test_a_token_does_not_outlive_its_session() -> None:
    """The connection ends at the session's end, if that comes first."""
    here = await room()
    issued = await here.sessions.create("alice")
    here.store._sessions[issued.session.id] = replace(
        issued.session, expires_at=here.clock.now() + 7
    )
    authentication = await here.accepted(here.token(sid=issued.session.id))
    assert authentication.expires_at == here.clock.now() + 7


@pytest.mark.parametrize("principals", ["claims", "store"])
async def test_session_and_account_together(principals: str) -> None:
    """One look-up serves both; a disabled principal is refused either way."""
    here = await room(principals=principals)
    issued = await here.sessions.create("alice")
    token = here.token(sid=issued.session.id)
    authentication = await here.accepted(token)
    assert authentication.live is (principals == "store")
    await here.store.set_disabled("alice", True)
    await here.refused(token, "disabled")


async def test_somebody_elses_session_is_refused() -> None:
    """A session vouches for its own principal."""
    here = await room()
    issued = await here.sessions.create("bob")
    await here.refused(here.token(sid=issued.session.id), "another principal")


async def test_a_foreign_sid_names_the_option() -> None:
    """Some issuers have a `sid` of their own; the operator reads what to write."""
    here = await room()
    await here.refused(here.token(sid="x"), "write session_claim=None", Denial.EXPIRED)
    foreign = await room(session_claim=None)
    assert (await foreign.accepted(foreign.token(sid="x"))).session_id is None


async def test_a_token_counts_as_use_of_the_session() -> None:
    """A handshake with a token keeps its session alive."""
    here = await room()
    issued = await here.sessions.create("alice")
    here.clock.advance(1700)
    await here.accepted(here.token(sid=issued.session.id))
    (session,) = await here.store.sessions("alice")
    assert session.last_seen_at == here.clock.now()


@pytest.mark.parametrize(
    "options", [{"principals": "store"}, {"single_use": True}, {}], ids=["store", "once", "session"]
)
async def test_a_store_that_is_down_is_no_yes(options: dict[str, object]) -> None:
    """With the store down, a token that needs a look-up is refused, also a cached one."""
    here = await room(**options)
    issued = await here.sessions.create("alice")
    token = here.token(jti="t-1", sid=issued.session.id)
    await here.accepted(token)
    await here.store.close()
    with pytest.raises(StoreUnavailable):
        await here.show(token)


async def test_claims_alone_need_no_store() -> None:
    """A token with all facts is verified without the store."""
    here = await room()
    await here.store.close()
    await here.accepted(here.token())


# Options -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"keys": []}, "needs a key"),
        ({"keys": [KEY, KEY]}, "two keys have no kid"),
        ({"keys": [JwtKey("HS256", SECRET, "a")] * 2}, "two keys have the kid 'a'"),
        ({"issuer": ""}, "needs an issuer"),
        ({"audience": ""}, "needs an audience"),
        ({"audience": []}, "needs an audience"),
        ({"leeway": -1}, "leeway must be"),
        ({"leeway": 301}, "leeway must be"),
        ({"max_age": 0}, "max_age must be"),
        ({"types": []}, "types accepts no token"),
        ({"principals": "both"}, "principals must be"),
        ({"principals": "store", "tenant_claim": "org"}, "come from the account"),
        ({"principals": "store", "attributes_claims": ["x"]}, "come from the account"),
        ({"header": "Authorization"}, "has a meaning already"),
        ({"header": "COOKIE"}, "has a meaning already"),
    ],
)
async def test_contradictions_are_refused(options: dict[str, object], says: str) -> None:
    """An authenticator that would accept anything, or means two things, does not start."""
    with pytest.raises(ConfigurationError, match=says):
        await room(**options)


# Issuing -------------------------------------------------------------------------------------


async def test_an_issued_token_is_accepted() -> None:
    """The door takes what its own issuer makes, tied to the session that asked."""
    private = ed25519.Ed25519PrivateKey.generate()
    here = await room(
        keys=[JwtKey("EdDSA", private.public_key(), "2026")], types=["at+jwt"], principals="store"
    )
    here.clock.advance(0.123456)
    login = await here.sessions.create("alice")
    here.clock.advance(60)
    issuer = JwtIssuer(JwtKey("EdDSA", private, "2026"), ISSUER, AUDIENCE, seconds=120)
    issued = issuer.issue("alice", now=here.clock.now(), session=login.session)
    assert issued.expires_in == pytest.approx(120, abs=0.002)
    assert issued.token not in repr(issued)
    authentication = await here.accepted(issued.token)
    assert (authentication.credential_id, authentication.session_id) == (
        issued.id,
        login.session.id,
    )
    assert authentication.authenticated_at == login.session.authenticated_at
    here.clock.advance(120)
    await here.refused(issued.token, "has expired", Denial.EXPIRED)


async def test_an_issued_token_may_carry_claims() -> None:
    """Roles, for a door that does not ask the store; each token has its own name."""
    here = await room()
    issuer = JwtIssuer(KEY, ISSUER, AUDIENCE)
    one, other = (
        issuer.issue("carol", now=here.clock.now(), claims={"roles": ["member"]}) for _ in range(2)
    )
    assert one.id != other.id
    assert (await here.accepted(one.token)).principal == Principal("carol", frozenset({"member"}))


async def test_an_issued_token_ends_with_its_session() -> None:
    """However long tokens live otherwise."""
    here = await room()
    login = await here.sessions.create("alice")
    session = replace(login.session, expires_at=here.clock.now() + 10)
    issued = JwtIssuer(KEY, ISSUER, AUDIENCE).issue("alice", now=here.clock.now(), session=session)
    assert issued.expires_in == 10


async def test_a_login_after_a_revocation_counts_as_later() -> None:
    """Even within the same second."""
    here = await room()
    here.clock.advance(0.25)
    before = JwtIssuer(KEY, ISSUER, AUDIENCE).issue("alice", now=here.clock.now())
    here.clock.advance(0.01)
    index = RevocationIndex([Revocation(Target.PRINCIPAL, "alice", here.clock.now())])
    here.clock.advance(0.01)
    after = JwtIssuer(KEY, ISSUER, AUDIENCE).issue("alice", now=here.clock.now())
    assert index.ends(await here.accepted(before.token))
    assert not index.ends(await here.accepted(after.token))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"issuer": ""}, "its own name"),
        ({"audience": ""}, "its own name"),
        ({"seconds": 0}, "lives 1 to 3600"),
        ({"seconds": 3601}, "lives 1 to 3600"),
        ({"key": JwtKey("EdDSA", ed25519.Ed25519PrivateKey.generate().public_key())}, "is public"),
    ],
)
def test_an_issuer_that_cannot_work_is_refused(options: dict[str, object], says: str) -> None:
    """A public key, a nameless issuer, tokens that live for days."""
    sound: dict[str, object] = {"key": KEY, "issuer": ISSUER, "audience": AUDIENCE}
    with pytest.raises(ConfigurationError, match=says):
        JwtIssuer(**(sound | options))  # type: ignore[arg-type]


async def test_only_the_issuer_says_who_and_until_when() -> None:
    """Further claims cannot overwrite those that are judged; a session vouches for its own."""
    here = await room()
    issuer = JwtIssuer(KEY, ISSUER, AUDIENCE)
    for name in ("sub", "exp", "iss", "aud", "sid", "jti", "iat", "nbf", "auth_time"):
        with pytest.raises(ConfigurationError, match=name):
            issuer.issue("alice", now=here.clock.now(), claims={name: "x"})
    login = await here.sessions.create("bob")
    with pytest.raises(ConfigurationError, match="another principal"):
        issuer.issue("alice", now=here.clock.now(), session=login.session)
