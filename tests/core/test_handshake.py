"""A handshake holds facts, and keeps its secrets to itself."""

from dataclasses import FrozenInstanceError

import pytest

from stormdoor.core.handshake import Handshake

SECRET = "sd_secret"


def handshake(**more: object) -> Handshake:
    """A handshake from 192.0.2.1, with `more` facts."""
    facts: dict[str, object] = {
        "path": "/chat",
        "address": "192.0.2.1",
        "peer": "192.0.2.1",
        "scheme": "https",
        "host": "app.example",
    }
    return Handshake(**(facts | more))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("authorization", (f"Bearer {SECRET}",)),
        ("headers", {"x-api-key": (SECRET,)}),
        ("cookies", {"__Host-stormdoor": (SECRET,)}),
        ("subprotocols", (f"stormdoor.ticket.{SECRET}",)),
        ("query", {"token": (SECRET,)}),
        ("target", f"/chat?token={SECRET}"),
        ("certificate", SECRET.encode()),
    ],
)
def test_no_secret_in_the_repr(name: str, value: object) -> None:
    """A place where a credential may be is not printed."""
    assert SECRET not in repr(handshake(**{name: value}))


def test_absent_facts_are_absent() -> None:
    """A fact that the client did not send is None or empty, so no default can pass a check."""
    bare = handshake()
    assert (bare.origin, bare.fetch_site, bare.fetch_mode) == (None, None, None)
    assert (bare.authorization, bare.subprotocols) == ((), ())
    assert (bare.headers, bare.cookies, bare.query) == ({}, {}, {})


def test_facts_cannot_be_changed() -> None:
    """A step of the admission cannot rewrite what a later one judges."""
    with pytest.raises(FrozenInstanceError):
        handshake().origin = "https://app.example"  # type: ignore[misc]


def test_facts_are_named() -> None:
    """No fact can be passed by position, where the address and the peer could change places."""
    with pytest.raises(TypeError):
        Handshake("/chat", "192.0.2.1", "192.0.2.1", "https", "app.example")  # type: ignore[call-arg]
