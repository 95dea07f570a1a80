"""Attacks on proofs of possession and proxy identities: each works on a careless twin, and not here.

Each attack runs on a twin first: a plain Tornado handler with the usual mistakes.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import ssl
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tornado.web import HTTPError
from tornado.websocket import WebSocketHandler

from stormdoor import (
    CertificateAuthenticator,
    CertificatePossessionProof,
    Command,
    DpopProof,
    ForwardedCertificate,
    Guard,
    GuardedHandler,
    JwtAuthenticator,
    JwtKey,
    PolicySet,
    Principal,
    ProxyIdentityAuthenticator,
    RequestKey,
    SignedRequestAuthenticator,
    TrustedProxy,
    action,
    role,
)
from stormdoor.auth.http_signature.message_signature import (
    read_signature,
    signature_base,
    write_inner_list,
)
from stormdoor.auth.jose.public_jwk import jwk_of, jwk_thumbprint
from stormdoor.client import dpop_proof, sign_request
from tests.guard.fakes import events
from tests.support.certificates import Authority, Issued
from tests.support.clock import FakeClock
from tests.support.tokens import forge, hs256
from tests.tornado.wire import request, serving

NOW = 1_767_225_600.0
SECRET = b"a secret of thirty-two bytes or more"
PROXY_SECRET = "the secret of the proxy, long enough"
ORIGIN = ("Origin", "https://app.example")
Headers = list[tuple[str, str]]


class Feed(GuardedHandler):
    permission = "feed:connect"

    def open(self, *args: str, **kwargs: str) -> None:
        headers = {name.lower(): value for name, value in self.request.headers.get_all()}
        who = [self.principal.id, *sorted(self.principal.roles)]
        self.write_message(json.dumps({"who": who, "headers": headers}))

    def on_message(self, message: str | bytes) -> None:
        """Nothing is said here."""


class Say(Command, tag="say"):
    text: str


class Talk(GuardedHandler):
    permission = "feed:connect"

    @action("feed:say")
    def say(self, command: Say) -> None:
        """Nothing comes of it."""


def guard(*authenticators: Any, clock: FakeClock | None = None, **options: Any) -> Guard:
    """A guard for app.example behind a proxy on this machine."""
    return Guard(
        **{
            "origins": ["https://app.example"],
            "trusted_proxies": ["127.0.0.1"],
            "authenticators": authenticators,
            "policies": PolicySet([role("device", "feed:*"), role("admin", "*")]),
            "clock": clock or FakeClock(NOW),
            **options,
        }
    )


class Twin(WebSocketHandler):
    """Careless handler that answers with the name that it reads from the request."""

    def check_origin(self, origin: str) -> bool:
        return True

    def who(self) -> str | None:
        """The name of the client, or None."""
        raise NotImplementedError

    def prepare(self) -> None:
        self.name = self.who()
        if self.name is None:
            raise HTTPError(401)

    def open(self, *args: str, **kwargs: str) -> None:
        self.write_message(json.dumps({"who": [self.name]}))


async def ask(
    port: int, headers: Headers, path: str = "/feed", tls: ssl.SSLContext | None = None
) -> Any:
    """Return the name that the server assigns to the client, or the status of the refusal."""
    sent = headers if tls else [*headers, ("X-Forwarded-Proto", "https")]
    async with await request(port, path, *sent, host="app.example", tls=tls) as wire:
        return (await wire.json())["who"] if wire.status == 101 else wire.status


async def on_twin(twin: type[Twin], headers: Headers, path: str = "/feed") -> Any:
    """Return the result of the attack on the twin."""
    async with serving([("/.*", twin)]) as at:
        return await ask(at.port, headers, path)


async def here(door: Guard, *attempts: Headers, path: str = "/feed") -> list[Any]:
    """Return the result of each attempt behind the guard."""
    async with serving([("/feed|/other", Feed)], door) as at:
        return [await ask(at.port, headers, path) for headers in attempts]


# -- signed requests --------------------------------------------------------------------------------

DEVICE_KEY = Ed25519PrivateKey.generate()
DEVICE = JwtKey("EdDSA", DEVICE_KEY, "d7")
PUBLIC = DEVICE_KEY.public_key()
URL = "wss://app.example/feed"


class SignedTwin(Twin):
    """Verifies what the client says is covered, by the algorithm that the client names, for ever."""

    def who(self) -> str | None:
        parts: Any = read_signature(
            self.request.headers["Signature-Input"], self.request.headers["Signature"]
        )
        facts = {
            "@method": str(self.request.method),
            "@authority": self.request.host,
            "@path": self.request.path,
            "@query": f"?{self.request.query}",
        }
        base = signature_base([(name, facts[name]) for name in parts.components], parts.text)
        if parts.parameters.get("alg") == "hmac-sha256":
            made = hmac.digest(PUBLIC.public_bytes_raw(), base, "sha256")
            return "d7" if made == parts.signature else None
        try:
            PUBLIC.verify(parts.signature, base)
        except InvalidSignature:
            return None
        return "d7"


def signed_guard(clock: FakeClock | None = None, **options: Any) -> Guard:
    """Accepts the device."""
    key = RequestKey(
        key=JwtKey("EdDSA", PUBLIC, "d7"), principal=Principal("d7", frozenset({"device"}))
    )
    return guard(SignedRequestAuthenticator([key]), clock=clock, **options)


def recorded(created: float = NOW, **options: Any) -> Headers:
    """Return the headers of a device's handshake, as an eavesdropper has them."""
    return [*sign_request(URL, DEVICE, created=created, **options).items()]


def handmade(
    components: Mapping[str, str], sign: Callable[[bytes], bytes] = DEVICE.sign_bytes, **more: Any
) -> Headers:
    """Return the headers of a signature over components that the attacker chooses."""
    parameters: dict[str, Any] = {"created": int(NOW), "nonce": "n" * 20, "keyid": "d7"}
    text = write_inner_list(components, parameters | more)
    signature = base64.b64encode(sign(signature_base(components.items(), text))).decode()
    return [("Signature-Input", f"s={text}"), ("Signature", f"s=:{signature}:")]


async def test_a_recorded_handshake_is_repeated() -> None:
    """The twin opens each time; here it opened once, and the trail names the theft."""
    tape = recorded()
    assert [await on_twin(SignedTwin, tape) for _ in range(2)] == [["d7"], ["d7"]]
    door = signed_guard()
    async with serving([("/feed", Feed)], door) as at:
        assert [await ask(at.port, tape) for _ in range(2)] == [["d7", "device"], 401]
        reused = [one for one in await events(door) if one.name == "authn_token_reuse"]
        assert [one.kind for one in reused] == ["signed-request"]


async def test_a_recorded_handshake_is_repeated_after_a_restart(tmp_path: Path) -> None:
    """Used nonces are in the store: the next process knows them."""
    tape, store = recorded(), f"sqlite:{tmp_path}/door.db"
    assert await here(signed_guard(store=store), tape) == [["d7", "device"]]
    assert await here(signed_guard(store=store), tape) == [401]
    assert await here(signed_guard(), tape) == [["d7", "device"]]  # the twin: a memory that ends


@pytest.mark.parametrize("seconds", [-3600.0, -60.0, 11.0, 3600.0])
async def test_a_clock_that_is_wrong(seconds: float) -> None:
    """A signature made for another time is kept until then, or was."""
    tape = recorded(NOW + seconds)
    assert await on_twin(SignedTwin, tape) == ["d7"]
    assert await here(signed_guard(), tape) == [401]


@pytest.mark.parametrize("left_out", ["@authority", "@path", "@method", "@query"])
async def test_a_signature_that_covers_too_little(left_out: str) -> None:
    """A signature for one address, taken to another, because the address is not in it."""
    facts = {"@method": "GET", "@authority": "app.example", "@path": "/feed", "@query": "?"}
    facts.pop(left_out)
    tape = handmade(facts)
    assert await on_twin(SignedTwin, tape) == ["d7"]
    assert await here(signed_guard(), tape) == [401]


async def test_a_signature_for_another_path() -> None:
    """The twin, too, refuses it if the path is covered; the door insists that it is."""
    tape = handmade({"@method": "GET", "@authority": "app.example"})
    assert await on_twin(SignedTwin, tape, "/other") == ["d7"]
    assert await here(signed_guard(), tape, recorded(), path="/other") == [401, 401]


async def test_the_public_key_as_a_secret() -> None:
    """An attacker signs with the public key as an HMAC secret, and only the twin accepts the signature."""
    facts = {"@method": "GET", "@authority": "app.example", "@path": "/feed", "@query": "?"}
    known = PUBLIC.public_bytes_raw()
    forged = handmade(facts, lambda base: hmac.digest(known, base, "sha256"), alg="hmac-sha256")
    assert await on_twin(SignedTwin, forged) == ["d7"]
    assert await here(signed_guard(), forged) == [401]


async def test_a_signature_beside_another_credential() -> None:
    """Two credentials are none."""
    both = [*recorded(), ("Authorization", "Bearer x.y.z")]
    tokens = JwtAuthenticator(keys=[JwtKey("HS256", SECRET)], issuer="i", audience="a")
    door = guard(tokens, *signed_guard().authenticators)
    assert await here(door, both, [*recorded(), *recorded()]) == [400, 400]


# -- a proxy's identity headers ---------------------------------------------------------------------

PROVEN: Headers = [("X-Proxy-Secret", PROXY_SECRET), ORIGIN]


class ProxyTwin(Twin):
    """Believes the header, in the spellings that CGI and WSGI make one of."""

    def who(self) -> str | None:
        for name, value in reversed(list(self.request.headers.get_all())):
            if re.fullmatch("x.forwarded.user", name, re.IGNORECASE):
                return value
        return None


def proxy_guard(*more: Any, **options: Any) -> Guard:
    """Accepts what its proxy says, and more."""
    proxy = TrustedProxy(["127.0.0.1"], secrets=[PROXY_SECRET])
    return guard(ProxyIdentityAuthenticator(proxy, **options), *more)


async def test_through_the_proxy() -> None:
    """The principal and its groups arrive; the headers, and the secret, do not."""
    sent = [*PROVEN, ("X-Forwarded-User", "alice"), ("X-Forwarded-Groups", "device")]
    sent += [("X-Forwarded-Email", "alice@example.org"), ("X-Kept", "yes")]
    async with serving([("/feed", Feed)], proxy_guard()) as at:
        headers = [*sent, ("X-Forwarded-Proto", "https")]
        async with await request(at.port, "/feed", *headers, host="app.example") as wire:
            told = await wire.json()
    assert told["who"] == ["alice", "device"]
    assert told["headers"]["x-kept"] == "yes"
    assert PROXY_SECRET not in json.dumps(told["headers"])
    assert [name for name in told["headers"] if name.startswith("x-forwarded-")] == [
        "x-forwarded-proto"
    ]


FORGED: dict[str, Headers] = {
    "no secret": [("X-Forwarded-User", "ada")],
    "another secret": [("X-Proxy-Secret", "x" * 36), ("X-Forwarded-User", "ada")],
    "two secrets": [*PROVEN[:1], *PROVEN[:1], ("X-Forwarded-User", "ada")],
    "lower case": [("x-forwarded-user", "ada")],
    "underscores": [("X_Forwarded_User", "ada")],
    "one underscore": [("X-Forwarded_User", "ada")],
    "a second header": [*PROVEN[:1], ("X-Forwarded-User", "alice"), ("X-Forwarded-User", "ada")],
    "a second spelling": [*PROVEN[:1], ("X-Forwarded-User", "alice"), ("X_Forwarded_User", "ada")],
}


@pytest.mark.parametrize("name", FORGED)
async def test_a_forged_identity(name: str) -> None:
    """A client that sends the proxy's identity header is an administrator on the twin only."""
    forged = [*FORGED[name], ("X-Forwarded-Groups", "admin"), ORIGIN]
    assert await on_twin(ProxyTwin, forged) == ["ada"]
    sound = [*PROVEN, ("X-Forwarded-User", "alice"), ("X-Forwarded-Groups", "device")]
    assert (await here(proxy_guard(), sound, forged)) in (
        [["alice", "device"], 401],
        [["alice", "device"], 400],
    )


async def test_the_right_secret_from_elsewhere() -> None:
    """A secret that has leaked is worth nothing to who is not at the proxy's address."""
    proxy = TrustedProxy(["10.0.0.5"], secrets=[PROXY_SECRET])
    forged = [*PROVEN, ("X-Forwarded-User", "ada")]
    assert await on_twin(ProxyTwin, forged) == ["ada"]
    assert await here(guard(ProxyIdentityAuthenticator(proxy)), forged) == [401]


async def test_a_forged_group_beside_a_credential_of_one_s_own() -> None:
    """Not ignored: refused. A handler that reads the header would have believed it."""
    tokens = JwtAuthenticator(keys=[JwtKey("HS256", SECRET)], issuer="i", audience="a")
    mine = [("Authorization", f"Bearer {token()}")]
    attempts = [
        mine,
        [*mine, ("X-Forwarded-Groups", "admin")],
        [*mine, ("X-Forwarded-User", "ada")],
    ]
    assert await here(proxy_guard(tokens), *attempts) == [["s", "device"], 401, 401]


async def test_a_page_rides_on_the_cookie_at_the_proxy() -> None:
    """The proxy adds the header for any page that the browser looks at: the Origin decides."""
    proven = [*PROVEN[:1], ("X-Forwarded-User", "alice"), ("X-Forwarded-Groups", "device")]
    hostile = [*proven, ("Origin", "https://evil.example")]
    assert await on_twin(ProxyTwin, hostile) == ["alice"]
    attempts = [[*proven, ORIGIN], hostile, proven]
    assert await here(proxy_guard(), *attempts) == [["alice", "device"], 403, 403]


async def test_the_certificate_header_of_a_stranger() -> None:
    """A client cannot use a public certificate by sending it in the `Client-Cert` header."""
    authority = Authority(NOW)
    issued = authority.issue("device d7")
    header = ("Client-Cert", f":{base64.b64encode(issued.der).decode()}:")

    class CertificateTwin(Twin):
        def who(self) -> str | None:
            return "d7" if self.request.headers.get("Client-Cert") == header[1] else None

    proxy = TrustedProxy(["127.0.0.1"], secrets=[PROXY_SECRET])
    door = guard(
        CertificateAuthenticator(
            named_by="common-name", pattern=r"device (?P<id>\w+)", roles=["device"]
        ),
        forwarded_certificate=ForwardedCertificate(proxy),
    )
    assert await on_twin(CertificateTwin, [header]) == ["d7"]
    attempts = [[PROVEN[0], header], [header], [("X-Proxy-Secret", "x" * 36), header], [PROVEN[0]]]
    assert await here(door, *attempts) == [["d7", "device"], 401, 401, 401]


# -- tokens bound to a key --------------------------------------------------------------------------

VICTIM = JwtKey("ES256", generate_private_key(SECP256R1()))
THIEF = JwtKey("ES256", generate_private_key(SECP256R1()))


def token(**cnf: str) -> str:
    """A token of a device, bound or not."""
    claims: dict[str, Any] = {"iss": "i", "aud": "a", "sub": "s", "roles": ["device"]}
    claims |= {"iat": NOW - 10, "exp": NOW + 3600}
    return forge(
        {"alg": "HS256", "typ": "JWT"}, claims | ({"cnf": cnf} if cnf else {}), hs256(SECRET)
    )


BOUND = token(jkt=jwk_thumbprint(VICTIM))


class TokenTwin(Twin):
    """Verifies the token and never looks at `cnf`."""

    def who(self) -> str | None:
        _, _, text = self.request.headers["Authorization"].partition(" ")
        signed, _, signature = text.rpartition(".")
        made = base64.urlsafe_b64encode(hmac.digest(SECRET, signed.encode(), "sha256"))
        payload = json.loads(base64.urlsafe_b64decode(text.split(".")[1] + "=="))
        return str(payload["sub"]) if made.decode().rstrip("=") == signature else None


class DpopTwin(TokenTwin):
    """Verifies that the proof is the key's and for this path, and no more."""

    def who(self) -> str | None:
        head, payload, _ = self.request.headers["DPoP"].split(".")
        header = json.loads(base64.urlsafe_b64decode(head + "=="))
        claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
        known = header["jwk"] == jwk_of(VICTIM) and claims["htu"].endswith("/feed")
        return super().who() if known else None


def token_guard(*proofs: Any, clock: FakeClock | None = None, **options: Any) -> Guard:
    """Accepts tokens, and checks `proofs`."""
    tokens = JwtAuthenticator(
        keys=[JwtKey("HS256", SECRET)], issuer="i", audience="a", proofs=proofs
    )
    return guard(tokens, clock=clock, **options)


def dpop(*proofs: str, scheme: str = "DPoP") -> Headers:
    """The headers of a handshake with a bound token."""
    return [("Authorization", f"{scheme} {BOUND}"), *(("DPoP", one) for one in proofs)]


def proof(url: str = URL, key: JwtKey = VICTIM, **options: Any) -> str:
    """A proof for the bound token."""
    return dpop_proof(url, BOUND, key, **{"now": NOW, **options})


async def test_a_stolen_token_without_the_key() -> None:
    """A stolen token without its key opens the twin, and the guard refuses each variant."""
    attempts = [
        dpop(),
        dpop(scheme="Bearer"),
        dpop(proof(key=THIEF)),
        dpop(proof(key=THIEF), scheme="Bearer"),
        dpop(proof(), proof()),
        [("Sec-WebSocket-Protocol", f"stormdoor.v1, stormdoor.bearer.{BOUND}")],
    ]
    for attempt in attempts[:-1]:
        assert await on_twin(TokenTwin, attempt) == ["s"]
    outcomes = await here(token_guard(DpopProof()), dpop(proof()), *attempts)
    assert outcomes == [["s", "device"], *[401] * len(attempts)]
    # A guard without checks of proofs refuses a bound token too.
    assert await here(token_guard(), dpop(proof(), scheme="Bearer")) == [401]


async def test_a_proof_is_repeated(tmp_path: Path) -> None:
    """Also after a restart."""
    tape, store = dpop(proof()), f"sqlite:{tmp_path}/door.db"
    assert [await on_twin(DpopTwin, tape) for _ in range(2)] == [["s"], ["s"]]
    door = token_guard(DpopProof(), store=store)
    assert await here(door, tape, tape) == [["s", "device"], 401]
    assert await here(token_guard(DpopProof(), store=store), tape) == [401]


@pytest.mark.parametrize(
    "url",
    [
        "wss://evil.example/feed",
        "wss://app.example:8443/feed",
        "ws://app.example/feed",
        "wss://app.example.evil.example/feed",
        "wss://app.example/other/feed",
    ],
)
async def test_a_proof_for_another_server(url: str) -> None:
    """A server that the victim talks to passes the proof on."""
    tape = dpop(proof(url))
    assert await on_twin(DpopTwin, tape) == ["s"]
    assert await here(token_guard(DpopProof()), tape) == [401]


@pytest.mark.parametrize("seconds", [-3600.0, -60.0, 6.0, 3600.0])
async def test_a_proof_for_another_time(seconds: float) -> None:
    """Made in advance on a machine that was the thief's for a moment, or kept from before."""
    tape = dpop(proof(now=NOW + seconds))
    assert await on_twin(DpopTwin, tape) == ["s"]
    assert await here(token_guard(DpopProof()), tape) == [401]


async def test_the_server_nonce_on_the_wire() -> None:
    """401 with a nonce and its challenge; with the nonce, 101. A challenge is no failed attempt."""
    door = token_guard(DpopProof(nonce_secret=b"x1" * 20))
    async with serving([("/feed", Feed)], door) as at:
        challenge: str | None = None
        nonce: str | None = None
        for _ in range(30):  # more than failures_per_address
            sent = [*dpop(proof()), ("X-Forwarded-Proto", "https")]
            async with await request(at.port, "/feed", *sent, host="app.example") as wire:
                assert wire.status == 401
                challenge, nonce = wire.header("WWW-Authenticate"), wire.header("DPoP-Nonce")
        assert challenge is not None
        assert challenge.startswith('DPoP error="use_dpop_nonce"')
        assert nonce is not None
        assert await ask(at.port, dpop(proof(nonce=nonce))) == ["s", "device"]
        assert await ask(at.port, dpop(proof(nonce=nonce[:-4] + "AAA="))) == 401


# -- mutual TLS, on real sockets --------------------------------------------------------------------


async def test_certificates_on_the_wire(tmp_path: Path) -> None:
    """The certificate is the credential, and its expiry the end of the connection."""
    clock = FakeClock(NOW)
    tls = Tls(tmp_path)
    device = tls.authority.issue("device d7", seconds=600)
    certificates = CertificateAuthenticator(
        named_by="common-name", pattern=r"device (?P<id>\w+)", roles=["device"]
    )
    # The clock of the guard stands still, that of TLS does not: both must agree on the dates.
    clock.set_wall(tls.authority.now)
    door = guard(certificates, clock=clock, trusted_proxies=[])
    async with serving([("/feed", Feed)], door, server_options=tls.options()) as at:
        with_it = tls.authority.client_context(tmp_path, device)
        without = tls.authority.client_context(tmp_path)
        assert await ask(at.port, [], tls=with_it) == ["d7", "device"]
        assert await ask(at.port, [], tls=without) == 401
        assert await ask(at.port, [ORIGIN], tls=with_it) == 401
        stranger = Authority(tls.authority.now, "another authority").issue("device d7")
        with pytest.raises((ssl.SSLError, ConnectionError, OSError)):
            await ask(at.port, [], tls=tls.authority.client_context(tmp_path, stranger))
        async with await request(at.port, "/feed", host="app.example", tls=with_it) as wire:
            assert (await wire.json())["who"] == ["d7", "device"]
            clock.advance(600)
            await door.tick()
            assert await wire.close_code() == 3000


async def test_a_token_bound_to_a_certificate_on_the_wire(tmp_path: Path) -> None:
    """A thief has the token, and a certificate of the same authority."""
    tls = Tls(tmp_path)
    victim, thief = (tls.authority.issue(f"device {name}") for name in ("d7", "d8"))
    certificates = CertificateAuthenticator(
        named_by="common-name", pattern=r"device (?P<id>\w+)", roles=["device"]
    )
    tokens = JwtAuthenticator(
        keys=[JwtKey("HS256", SECRET)],
        issuer="i",
        audience="a",
        max_age=None,
        proofs=[CertificatePossessionProof()],
    )
    now = tls.authority.now
    claims = {
        "iss": "i",
        "aud": "a",
        "sub": "s",
        "roles": ["device"],
        "iat": now - 1,
        "exp": now + 60,
    }

    def bearer(**more: Any) -> Headers:
        text = forge({"alg": "HS256", "typ": "JWT"}, {**claims, **more}, hs256(SECRET))
        return [("Authorization", f"Bearer {text}")]

    bound = bearer(cnf={"x5t#S256": victim.thumbprint})
    assert await on_twin(TokenTwin, bound) == ["s"]
    # Both kinds count here: a certificate is the company of a token that is bound to it, and of no other.
    door = guard(certificates, tokens, clock=FakeClock(now), trusted_proxies=[])
    async with serving([("/feed", Feed)], door, server_options=tls.options()) as at:
        contexts = [tls.authority.client_context(tmp_path, one) for one in (victim, thief, None)]
        outcomes = [await ask(at.port, bound, tls=one) for one in contexts]
        assert outcomes == [["s", "device"], 401, 401]
        unbound = [await ask(at.port, bearer(), tls=one) for one in contexts]
        assert unbound == [400, 400, ["s", "device"]]


async def test_a_bound_token_is_refreshed_on_its_connection(tmp_path: Path) -> None:
    """The certificate of the handshake still counts; a token bound to another one is refused."""
    tls = Tls(tmp_path)
    victim, thief = (tls.authority.issue(name) for name in ("d7", "d8"))
    now = tls.authority.now
    claims = {"iss": "i", "aud": "a", "sub": "s", "roles": ["device"], "iat": now - 1}

    def bound(issued: Issued, seconds: float) -> str:
        more = {"exp": now + seconds, "cnf": {"x5t#S256": issued.thumbprint}}
        return forge({"alg": "HS256", "typ": "JWT"}, {**claims, **more}, hs256(SECRET))

    door = token_guard(
        CertificatePossessionProof(required=True), clock=FakeClock(now), trusted_proxies=[]
    )
    context = tls.authority.client_context(tmp_path, victim)
    async with serving([("/feed", Talk)], door, server_options=tls.options()) as at:
        bearer = ("Authorization", f"Bearer {bound(victim, 60)}")
        async with await request(at.port, "/feed", bearer, host="app.example", tls=context) as wire:
            assert wire.status == 101
            refresh = {"type": "stormdoor.refresh", "id": 1}
            stolen = await wire.ask({**refresh, "token": bound(thief, 90)})
            assert stolen["type"] == "error"
            assert (await wire.ask({**refresh, "token": bound(victim, 90)}))["expires_in"] == 90


async def test_a_proxy_s_own_certificate(tmp_path: Path) -> None:
    """The TLS certificate of a trusted proxy does not authenticate the proxy's requests."""
    tls = Tls(tmp_path)
    proxy = tls.authority.issue("device proxy")
    certificates = CertificateAuthenticator(
        named_by="common-name", pattern=r"device (?P<id>\w+)", roles=["device"]
    )
    context = tls.authority.client_context(tmp_path, proxy)
    found = []
    for trusted in ([], ["127.0.0.1"]):
        door = guard(certificates, clock=FakeClock(tls.authority.now), trusted_proxies=trusted)
        async with serving([("/feed", Feed)], door, server_options=tls.options()) as at:
            found.append(await ask(at.port, [], tls=context))
    assert found == [["proxy", "device"], 401]


async def test_a_proxy_that_proves_itself_by_its_certificate(tmp_path: Path) -> None:
    """And forwards those of its clients; another client of the same authority forwards none."""
    tls = Tls(tmp_path)
    proxy, neighbour, client = (tls.authority.issue(f"device {one}") for one in ("p", "n", "d7"))
    fingerprint = hashlib.sha256(proxy.der).hexdigest()
    door = guard(
        CertificateAuthenticator(
            named_by="common-name", pattern=r"device (?P<id>\w+)", roles=["device"]
        ),
        clock=FakeClock(tls.authority.now),
        forwarded_certificate=ForwardedCertificate(
            TrustedProxy(["127.0.0.1"], certificates=[fingerprint])
        ),
    )
    header = [("Client-Cert", f":{base64.b64encode(client.der).decode()}:")]
    async with serving([("/feed", Feed)], door, server_options=tls.options()) as at:
        contexts = [tls.authority.client_context(tmp_path, one) for one in (proxy, neighbour)]
        assert [await ask(at.port, header, tls=one) for one in contexts] == [["d7", "device"], 401]
        assert await ask(at.port, [], tls=contexts[0]) == 401


class Tls:
    """Certificate authority with the current time, and TLS contexts that request client certificates."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(float(int(time.time())))
        self._folder = folder

    def options(self) -> dict[str, Any]:
        """For the server."""
        context = self.authority.server_context(self._folder, ssl.CERT_OPTIONAL)
        return {"ssl_options": context}
