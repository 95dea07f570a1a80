"""A status 101 is found wherever a client could read one, however the bytes are divided."""

from __future__ import annotations

import pytest

from stormdoor.core.response_framing import BODY, HEAD, START, TRAILER, find_status, follow

SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody"
CHUNKS = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n12;a=b\r\n"
    + b"x" * 18
    + b"\r\n0\r\n"
)

BEFORE = {
    "nothing": b"",
    "line ends": b"\r\n\n\r\n",
    "four bytes": b"\x00a\nb",
    "100": b"HTTP/1.1 100 Continue\r\n\r\n",
    "103": b"HTTP/1.1 103 Early Hints\nLink: <a>\n\n",
    "an answer": OK,
    "two answers": OK + OK,
    "no body": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "204": b"HTTP/1.1 204 No Content\r\n\r\n",
    "304": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\n",
    "chunks": CHUNKS + b"\r\n",
    "chunks and a trailer": CHUNKS + b"Expires: 0\r\n\r\n",
}
SPELLED = {
    "as usual": SWITCH,
    "1.0": SWITCH.replace(b"1.1", b"1.0"),
    "lower case": b"http" + SWITCH[4:],
    "white space": SWITCH.replace(b" ", b"\t \x0b", 1),
    "zeros": SWITCH.replace(b"101", b"0101"),
    "a sign": SWITCH.replace(b"101", b"+101"),
    "underscores": SWITCH.replace(b"101", b"1_01"),
    "four digits": SWITCH.replace(b"101", b"1010"),
    "too short": SWITCH.replace(b"101", b"10"),
    "one digit": SWITCH.replace(b"101", b"1"),
    "a long version": b"HTTP/1." + b"1" * 100 + b" 101 Switching Protocols\r\n\r\n",
    "no reason": b"HTTP/1.1 101\r\n\r\n",
}


def _whole(data: bytes) -> bool:
    return follow(START, data) is None


def _bytewise(data: bytes) -> bool:
    at = START
    for number in range(len(data)):
        after = follow(at, data[number : number + 1])
        if after is None:
            return True
        at = after
    return False


@pytest.mark.parametrize("spelled", SPELLED.values(), ids=SPELLED)
@pytest.mark.parametrize("before", BEFORE.values(), ids=BEFORE)
def test_a_101_is_found(before: bytes, spelled: bytes) -> None:
    """After each answer that has an end, in each spelling, whole and byte by byte."""
    assert _whole(before + spelled)
    assert _bytewise(before + spelled)
    assert not _whole(before)
    assert not _bytewise(before)


HARMLESS = {
    "a body": OK.replace(b"4", b"99") + SWITCH,
    "a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n" + SWITCH,
    "a body without an end": b"HTTP/1.1 200 OK\r\n\r\n" + SWITCH,
    "another protocol": b"SSH-2.0-server\r\n" + b"x" * 100 + SWITCH,
    "no chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nbody\n" + SWITCH,
    "a chunk without an end of its size": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    + b"0" * 100
    + SWITCH,
    "a head without an end": b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 12_000 + SWITCH,
    "a header": b"HTTP/1.1 200 HTTP/1.1 101\r\nX: HTTP/1.1 101\r\n\r\n",
    "a redirection": b"HTTP/1.1 301 Moved\r\nContent-Length: 0\r\n\r\n",
}


@pytest.mark.parametrize("data", HARMLESS.values(), ids=HARMLESS)
def test_no_other_text_counts(data: bytes) -> None:
    """A body may be about a handshake, and a protocol that is not HTTP has its own bytes."""
    assert not _whole(data)
    assert not _bytewise(data[:2000])


def test_an_interim_head_without_an_end() -> None:
    """It is refused at 64 KiB: its length would hide the next answer."""
    assert _whole(b"HTTP/1.1 103 Early Hints\r\n" + b"A: b\r\n" * 12_000)


def test_the_answer_to_a_head_has_no_body() -> None:
    """The next bytes are the next answer."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"
    assert follow(START, head + SWITCH, to_head=True) is None
    assert follow(START, head, to_head=True) == START


def test_the_place_in_an_answer() -> None:
    """The sent part of a line is kept, and the rest of a body is counted."""
    assert follow(START, OK[:9]) == (HEAD, 0, b"HTTP/1.1 ")
    assert follow(START, memoryview(OK)[:-1]) == (BODY, 1, b"")
    assert follow(START, CHUNKS + b"\r") == (TRAILER, 0, b"\r")
    assert follow(START, OK) == START


def test_the_status_of_an_answer() -> None:
    """None before it was sent."""
    assert find_status(OK) == 200
    assert find_status(OK[:10]) is None
    assert find_status(b"HTTP/1.1 abc") is None
