"""A server writes whole frames, without a mask, in the shortest form."""

import os
import struct

import pytest

from stormdoor.core.frame import (
    BINARY,
    CLOSE,
    PING,
    TEXT,
    CheckedFrame,
    Prepared,
    close_frame,
    head,
    xor_mask,
)
from tests.support.client_frames import covered


@pytest.mark.parametrize(
    ("opcode", "size", "compressed", "expected"),
    [
        (TEXT, 0, False, b"\x81\x00"),
        (TEXT, 125, False, b"\x81\x7d"),
        (TEXT, 126, False, b"\x81\x7e\x00\x7e"),
        (TEXT, 65535, False, b"\x81\x7e\xff\xff"),
        (TEXT, 65536, False, b"\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
        (BINARY, 5, False, b"\x82\x05"),
        (PING, 5, False, b"\x89\x05"),
        (TEXT, 5, True, b"\xc1\x05"),
        (BINARY, 126, True, b"\xc2\x7e\x00\x7e"),
    ],
)
def test_the_head_of_a_frame(opcode: int, size: int, compressed: bool, expected: bytes) -> None:
    """§5.2: FIN, no mask, the length in the fewest bytes; §6 of RFC 7692: RSV1 if compressed."""
    assert head(opcode, size, compressed=compressed) == expected


@pytest.mark.parametrize("size", [0, 1, 3, 4, 5, 125, 1000])
def test_the_mask_without_an_extension_module(size: int) -> None:
    """The Python function masks as RFC 6455 §5.3 says; masking twice gives the original."""
    data, key = os.urandom(size), os.urandom(4)
    assert xor_mask(key, data) == covered(data, key)
    assert xor_mask(key, xor_mask(key, data)) == data


@pytest.mark.parametrize(
    ("code", "reason", "expected"),
    [
        (None, None, b""),
        (1000, None, b"\x03\xe8"),
        (None, "bye", b"\x03\xe8bye"),
        (4401, "über", b"\x11\x31\xc3\xbcber"),
        (1011, b"raw", b"\x03\xf3raw"),
        (3000, "x" * 123, b"\x0b\xb8" + b"x" * 123),
    ],
)
def test_what_a_close_frame_carries(
    code: int | None, reason: str | bytes | None, expected: bytes
) -> None:
    """§5.5.1: a code, then a reason in UTF-8; a reason alone stands behind 1000."""
    assert close_frame(code, reason) == bytes((0x88, len(expected))) + expected


def test_connections_that_end_for_one_cause_share_a_close_frame() -> None:
    """The frame of ten thousand revoked connections is encoded once."""
    assert close_frame(3000, "revoked (reference A)") is close_frame(3000, "revoked (reference A)")


@pytest.mark.parametrize(
    ("code", "reason", "error"),
    [(70000, None, struct.error), (-1, None, struct.error), (1000, "x" * 124, ValueError)],
)
def test_what_no_close_frame_can_carry(
    code: int, reason: str | None, error: type[Exception]
) -> None:
    """A reason that is too long for a close frame is an error."""
    with pytest.raises(error):
        close_frame(code, reason)


def test_a_prepared_message_is_framed_once() -> None:
    """The frame of a prepared message equals that of its text."""
    prepared = Prepared(b"x" * 200)
    assert prepared.frame == b"\x81\x7e\x00\xc8" + prepared.payload
    assert head(CLOSE, 0) == b"\x88\x00"


def test_a_message_that_is_checked_again() -> None:
    """Its frame has the function that authorises a recipient again; other frames are plain bytes."""
    plain = Prepared(b"x")
    assert type(plain.frame) is bytes
    checked = Prepared(b"x", lambda connection: connection == "allowed", opcode=BINARY)
    assert isinstance(checked.frame, CheckedFrame)
    assert checked.frame == b"\x82\x01x"
    assert checked.frame.again("allowed")
    assert not checked.frame.again("another")
