"""Every built-in authenticator keeps the contract, and each way to break it is found."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tornado.web import create_signed_value

from stormdoor import (
    ApiKeyAuthenticator,
    Authentication,
    Denial,
    JwtAuthenticator,
    JwtKey,
    Principal,
    Rejected,
    SessionAuthenticator,
    SignedCookieAuthenticator,
    TicketAuthenticator,
)
from stormdoor.auth.apikey.service import KeyService
from stormdoor.auth.http_signature.signed_request import (
    RequestKey,
    SignedRequestAuthenticator,
    sign_request,
)
from stormdoor.auth.mtls.certificate import CertificateAuthenticator
from stormdoor.auth.proxy.proxy_identity import ProxyIdentityAuthenticator
from stormdoor.auth.session.service import SessionService
from stormdoor.auth.ticket.service import TicketService
from stormdoor.core.credential import Credential, Place, Source, presented
from stormdoor.core.handshake import Handshake
from stormdoor.errors import StoreUnavailable
from stormdoor.ports import StoredState
from stormdoor.testing import ContractBroken, Presented, check_authenticator
from tests.auth.mtls import test_certificate
from tests.auth.proxy import test_proxy_identity
from tests.support.clock import FakeClock
from tests.support.people import HANDSHAKE, ORIGIN, populated
from tests.support.tokens import forge, hs256

NOW = FakeClock().now()
SECRET = "correct-horse-battery-staple-0123456789"
RULES = {
    "shape",
    "accepts",
    "times",
    "expiry",
    "secrecy",
    "alterations",
    "garbage",
    "refuses",
    "once",
    "determinism",
    "clocks",
    "outage",
    "bare handshake",
}


def claims(**changes: Any) -> dict[str, Any]:
    """Return the claims of alice's token."""
    return {
        "iss": "https://login.example",
        "aud": "chat",
        "sub": "alice",
        "iat": NOW,
        "exp": NOW + 300,
        **changes,
    }


HEADER = {"alg": "HS256", "typ": "JWT"}
GOOD = forge(HEADER, claims(), hs256(SECRET))


@pytest.mark.parametrize("principals", ["claims", "store"])
async def test_tokens(principals: Any) -> None:
    """Signed with a secret."""
    checked = await check_authenticator(
        JwtAuthenticator(
            keys=[JwtKey("HS256", SECRET)],
            issuer="https://login.example",
            audience="chat",
            principals=principals,
        ),
        good=GOOD,
        bad={
            "of another audience": forge(HEADER, claims(aud="other"), hs256(SECRET)),
            "unsigned": forge({"alg": "none"}, claims(), lambda _: b""),
            "expired": forge(HEADER, claims(exp=NOW), hs256(SECRET)),
        },
        state=StoredState.of(await populated()),
        now=NOW,
    )
    assert set(checked) == RULES


async def test_tokens_that_count_once() -> None:
    """Each with a `jti` of its own."""
    numbers = iter(range(10_000))
    await check_authenticator(
        JwtAuthenticator(
            keys=[JwtKey("HS256", SECRET)],
            issuer="https://login.example",
            audience="chat",
            single_use=True,
        ),
        good=lambda: forge(HEADER, claims(jti=f"token {next(numbers)}"), hs256(SECRET)),
        single_use=True,
        now=NOW,
    )


async def test_api_keys() -> None:
    """With a date."""
    store = await populated()
    issued = await KeyService(StoredState.of(store), FakeClock()).issue(
        "sensor", name="roof", scopes=["data:*"], seconds=3600
    )
    await check_authenticator(
        ApiKeyAuthenticator(), good=issued.secret, state=StoredState.of(store), now=NOW
    )


async def test_sessions() -> None:
    """A cookie."""
    store = await populated()
    issued = await SessionService(StoredState.of(store), FakeClock()).create("alice")
    await check_authenticator(
        SessionAuthenticator(), good=issued.secret, state=StoredState.of(store), now=NOW
    )


async def test_tickets() -> None:
    """In a subprotocol and in a message; a new one each time."""
    store = await populated()
    session = (await SessionService(StoredState.of(store), FakeClock()).create("alice")).session
    desk = TicketService(StoredState.of(store), FakeClock())
    authenticator = TicketAuthenticator()

    for place in authenticator.places:

        async def fresh(place: Place = place) -> Presented:
            ticket = await desk.issue(session, origin=ORIGIN, endpoint="/ws/chat")
            assert ticket is not None
            return Presented(ticket.secret, place, HANDSHAKE)

        await check_authenticator(
            authenticator, good=fresh, state=StoredState.of(store), now=NOW, single_use=True
        )


async def test_signed_cookies() -> None:
    """Tornado's own."""
    cookie = create_signed_value(SECRET, "user", "alice", clock=lambda: NOW).decode()
    await check_authenticator(
        SignedCookieAuthenticator("user", SECRET, roles=["member"]), good=cookie, now=NOW
    )


async def test_signed_requests() -> None:
    """A signature with a nonce, made for each handshake."""
    key = Ed25519PrivateKey.generate()
    authenticator = SignedRequestAuthenticator(
        [RequestKey(key=JwtKey("EdDSA", key.public_key(), "ed"), principal=Principal("device"))]
    )
    private = JwtKey("EdDSA", key, "ed")

    def fresh() -> Presented:
        sent = sign_request("wss://app.example/feed", private, created=NOW)
        headers = {name.lower(): (value,) for name, value in sent.items()}
        handshake = replace(HANDSHAKE, path="/feed", target="/feed", headers=headers)
        [credential] = presented(handshake, authenticator.places)
        return Presented(credential.secret, credential.place, handshake)

    await check_authenticator(authenticator, good=fresh, now=NOW, single_use=True)


async def test_certificates() -> None:
    """TLS has verified the client's certificate, which is no secret."""
    authenticator = CertificateAuthenticator(named_by="uri", pattern=test_certificate.SPIFFE)
    handshake = test_certificate.sent()
    [credential] = presented(handshake, authenticator.places)
    await check_authenticator(
        authenticator,
        good=Presented(credential.secret, credential.place, handshake),
        now=test_certificate.NOW,
        # TLS has checked the signature before the authenticator runs, so an altered one does not get here.
        forgiven=["alterations"],
    )


async def test_identities_from_a_proxy() -> None:
    """The proxy's secret authenticates an identity; a name is no secret."""
    authenticator = ProxyIdentityAuthenticator(test_proxy_identity.PROXY)
    handshake = test_proxy_identity.sent()
    [credential] = presented(handshake, authenticator.places)
    await check_authenticator(
        authenticator,
        good=Presented(credential.secret, credential.place, handshake),
        now=test_proxy_identity.NOW,
        # It is proved anew at each handshake, so that its time begins anew.
        forgiven=["alterations", "garbage", "secrecy", "expiry"],
    )


# Each way to break it ---------------------------------------------------------------------------


@dataclass
class Sound:
    """Accepts one secret."""

    secret: str = "the secret of alice"
    kind: str = "sound"
    places: Sequence[Place] = (Place(Source.AUTHORIZATION, "bearer"),)

    def __repr__(self) -> str:
        return "Sound()"

    def recognises(self, credential: Credential) -> bool:
        return True

    async def authenticate(
        self, credential: Credential, handshake: Handshake, *, state: StoredState, now: float
    ) -> Any:
        if credential.secret != self.secret:
            return Rejected(Denial.BAD_CREDENTIAL, "wrong")
        if now >= NOW + 100:
            return Rejected(Denial.EXPIRED, "over")
        return self.found(credential, now)

    def found(self, credential: Credential, now: float, **changes: Any) -> Any:
        facts: dict[str, Any] = {
            "kind": self.kind,
            "credential_id": "one",
            "ambient": False,
            "authenticated_at": NOW,
            "issued_at": NOW,
            "expires_at": NOW + 100,
            **changes,
        }
        return Authentication(Principal("alice"), **facts)


async def test_one_that_is_sound() -> None:
    """Nothing is found where nothing is."""
    assert set(await check_authenticator(Sound(), good="the secret of alice", now=NOW)) == RULES


class Raises(Sound):
    async def authenticate(self, credential: Credential, *_: Any, **__: Any) -> Any:
        credential.secret.encode("ascii")
        return await super().authenticate(credential, *_, **__)


class RaisesOnShape(Sound):
    def recognises(self, credential: Credential) -> bool:
        return credential.secret[5] == "e"


class AnswersNoBoolean(Sound):
    def recognises(self, credential: Credential) -> Any:
        return credential.secret


class Blocks(Sound):
    def authenticate(self, *_: Any, **__: Any) -> Any:
        return asyncio.sleep(0)


class LooksNowhere(Sound):
    def __init__(self) -> None:
        super().__init__(places=())


class AnswersNone(Sound):
    async def authenticate(self, *_: Any, **__: Any) -> Any:
        return None


class Leaks(Sound):
    def found(self, credential: Credential, now: float, **changes: Any) -> Any:
        return super().found(credential, now, credential_id=credential.secret)


class ShowsItself(Sound):
    def __repr__(self) -> str:
        return f"Sound({self.secret!r})"


class Prefix(Sound):
    async def authenticate(self, credential: Credential, *_: Any, **__: Any) -> Any:
        if credential.secret.startswith(self.secret):
            credential = Credential(credential.place, self.secret)
        return await super().authenticate(credential, *_, **__)


class AnyCase(Sound):
    async def authenticate(self, credential: Credential, *_: Any, **__: Any) -> Any:
        credential = Credential(credential.place, credential.secret.lower())
        return await super().authenticate(credential, *_, **__)


class AcceptsAll(Sound):
    async def authenticate(self, credential: Credential, *_: Any, **__: Any) -> Any:
        return self.found(credential, NOW)


class NeverExpires(Sound):
    async def authenticate(self, credential: Credential, *_: Any, **__: Any) -> Any:
        return await super().authenticate(credential, *_, **{**__, "now": NOW})


class FromTheFuture(Sound):
    def found(self, credential: Credential, now: float, **changes: Any) -> Any:
        return super().found(credential, now, issued_at=now + 1e6)


class NoNumber(Sound):
    def found(self, credential: Credential, now: float, **changes: Any) -> Any:
        return super().found(credential, now, authenticated_at=float("nan"))


class Random(Sound):
    count = 0

    def found(self, credential: Credential, now: float, **changes: Any) -> Any:
        self.count += 1
        return super().found(credential, now, credential_id=str(self.count))


class OwnClock(Sound):
    """Divides by the time."""

    async def authenticate(self, credential: Credential, *_: Any, **__: Any) -> Any:
        assert 1 / __["now"]
        return await super().authenticate(credential, *_, **__)


class SwallowsOutages(Sound):
    async def authenticate(self, credential: Credential, *_: Any, **__: Any) -> Any:
        with contextlib.suppress(StoreUnavailable):
            await __["store"].account("alice")
        return await super().authenticate(credential, *_, **__)


class NeedsAnOrigin(Sound):
    async def authenticate(self, credential: Credential, handshake: Handshake, **__: Any) -> Any:
        assert handshake.origin is not None
        return await super().authenticate(credential, handshake, **__)


class NotAmbient(Sound):
    def __init__(self) -> None:
        super().__init__(places=(Place(Source.COOKIE, "user"),))


class Anonymous(Sound):
    def found(self, credential: Credential, now: float, **changes: Any) -> Any:
        return super().found(
            credential, now, credential_id="", kind="other", strength=0, scopes=["*"]
        )


@pytest.mark.parametrize(
    ("broken", "rule"),
    [
        (Raises, "garbage"),
        (RaisesOnShape, "garbage"),
        (AnswersNoBoolean, "accepts"),
        (Blocks, "shape"),
        (LooksNowhere, "places names"),
        (AnswersNone, "accepts"),
        (Leaks, "secrecy"),
        (ShowsItself, "secrecy"),
        (Prefix, "alterations"),
        (AnyCase, "alterations"),
        (AcceptsAll, "garbage"),
        (NeverExpires, "expiry"),
        (FromTheFuture, "times"),
        (NoNumber, "times"),
        (Random, "determinism"),
        (OwnClock, "clocks"),
        (SwallowsOutages, "outage"),
        (NeedsAnOrigin, "bare handshake"),
        (NotAmbient, "ambient is False"),
        (Anonymous, "could not revoke it"),
    ],
)
async def test_a_breach_is_found(broken: type[Sound], rule: str) -> None:
    """And named, by the rule."""
    with pytest.raises(ContractBroken, match=rule) as raised:
        await check_authenticator(broken(), good="the secret of alice", now=NOW)
    assert "the secret of alice" not in str(raised.value)


async def test_what_must_be_refused_is_named() -> None:
    """By the name that the tester gave it."""
    with pytest.raises(ContractBroken, match="refuses: one of last year was accepted"):
        await check_authenticator(
            Sound(),
            good="the secret of alice",
            bad={"one of last year": "the secret of alice"},
            now=NOW,
        )


async def test_one_that_counts_once_must_say_so() -> None:
    """And one that says so must do so."""
    with pytest.raises(ContractBroken, match="once: of five at once 5 were accepted"):
        await check_authenticator(Sound(), good="the secret of alice", now=NOW, single_use=True)


async def test_a_good_one_that_is_refused_is_no_contract() -> None:
    """With why."""
    with pytest.raises(ContractBroken, match="a good credential was refused: wrong"):
        await check_authenticator(Sound(), good="another secret", now=NOW)


async def test_a_presented_secret_is_not_shown() -> None:
    """Not even to a tester."""
    text = base64.b64encode(b"a secret").decode()
    assert text not in repr(Presented(text))
