"""Against a server with hostile or broken answers.

Each hostile answer first succeeds against a client without these checks: plain httpx2.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import gzip
import ipaddress
import json
import ssl
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from stormdoor import Authentication, ConfigurationError, Denial, JwtKey
from stormdoor.auth.oauth import OAuthAuthenticator
from stormdoor.auth.oauth.client import MAX_BYTES, check_url
from stormdoor.auth.oauth.discovery import well_known
from tests.auth.oauth.hostile import AUDIENCE, Asked, Hostile, answer, jwk_of, room, serve
from tests.support.clock import FakeClock

OLD, NEW = (
    JwtKey("ES256", ec.generate_private_key(ec.SECP256R1()), name) for name in ("old", "new")
)
DOCUMENT, KEYS = "/.well-known/openid-configuration", "/jwks"
RFC8414 = "/.well-known/oauth-authorization-server"


def token_of(issuer: str, key: JwtKey = OLD, **changes: Any) -> str:
    """A sound token of the fake clock's first day; `...` takes a claim away."""
    wall = FakeClock().now()
    claims = {
        "iss": issuer,
        "aud": AUDIENCE,
        "sub": "alice",
        "iat": wall - 1,
        "exp": wall + 80_000,
        "scope": "chat:read",
        "jti": "t-1",
        **changes,
    }
    claims = {name: value for name, value in claims.items() if value is not ...}
    return key.sign(json.dumps(claims).encode(), typ="at+jwt")


async def drip(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """Chunks without end, each in time."""
    writer.write(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    while not writer.is_closing():
        writer.write(b"1\r\n \r\n")
        await writer.drain()
        await asyncio.sleep(0.02)


async def flood(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """Chunks without end, as fast as they are taken."""
    writer.write(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    while not writer.is_closing():
        writer.write(b"10000\r\n" + b"[" * 65536 + b"\r\n")
        await writer.drain()


async def silence(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """Nothing."""
    await asyncio.sleep(30)


async def endless_head(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """Header after header."""
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while not writer.is_closing():
        writer.write(b"X-More: " + b"a" * 1000 + b"\r\n")
        await writer.drain()


GOOD = {"keys": [jwk_of(OLD)]}
TEXT = json.dumps(GOOD).encode()
BOMB = gzip.compress(b" " * 50_000_000 + TEXT, compresslevel=1)

# What a key set can be answered with, such that it must not count.
ANSWERS: dict[str, Any] = {
    "garbage": answer(b"<html>\0{"),
    "half": answer(TEXT[:-10]),
    "nothing": answer(b""),
    "not UTF-8": answer(b'{"keys": ["\xff"]}'),
    "two sets": answer(b'{"keys": [], ' + TEXT[1:]),
    "an array": answer(b"[]"),
    "deep": answer(b'{"keys": ' + b"[" * 50_000),
    "huge": answer(b" " * MAX_BYTES + TEXT),
    "a flood": flood,
    "a drip": drip,
    "silence": silence,
    "an endless head": endless_head,
    "HTML": answer(TEXT, kind="text/html"),
    "no content type": answer(TEXT, kind=""),
    "a bomb": answer(BOMB, more="Content-Encoding: gzip\r\n"),
    "an error with keys": answer(TEXT, status=500),
    "not found, with keys": answer(TEXT, status=404),
    "created": answer(TEXT, status=201),
    "not HTTP": b"SSH-2.0-OpenSSH_9.6\r\n",
    "a broken connection": b"",
    "less than promised": answer(TEXT + b" ")[:-1],
    "a redirect": answer(TEXT, status=302, more="Location: /elsewhere\r\n"),
}
ENDLESS = {"a drip", "silence"}
BELIEVED = [
    "two sets",
    "HTML",
    "no content type",
    "a bomb",
    "an error with keys",
    "created",
    "huge",
]


def believes(url: str) -> Any:
    """A client without these checks, as many programs have it."""
    return httpx2.get(url, trust_env=False, timeout=60, follow_redirects=True).json()["keys"]


@pytest.mark.sampled(4)
@pytest.mark.parametrize("what", ANSWERS)
async def test_keys_that_are_none(what: str) -> None:
    """None of it brings a key in, takes long or takes a known key away; it is over when it is over."""
    async with serve() as provider, room(provider.url) as here:

        def waiting() -> AbstractContextManager[None]:
            return here.in_a_hurry() if what in ENDLESS else nullcontext()

        provider.replies["/elsewhere"] = GOOD
        provider.replies[KEYS] = ANSWERS[what]
        if what in BELIEVED or what == "a redirect":
            assert await asyncio.to_thread(believes, f"{provider.url}/jwks") == GOOD["keys"]
        token = token_of(provider.url)
        begun = time.monotonic()
        with waiting():
            outcome = await here.refused(token, "the keys of the provider are not known")
        assert time.monotonic() - begun < 60.0  # and not as long as the provider likes
        assert (outcome.denial, outcome.charged) == (Denial.UNAVAILABLE, False)
        assert outcome.retry_after is not None
        assert provider.counts["/elsewhere"] == (what == "a redirect")
        here.clock.advance(10)
        provider.replies[KEYS] = GOOD
        await here.accepted(token)
        provider.replies[KEYS] = ANSWERS[what]
        here.clock.advance(300)
        with waiting():
            await here.accepted(token)


OTHERS: dict[str, Callable[[Hostile], dict[str, Any]]] = {
    "another issuer": lambda at: {"issuer": "https://evil.example"},
    "a longer one": lambda at: {"issuer": f"{at.url}/"},
    "in capitals": lambda at: {"issuer": at.url.upper()},
    "none": lambda at: {"issuer": None},
    "a list with it": lambda at: {"issuer": [at.url]},
    "keys elsewhere, in the clear": lambda at: {"jwks_uri": "http://evil.example/jwks"},
    "keys in a file": lambda at: {"jwks_uri": "file:///etc/passwd"},
    "keys behind a password": lambda at: {"jwks_uri": "https://a:b@evil.example/jwks"},
    "keys at a number": lambda at: {"jwks_uri": 1},
    "keys on two lines": lambda at: {"jwks_uri": f"{at.url}/jwks\r\nX: y"},
    "no keys": lambda at: {"jwks_uri": None},
}


@pytest.mark.parametrize("what", OTHERS)
async def test_a_document_about_somebody_else(what: str) -> None:
    """The document's own issuer is the configured one, letter for letter (RFC 8414 §3.3)."""
    async with serve() as provider, room(provider.url) as here:
        provider.publish(jwk_of(OLD))
        provider.describe(**OTHERS[what](provider))
        outcome = await here.refused(token_of(provider.url))
        assert outcome.denial is Denial.UNAVAILABLE
        assert provider.counts[KEYS] == 0
        provider.describe()
        here.clock.advance(10)
        await here.accepted(token_of(provider.url))


async def test_http_on_this_machine_is_for_a_provider_on_this_machine() -> None:
    """An answer from elsewhere cannot make us ask what only we can reach."""
    from stormdoor.auth.oauth.client import Unanswered
    from stormdoor.auth.oauth.discovery import IssuerMetadata, read_metadata

    inside = {"issuer": "https://login.example", "jwks_uri": "http://127.0.0.1:8500/v1/kv"}
    assert isinstance(read_metadata(inside, "https://login.example"), Unanswered)
    inside["issuer"] = "http://localhost:9000"
    assert isinstance(read_metadata(inside, "http://localhost:9000"), IssuerMetadata)


async def test_discovery_of_oauth_metadata() -> None:
    """Discovery also finds a provider with only the metadata of RFC 8414, at another path than OpenID's."""
    async with serve() as provider, room(f"{provider.url}/realms/chat") as here:
        issuer = f"{provider.url}/realms/chat"
        provider.publish(jwk_of(OLD))
        provider.replies[f"{RFC8414}/realms/chat"] = {
            "issuer": issuer,
            "jwks_uri": f"{provider.url}/jwks",
        }
        await here.accepted(token_of(issuer))
        assert [one.path for one in provider.asked] == [
            f"/realms/chat{DOCUMENT}",
            f"{RFC8414}/realms/chat",
            KEYS,
        ]


@pytest.mark.parametrize(
    ("issuer", "openid", "oauth"),
    [
        ("https://a", f"https://a{DOCUMENT}", f"https://a{RFC8414}"),
        ("https://a/", f"https://a{DOCUMENT}", f"https://a{RFC8414}"),
        ("https://a/b/c", f"https://a/b/c{DOCUMENT}", f"https://a{RFC8414}/b/c"),
        ("https://a:8443/b/", f"https://a:8443/b{DOCUMENT}", f"https://a:8443{RFC8414}/b"),
    ],
)
def test_where_the_documents_are(issuer: str, openid: str, oauth: str) -> None:
    """OpenID appends, RFC 8414 inserts."""
    assert well_known(issuer) == (openid, oauth)


async def test_told_where_the_keys_are() -> None:
    """Then no document is requested."""
    async with serve() as provider, room(provider.url, jwks_uri=f"{provider.url}/jwks") as here:
        provider.publish(jwk_of(OLD))
        await here.accepted(token_of(provider.url))
        assert list(provider.counts) == [KEYS]


# -- keys that come and go ---------------------------------------------------------------------------


async def test_a_dropped_key_is_dropped_at_once() -> None:
    """As soon as the set is known: also what is remembered of it; and the twin that forgets that.

    The twin keeps what it has verified, as a cache by token does.
    """
    async with serve() as provider, room(provider.url) as here:
        provider.publish(jwk_of(OLD))
        token = token_of(provider.url)
        found = await here.accepted(token)
        provider.publish(jwk_of(NEW))
        here.clock.advance(10)
        await here.accepted(token_of(provider.url, NEW, sub="bob"))
        verifier = here.authenticator._verifier
        holds, verifier.keys.holds = verifier.keys.holds, lambda key, now: True  # type: ignore[method-assign]
        assert isinstance(await here.present(token), Authentication)
        verifier.keys.holds = holds  # type: ignore[method-assign]
        await here.refused(token, "no key with the kid 'old'")
        assert found.recheck is not None
        assert found.recheck.source is not None
        assert found.recheck.source.generation == 1


async def test_silence_is_no_dropped_key() -> None:
    """However long it lasts: open connections ask, hear nothing, and go on until they expire."""
    async with serve() as provider, room(provider.url) as here:
        provider.publish(jwk_of(OLD))
        found = await here.accepted(token_of(provider.url))
        assert found.recheck is not None
        assert found.recheck.grace_seconds == float("inf")
        provider.replies[KEYS] = silence
        for _ in range(2):
            here.clock.advance(3600)
            with here.in_a_hurry():
                assert await found.recheck.ask(here.clock.now()) == found


async def test_all_keys_vanish() -> None:
    """An empty set is an answer: no signature is accepted."""
    async with serve() as provider, room(provider.url) as here:
        provider.publish(jwk_of(OLD))
        await here.accepted(token_of(provider.url))
        provider.publish()
        here.clock.advance(300)
        outcome = await here.refused(token_of(provider.url), "no key with the kid 'old'")
        assert outcome.denial is Denial.BAD_CREDENTIAL


async def test_another_key_by_the_same_name() -> None:
    """A replaced key invalidates the tokens that the old key verified."""
    async with serve() as provider, room(provider.url) as here:
        provider.publish(jwk_of(OLD))
        token = token_of(provider.url)
        await here.accepted(token)
        provider.publish(jwk_of(NEW, kid="old"))
        here.clock.advance(300)
        await here.refused(token, "the signature is not of this token and key")


async def test_a_crowd_makes_one_request() -> None:
    """At the start, at the end of the interval, and at an unknown key."""
    async with serve() as provider, room(provider.url) as here:
        provider.publish(jwk_of(OLD))
        for number, (wait, key) in enumerate([(0, OLD), (300, OLD), (10, NEW)], 1):
            here.clock.advance(wait)
            if key is NEW:
                provider.publish(jwk_of(OLD), jwk_of(NEW))
            tokens = [token_of(provider.url, key, jti=str(one)) for one in range(50)]
            found = await asyncio.gather(*map(here.present, tokens))
            assert all(isinstance(one, Authentication) for one in found)
            assert provider.counts[KEYS] == number
        assert provider.counts[DOCUMENT] == 1


async def test_a_clock_that_is_set_back_keeps_no_key() -> None:
    """Nor does a machine that slept."""
    async with serve() as provider, room(provider.url) as here:
        provider.publish(jwk_of(OLD))
        token = token_of(provider.url)
        await here.accepted(token)
        provider.publish()
        here.clock.set_wall(here.clock.now() - 0.5)
        here.clock.advance(300)
        here.clock.set_wall(FakeClock().now() + 1)
        await here.refused(token, "no key with the kid")
    async with serve() as provider, room(provider.url) as here:
        provider.publish(jwk_of(OLD))
        token = token_of(provider.url)
        await here.accepted(token)
        provider.publish()
        here.clock.advance(10)
        here.clock.set_wall(here.clock.now() + 300)
        await here.refused(token, "no key with the kid")


async def test_an_unknown_key_while_nobody_answers() -> None:
    """Perhaps there is such a key by now: 503 and not 401, and no address is charged."""
    async with serve() as provider, room(provider.url) as here:
        provider.publish(jwk_of(OLD))
        await here.accepted(token_of(provider.url))
        provider.replies[KEYS] = answer(b"", status=503)
        new = token_of(provider.url, NEW)
        outcome = await here.refused(new, "no key with the kid 'new'")
        assert (outcome.denial, outcome.charged) == (Denial.BAD_CREDENTIAL, True)
        here.clock.advance(10)
        outcome = await here.refused(new, "answered with 503")
        assert (outcome.denial, outcome.charged) == (Denial.UNAVAILABLE, False)
        await here.accepted(token_of(provider.url))
        here.clock.advance(10)
        provider.publish(jwk_of(OLD), jwk_of(NEW))
        await here.accepted(new)


def _certificate(folder: Path) -> ssl.SSLContext:
    """Write a certificate of this machine by number. Returns a context that serves it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "provider")])
    begin = dt.datetime.fromtimestamp(time.time() - 3600, dt.UTC)
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begin)
        .not_valid_after(begin + dt.timedelta(days=1))
        .add_extension(here, critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(Encoding.PEM)
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "ca.pem").write_bytes(pem)
    (folder / "all.pem").write_bytes(pem + secret)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "all.pem")
    return context


async def test_untrusted_certificate_is_refused(tmp_path: Path) -> None:
    """Every answer of a provider without a trusted certificate is refused."""
    async with serve(_certificate(tmp_path)) as provider:
        provider.publish(jwk_of(OLD))
        token = token_of(provider.url)
        async with room(provider.url) as here:
            outcome = await here.refused(token, "cannot be asked: ConnectError")
            assert outcome.denial is Denial.UNAVAILABLE
            assert provider.asked == []
        trusted = ssl.create_default_context(cafile=tmp_path / "ca.pem")
        async with room(provider.url, tls=trusted) as here:
            await here.accepted(token)


async def test_an_algorithm_that_nobody_accepts_makes_no_request() -> None:
    """No answer of a provider could satisfy them."""
    async with serve() as provider, room(provider.url, algorithms=["RS256"]) as here:
        await here.refused(token_of(provider.url), "alg is 'ES256'; accepted are RS256")
        assert provider.asked == []


# -- what is no address of a provider -------------------------------------------------------------------

NO_ISSUERS = [
    "",
    "login.example",
    "http://login.example",
    "http://127.0.0.1.evil.example",
    "http://localhost.evil.example",
    "ftp://login.example",
    "https://",
    "https://a b",
    "https://login.example?x=y",
    "https://login.example?",
    "https://login.example#x",
    "https://login.example#",
    "https://user:password@login.example",
    "https://login.example:99999",
    "https://login.example:0",
    "https://login.example\\@evil.example",
    "https://lögin.example",
    "https://login.example\r\nX: y",
    "file:///etc/passwd",
    "javascript:alert(1)",
]


@pytest.mark.parametrize("issuer", NO_ISSUERS)
def test_what_is_no_issuer(issuer: str) -> None:
    """Keys do not come over a line that others can write to."""
    with pytest.raises(ConfigurationError):
        OAuthAuthenticator(issuer=issuer, audience=AUDIENCE, scopes={"a": ["chat:say"]})


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1/x"])
def test_this_machine(url: str) -> None:
    """Traffic on loopback cannot be read on the wire."""
    assert check_url(url, "x", local=True) == url
    with pytest.raises(ConfigurationError):
        check_url(url, "x")
