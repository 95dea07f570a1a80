"""A nonce is verified as this server's own, and fresh, without being stored."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormdoor import ConfigurationError
from stormdoor.auth.dpop.server_nonce import ServerNonce

NOW = 1_767_225_600.0
OLD, NEW = b"the old secret, of 32 bytes or more", b"the new secret, of 32 bytes or more"
NONCES = ServerNonce([NEW], 300)


@pytest.mark.parametrize(
    ("seconds", "fresh"), [(-2, False), (-1, True), (0, True), (299.9, True), (300, False)]
)
def test_it_counts_for_a_while(seconds: float, fresh: bool) -> None:
    """A nonce is accepted for a time after its issue, and not before it."""
    assert NONCES.fresh(NONCES.issue(NOW), NOW + seconds) is fresh


def test_secrets_are_changed() -> None:
    """A nonce is valid while the secret that made it is listed."""
    nonce = ServerNonce([OLD], 300).issue(NOW)
    assert ServerNonce([NEW, OLD], 300).fresh(nonce, NOW)
    assert not NONCES.fresh(nonce, NOW)


def test_its_time_cannot_be_moved() -> None:
    """The tag is for the time."""
    data = bytearray(base64.urlsafe_b64decode(NONCES.issue(NOW)))
    data[7] += 1
    assert not NONCES.fresh(base64.urlsafe_b64encode(data).decode(), NOW)


@given(st.text() | st.binary().map(lambda data: base64.urlsafe_b64encode(data).decode()))
def test_other_texts_are_refused(text: str) -> None:
    """Every text of a client is refused without an exception."""
    assert not NONCES.fresh(text, NOW)


def test_no_other_spelling() -> None:
    """Base64 with something in it or around it is another text."""
    nonce = NONCES.issue(NOW)
    for other in (nonce + "=", nonce + "\n", " " + nonce, nonce[:4] + "\n" + nonce[4:], ""):
        assert not NONCES.fresh(other, NOW)


@pytest.mark.parametrize(("secrets", "seconds"), [([], 300), ([b"short"], 300), ([NEW], 0)])
def test_a_weak_secret(secrets: list[bytes], seconds: float) -> None:
    """A weak secret is refused when the door is set up."""
    with pytest.raises(ConfigurationError):
        ServerNonce(secrets, seconds)
