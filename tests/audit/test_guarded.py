"""`assert_guarded` on applications of others: it fails on the hole first, and then passes without it."""

import inspect
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tornado.testing import AsyncHTTPTestCase, gen_test
from tornado.web import Application

from stormdoor.testing import FakeClock, Served, running, serving
from stormdoor_audit.testing import (
    Identity,
    NotGuarded,
    assert_guarded,
    assert_guarded_async,
    assert_refused,
    assert_refused_async,
    forged_token,
    log_in,
    with_token,
    without_signature,
)
from stormdoor_audit.testing import Login as LogsIn
from tests.audit.applications import (
    ALICE,
    Guarded,
    OpenOrigin,
    OpenToAll,
    Silent,
    application,
)


@pytest.fixture(scope="module")
def guarded() -> Iterator[Served]:
    """An application without a hole, in a thread of its own."""
    with running(lambda: application(Guarded)) as served:
        yield served


def test_an_open_origin_fails_with_evidence_and_fix() -> None:
    """The message names the hole, shows what went over the wire without the cookie, and the fix."""
    with running(lambda: application(OpenOrigin)) as served:
        with pytest.raises(NotGuarded) as caught:
            assert_guarded(served.url("/prices"), owner=ALICE, listen=0.2)
    text = str(caught.value)
    for part in ("SP201 foreign-origin", "CWE-1385", "> Origin: https://attacker.example", "fix: "):
        assert part in text
    assert "3f1a9c27d5e4" not in text
    assert caught.value.report is not None
    assert {one.slug for one in caught.value.report.findings} == {"foreign-origin"}


def test_without_the_hole_it_passes(guarded: Served) -> None:
    """The same application with Tornado's own origin check."""
    report = assert_guarded(guarded.url("/prices"), owner=ALICE, listen=0.2)
    assert report.findings == ()


def test_a_login_with_a_token_against_forgery(guarded: Served) -> None:
    """The owner logs in as a browser does; a wrong password is said."""
    fields = {"username": "alice", "password": "correct horse"}
    url = f"{guarded.origin}/login"
    assert ("session", "of-alice-3f1a9c27d5e4") in log_in(url, fields).cookies
    login = LogsIn(url, tuple(fields.items()))
    assert_guarded(guarded.url("/prices"), login=login, listen=0.2)
    with pytest.raises(NotGuarded, match="403"):
        log_in(url, fields | {"password": "guessed"})


async def test_in_a_running_loop() -> None:
    """The coroutine serves and probes in one loop; what is meant to be public is written down."""
    async with serving(application(OpenToAll)) as served:
        url = served.url("/prices")
        with pytest.raises(NotGuarded, match="SP101 no-credential"):
            await assert_guarded_async(url, listen=0.2)
        allow = {"no-credential", "foreign-origin", "rebound-host"}
        await assert_guarded_async(url, listen=0.2, allow=allow)


async def test_a_silent_server_does_not_pass() -> None:
    """An undecided check fails the assertion, unless a message decides it or the test permits it."""
    async with serving(application(Silent)) as served:
        url = served.url("/prices")
        with pytest.raises(NotGuarded, match="authentication could not be told"):
            await assert_guarded_async(url, listen=0.2)
        await assert_guarded_async(url, listen=0.2, untold={"authentication"}, level="error")
        with pytest.raises(NotGuarded, match="SP101 no-credential"):
            await assert_guarded_async(url, listen=0.2, say=['{"type": "list"}'])


async def test_a_synchronous_assertion_in_a_loop_is_refused() -> None:
    """It would let the loop stand still; it says what to write, and leaves no coroutine behind."""
    for call in (
        lambda: assert_guarded("ws://127.0.0.1:1/"),
        lambda: assert_refused("ws://127.0.0.1:1/", ALICE, owner=ALICE),
        lambda: log_in("http://127.0.0.1:1/", {}),
    ):
        with pytest.raises(RuntimeError, match=r"await \w+_async"):
            call()


MISTAKES = {
    "no_such_probe": ({"allow": {"no-credentials"}}, ValueError, "no probe 'no-credentials'"),
    "a_name_is_no_collection": ({"allow": "no-credential"}, TypeError, "collections of names"),
    "no_such_check": ({"untold": {"authn"}}, ValueError, "authn"),
    "no_such_level": ({"level": "fatal"}, ValueError, "fatal"),
    "nobody_listens": ({}, NotGuarded, "cannot be reached"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes(name: str) -> None:
    """A wrong word never makes a test pass."""
    options, error, match = MISTAKES[name]
    with pytest.raises(error, match=match):
        assert_guarded("ws://127.0.0.1:1/prices", **options)  # type: ignore[arg-type]


def test_a_page_is_no_guarded_socket(guarded: Served) -> None:
    """An address that was mistyped, and is answered with a page or not at all, does not pass."""
    for path in ("/login", "/price"):
        with pytest.raises(NotGuarded, match="nothing answers as a WebSocket"):
            assert_guarded(guarded.url(path), listen=0.1)
    with pytest.raises(NotGuarded, match="the owner does not get in"):
        assert_guarded(guarded.url("/login"), owner=ALICE, listen=0.1)


def test_another_machine_is_not_probed() -> None:
    """`assert_guarded` probes another machine only with permission, as on the command line."""
    with pytest.raises(NotGuarded, match="is not this machine"):
        assert_guarded("ws://192.0.2.1/prices")


class TestCase(AsyncHTTPTestCase):
    """Tornado's own test case, with its server in the loop of the test."""

    def get_app(self) -> Application:
        return application(OpenOrigin)

    @gen_test(timeout=60)
    async def test_in_tornados_test_case(self) -> None:
        """The hole is found there, too."""
        with pytest.raises(NotGuarded, match="foreign-origin"):
            await assert_guarded_async(self.get_url("/prices"), owner=ALICE, listen=0.2)


def test_refused_needs_an_owner_who_gets_in(guarded: Served) -> None:
    """The assertion fails if the server refuses the owner, or admits another identity."""
    stranger = Identity("mallory", cookies=(("session", "something else"),))
    url = guarded.url("/prices")
    assert_refused(url, stranger, owner=ALICE, listen=0.2)
    with pytest.raises(NotGuarded, match="mallory does not get in"):
        assert_refused(url, ALICE, owner=stranger, listen=0.2)
    with pytest.raises(NotGuarded, match="alice gets in"):
        assert_refused(url, ALICE, owner=ALICE, listen=0.2)


async def test_refused_where_nobody_can_tell() -> None:
    """The assertion fails for a silent server that admits all clients."""
    async with serving(application(Silent)) as served:
        stranger = Identity("mallory", cookies=(("session", "something else"),))
        with pytest.raises(NotGuarded, match="may get in"):
            await assert_refused_async(served.url("/prices"), stranger, owner=ALICE, listen=0.2)


def test_forged_tokens() -> None:
    """They are what their names say, by an independent reader."""
    key = "a key of the tests, which is long enough"
    good = jwt.encode({"sub": "a", "aud": "feed", "exp": time.time() + 60}, key, "HS256")
    with pytest.raises(jwt.ExpiredSignatureError):
        jwt.decode(forged_token(good, key, exp=1), key, ["HS256"], audience="feed")
    with pytest.raises(jwt.InvalidAudienceError):
        jwt.decode(forged_token(good, key, aud="mail"), key, ["HS256"], audience="feed")
    with pytest.raises(jwt.MissingRequiredClaimError):
        jwt.decode(forged_token(good, key, aud=None), key, ["HS256"], audience="feed")
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(forged_token(good, key[::-1]), key, ["HS256"], audience="feed")
    assert jwt.decode(forged_token(good, key), key, ["HS256"], audience="feed")["sub"] == "a"
    unsigned = without_signature(good, sub="admin")
    assert jwt.decode(unsigned, options={"verify_signature": False})["sub"] == "admin"
    assert unsigned.endswith(".")
    owner = Identity("a", headers=(("Authorization", f"Bearer {good}"),))
    assert with_token(owner, unsigned, "b").headers == (("Authorization", f"Bearer {unsigned}"),)
    with pytest.raises(ValueError, match="no JSON Web Token"):
        forged_token("of-alice-3f1a9c27d5e4", key)


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "EdDSA"])
def test_forged_tokens_of_key_pairs(algorithm: str) -> None:
    """The issuer's own private key signs the changed claims, with the algorithm of the token."""
    pairs: dict[str, Any] = {
        "ES256": ec.generate_private_key(ec.SECP256R1()),
        "EdDSA": ed25519.Ed25519PrivateKey.generate(),
    }
    private = pairs.get(algorithm) or rsa.generate_private_key(65537, 2048)
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    good = jwt.encode({"sub": "a"}, private, algorithm, headers={"kid": "one"})
    forged = forged_token(good, pem, sub="b")
    assert jwt.decode(forged, private.public_key(), [algorithm]) == {"sub": "b"}
    assert jwt.get_unverified_header(forged) == jwt.get_unverified_header(good)
    with pytest.raises(ValueError, match="needs no key"):
        forged_token(without_signature(good), pem)


def test_an_application_that_cannot_be_made() -> None:
    """The reason arrives where the test waits."""

    def broken() -> Application:
        raise LookupError("no configuration")

    with pytest.raises(RuntimeError, match="does not start") as caught, running(broken):
        pass
    assert isinstance(caught.value.__cause__, LookupError)


@pytest.mark.extended
def test_pytest_is_not_needed() -> None:
    """Importing the assertions imports neither pytest nor, through it, its plugins."""
    code = (
        "import sys, stormdoor.testing, stormdoor_audit.testing; sys.exit('pytest' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_clock_is_ours() -> None:
    """The clock that the package's tests use is the one that users have."""
    clock = FakeClock()
    before = clock.monotonic()
    clock.advance(5)
    assert clock.monotonic() == before + 5
    with pytest.raises(ValueError, match="backwards"):
        clock.advance(-1)
    assert inspect.iscoroutinefunction(assert_guarded_async)
