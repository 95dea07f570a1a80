"""What a handshake carries is found where it may be, and nowhere else."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormdoor.core.credential import (
    BEARER_SUBPROTOCOL,
    SUBPROTOCOL,
    TICKET_SUBPROTOCOL,
    Credential,
    Place,
    Source,
    fingerprint,
    presented,
)
from stormdoor.core.handshake import Handshake

BEARER = Place(Source.AUTHORIZATION, "bearer")
HEADER = Place(Source.HEADER, "x-api-key")
TOKEN = Place(Source.SUBPROTOCOL, BEARER_SUBPROTOCOL)
TICKET = Place(Source.SUBPROTOCOL, TICKET_SUBPROTOCOL)
COOKIE = Place(Source.COOKIE, "__Host-stormdoor")
QUERY = Place(Source.QUERY, "token")
EVERYWHERE = (BEARER, HEADER, TOKEN, TICKET, COOKIE, QUERY)


def handshake(**more: object) -> Handshake:
    """A handshake that carries `more`."""
    facts: dict[str, object] = {
        "path": "/chat",
        "address": "192.0.2.1",
        "peer": "192.0.2.1",
        "scheme": "https",
        "host": "app.example",
    }
    return Handshake(**(facts | more))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ({}, []),
        ({"authorization": ("Bearer s",)}, [(BEARER, "s")]),
        ({"authorization": ("bEARER  s ",)}, [(BEARER, "s")]),
        ({"authorization": ("Bearer",)}, [(BEARER, "")]),
        ({"authorization": ("Basic s",)}, []),
        ({"authorization": ("Bearers s",)}, []),
        ({"authorization": ("s",)}, []),
        ({"authorization": ("Bearer a b",)}, [(BEARER, "a b")]),
        ({"authorization": ("Bearer a", "Bearer b")}, [(BEARER, "a"), (BEARER, "b")]),
        ({"headers": {"x-api-key": ("s",)}}, [(HEADER, "s")]),
        ({"headers": {"x-api-key": ("a", "b")}}, [(HEADER, "a"), (HEADER, "b")]),
        ({"headers": {"x-other": ("s",)}}, []),
        ({"subprotocols": (SUBPROTOCOL,)}, []),
        ({"subprotocols": (SUBPROTOCOL, "stormdoor.bearer.s")}, [(TOKEN, "s")]),
        ({"subprotocols": ("stormdoor.ticket.s",)}, [(TICKET, "s")]),
        ({"subprotocols": ("stormdoor.ticket.",)}, [(TICKET, "")]),
        ({"subprotocols": ("Stormdoor.ticket.s", "xstormdoor.ticket.s")}, []),
        ({"cookies": {"__Host-stormdoor": ("s",)}}, [(COOKIE, "s")]),
        ({"cookies": {"__Host-stormdoor": ("a", "b")}}, [(COOKIE, "a"), (COOKIE, "b")]),
        ({"cookies": {"__host-stormdoor": ("s",)}}, []),
        ({"query": {"token": ("s",)}}, [(QUERY, "s")]),
        (
            {"authorization": ("Bearer s",), "cookies": {"__Host-stormdoor": ("s",)}},
            [(BEARER, "s"), (COOKIE, "s")],
        ),
    ],
    ids=lambda case: ascii(case)[:60],
)
def test_credentials_are_found_in_their_places(
    facts: dict[str, object], found: list[tuple[Place, str]]
) -> None:
    """Each place yields each value sent in it: the same header twice is two credentials."""
    credentials = presented(handshake(**facts), EVERYWHERE)
    assert [(one.place, one.secret) for one in credentials] == found


def test_only_the_places_that_were_asked_for() -> None:
    """A credential where nobody looks does not count."""
    sent = handshake(query={"token": ("s",)}, authorization=("Bearer s",))
    assert presented(sent, [COOKIE]) == []


@pytest.mark.parametrize("place", EVERYWHERE, ids=lambda place: place.source.value)
def test_only_cookies_are_ambient(place: Place) -> None:
    """A browser attaches cookies by itself, and nothing else that is listed here."""
    assert Credential(place, "s").ambient is (place.source is Source.COOKIE)


def test_no_secret_in_the_repr() -> None:
    """A credential can be logged."""
    assert "hunter2" not in repr(Credential(BEARER, "hunter2"))


def test_fingerprint_is_sha_256() -> None:
    """What is stored is SHA-256 in hex, so that every store and tool can compute it."""
    assert fingerprint("abc") == hashlib.sha256(b"abc").hexdigest()


text = st.text(st.characters(), max_size=20)  # with lone surrogates
values = st.lists(text, max_size=3).map(tuple)


@given(
    values,
    st.dictionaries(text | st.just("x-api-key"), values, max_size=2),
    st.dictionaries(text | st.just("__Host-stormdoor"), values, max_size=2),
    values,
)
def test_presented_never_raises(
    authorization: tuple[str, ...],
    headers: dict[str, tuple[str, ...]],
    cookies: dict[str, tuple[str, ...]],
    subprotocols: tuple[str, ...],
) -> None:
    """Whatever a client sends, credentials are found or not, and each can be fingerprinted."""
    sent = handshake(
        authorization=authorization, headers=headers, cookies=cookies, subprotocols=subprotocols
    )
    for credential in presented(sent, EVERYWHERE):
        assert len(fingerprint(credential.secret)) == 64
