"""Messages of a client to the guard are parsed strictly, and no other message is taken for one."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from stormdoor.core.in_band import (
    Authenticate,
    Prove,
    Refresh,
    encode_expiring,
    encode_renewed,
    read_authenticate,
    read_in_band,
)


def test_a_refresh_is_read() -> None:
    """A refresh is read with and without an id."""
    assert read_in_band('{"type":"stormdoor.refresh","token":"t"}') == Refresh(token="t")
    assert read_in_band('{"id":1,"token":"t","type":"stormdoor.refresh"}') == Refresh(
        token="t", id=1
    )


def test_a_proof_is_read() -> None:
    """Digits, and few of them."""
    assert read_in_band('{"type":"stormdoor.prove","totp":"123456"}') == Prove(totp="123456")


WRONG = [
    "",
    "stormdoor.refresh",
    '"stormdoor.refresh"',
    '["stormdoor.refresh"]',
    '{"type":"stormdoor.refresh"}',
    '{"type":"stormdoor.refresh","token":""}',
    '{"type":"stormdoor.refresh","token":1}',
    '{"type":"stormdoor.refresh","token":"t","more":1}',
    '{"type":"stormdoor.refresh","token":"%s"}' % ("t" * 8193),
    '{"type":"stormdoor.Refresh","token":"t"}',
    '{"type":"stormdoor.authenticate","token":"t"}',
    '{"type":"stormdoor.prove","totp":"12345"}',
    '{"type":"stormdoor.prove","totp":"12345x"}',
    '{"type":"stormdoor.prove","totp":"١٢٣٤٥٦"}',
    '{"type":"stormdoor.prove","totp":123456}',
    '{"type":"stormdoor.prove","totp":"123456\\n"}',
    '{"type":"stormdoor.refreshed","token":"t"}',
    '{"type":"say","token":"stormdoor.refresh"}',
    '{"type":"stormdoor.refresh","token":"t"',
    '{"type":"stormdoor.refresh","id":-1,"token":"t"}',
    '{"type":"stormdoor.refresh","token":"' + "[" * 5000,
]


@pytest.mark.parametrize("raw", WRONG)
def test_nothing_else_is_read(raw: str) -> None:
    """A field too many, too few or of another type: it is an unknown message."""
    assert read_in_band(raw) is None


def test_a_first_message_is_read() -> None:
    """Only `stormdoor.authenticate` is read as a first message."""
    assert read_authenticate('{"type":"stormdoor.authenticate","token":"t"}') == Authenticate(
        token="t"
    )


@pytest.mark.parametrize(
    "raw",
    [
        *[one for one in WRONG if "authenticate" not in one],
        '{"type":"stormdoor.refresh","token":"t"}',
    ],
)
def test_no_other_first_message_is_read(raw: str) -> None:
    """`read_authenticate` returns None for every other first message."""
    assert read_authenticate(raw) is None


@given(st.text(st.characters(exclude_categories=[])))
def test_garbage_is_harmless(raw: str) -> None:
    """No text raises."""
    assert read_in_band(raw) is None
    assert read_authenticate(raw) is None


def test_a_token_is_not_shown() -> None:
    """The `repr` of a message does not contain its token or code."""
    assert "secret" not in repr(Refresh(token="secret"))
    assert "secret" not in repr(Authenticate(token="secret"))
    assert "123456" not in repr(Prove(totp="123456"))


def test_answers_equal_the_reference() -> None:
    """The answers are those that the reference page lists."""
    assert json.loads(encode_renewed("refreshed", 300, 1)) == {
        "type": "stormdoor.refreshed",
        "id": 1,
        "expires_in": 300,
    }
    assert json.loads(encode_renewed("authenticated", None, UNSET)) == {
        "type": "stormdoor.authenticated",
        "expires_in": None,
    }
    assert json.loads(encode_expiring(30)) == {"type": "stormdoor.expiring", "expires_in": 30}
