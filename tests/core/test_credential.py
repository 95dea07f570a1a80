"""Credentials of a handshake are found in the declared places and in no others."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormdoor.core.credential import (
    BEARER_SUBPROTOCOL,
    CLIENT_CERTIFICATE,
    FIRST_MESSAGE,
    SUBPROTOCOL,
    TICKET_SUBPROTOCOL,
    Credential,
    Place,
    Source,
    fingerprint,
    mtls_proof,
    presented,
    thumbprint,
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
    """A credential in a place that was not requested is ignored."""
    sent = handshake(query={"token": ("s",)}, authorization=("Bearer s",))
    assert presented(sent, [COOKIE]) == []


@pytest.mark.parametrize(
    "place",
    [*EVERYWHERE, CLIENT_CERTIFICATE, FIRST_MESSAGE],
    ids=lambda place: place.source.value,
)
def test_cookies_and_certificates_are_ambient(place: Place) -> None:
    """A browser attaches these by itself, and nothing else that is listed here."""
    ambient = place.source in {Source.COOKIE, Source.CERTIFICATE}
    assert Credential(place, "s").ambient is ambient


def test_a_place_may_say_that_it_is_ambient() -> None:
    """The browser's cookie at a proxy stands behind the header that the proxy adds."""
    place = Place(Source.HEADER, "x-forwarded-user", ambient=True)
    assert Credential(place, "alice").ambient
    assert place != Place(Source.HEADER, "x-forwarded-user")


def test_a_certificate_is_the_company_of_a_token_even_if_programs_hold_it() -> None:
    """A certificate beside a token that is bound to it does not count as a second credential."""
    assert Credential(Place(Source.CERTIFICATE, "client", ambient=False), "s").may_accompany
    assert not Credential(BEARER, "s").may_accompany


def test_a_certificate_is_found_in_base64() -> None:
    """The secret of a certificate is its DER in base64."""
    found = presented(handshake(certificate=b"DER"), [CLIENT_CERTIFICATE, FIRST_MESSAGE])
    assert [(one.place, one.secret) for one in found] == [(CLIENT_CERTIFICATE, "REVS")]


def test_a_thumbprint_is_that_of_rfc_8705() -> None:
    """SHA-256 of the DER in base64url without padding."""
    assert thumbprint(b"") == "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"
    assert mtls_proof(b"") == f"mtls:{thumbprint(b'')}"


def test_no_secret_in_the_repr() -> None:
    """A credential can be logged."""
    assert "hunter2" not in repr(Credential(BEARER, "hunter2"))


def test_fingerprint_is_sha_256() -> None:
    """A fingerprint is SHA-256 in hexadecimal, so that every store and tool can compute it."""
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
    """For any headers, `presented` returns credentials with a fingerprint, and never raises."""
    sent = handshake(
        authorization=authorization, headers=headers, cookies=cookies, subprotocols=subprotocols
    )
    for credential in presented(sent, EVERYWHERE):
        assert len(fingerprint(credential.secret)) == 64


def test_places_that_a_message_can_fill() -> None:
    """A first message can bring what a bearer header or a subprotocol would have brought."""
    assert all(place.in_messages for place in (FIRST_MESSAGE, BEARER, TOKEN, TICKET))
    assert not any(place.in_messages for place in (COOKIE, QUERY, HEADER, CLIENT_CERTIFICATE))
