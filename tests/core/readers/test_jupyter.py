"""Messages of Jupyter kernels, in their three forms."""

import json
import struct
from itertools import pairwise
from typing import Any

import pytest

from stormdoor.core.readers import FORMATS, Unreadable, make_reader
from stormdoor.core.readers.jupyter import V1
from tests.core.readers.kernel_messages import binary, header, legacy, v1


def read(message: str | bytes, subprotocol: str | None = None) -> tuple[str, ...] | None:
    """Read one message."""
    return make_reader("jupyter", (), subprotocol).read(message)


def test_v1() -> None:
    """The type is that of the header, on the channels that a client writes to."""
    assert read(v1(), V1) == ("execute_request",)
    shutdown = v1("control", header("shutdown_request"), extra=(b"\0" * 9,))
    assert read(shutdown, V1) == ("shutdown_request",)
    assert read(v1("stdin", header("input_reply")), V1) == ("input_reply",)


def test_older_forms() -> None:
    """The JSON form, and the binary one with buffers; without a channel, the server takes `shell`."""
    assert read(legacy()) == ("execute_request",)
    assert read(legacy(...)) == ("execute_request",)
    assert read(legacy(None)) == ("execute_request",)
    assert read(binary(legacy(), b"\0", b"")) == ("execute_request",)
    assert read(binary(legacy("stdin", header("input_reply")))) == ("input_reply",)


def test_the_form_follows_the_subprotocol() -> None:
    """A message in the form of another subprotocol is unreadable: the server would read another one."""
    with pytest.raises(Unreadable):
        read(legacy(), V1)
    with pytest.raises(Unreadable):
        read(binary(legacy()), V1)
    with pytest.raises(Unreadable):
        read(v1())


@pytest.mark.parametrize(
    "message",
    [
        v1("iopub"),
        v1("stdin"),  # a kernel would read `content.value` as the answer to its question
        v1("Shell"),
        v1("shell", header(["execute_request"])),
        v1("shell", '{"msg_type":"a","msg_type":"b"}'),
        # A kernel in Go would execute it.
        v1("shell", '{"msg_type":"kernel_info_request","MSG_TYPE":"execute_request"}'),
        v1("shell", "[]"),
        v1()[:40],
        b"",
        b"\xff" * 8,
        struct.pack("<Q", 2**60) + b"\0" * 80,
        struct.pack("<7Q", 6, 56, 56, 56, 56, 56, 57),
        struct.pack("<7Q", 6, 0, 8, 16, 24, 32, 40),
        struct.pack("<7Q", 6, 56, 55, 56, 56, 56, 56),
        struct.pack("<5Q", 4, 40, 40, 40, 40),
    ],
)
def test_unreadable_v1(message: bytes) -> None:
    """Other channels, types and offsets. A huge number of offsets costs nothing."""
    with pytest.raises(Unreadable):
        read(message, V1)


@pytest.mark.parametrize(
    "message",
    [
        legacy("stdin"),
        legacy(["shell"]),
        legacy("hb"),
        legacy("shell", []),
        legacy("shell", {"msg_type": 1.5}),
        "[]",
        '{"header":{"msg_type":"a"},"header":{"msg_type":"b"}}',
        b"",
        b"\0\0\0\0",
        struct.pack(">i", -1) + b"\0" * 8,
        struct.pack(">II", 1, 0) + b"{}",
        struct.pack(">3I", 2, 12, 4) + b"{}",
        struct.pack(">3I", 2, 12, 99) + b"{}",
        binary("[]"),
    ],
)
def test_unreadable_older_forms(message: str | bytes) -> None:
    """The same of the older forms."""
    with pytest.raises(Unreadable):
        read(message)


def test_no_http() -> None:
    """Kernels have no HTTP transport of messages."""
    with pytest.raises(Unreadable):
        make_reader("jupyter", (), None).read_body(legacy().encode())


def test_answers_of_a_kernel() -> None:
    """A refused execution gets an error, its reply and `idle`, each as an answer to its header."""
    reader = make_reader("jupyter", (), None)
    reader.read(legacy())
    found: list[dict[str, Any]] = [json.loads(one) for one in reader.answers("not permitted")]
    assert [(one["channel"], one["header"]["msg_type"]) for one in found] == [
        ("iopub", "error"),
        ("shell", "execute_reply"),
        ("iopub", "status"),
    ]
    assert {one["parent_header"]["msg_id"] for one in found} == {"1"}
    assert found[1]["content"]["status"] == "error"
    assert found[1]["content"]["evalue"] == "not permitted"
    assert found[2]["content"] == {"execution_state": "idle"}
    assert len({one["header"]["msg_id"] for one in found}) == 3


def test_answers_of_v1() -> None:
    """The same in the subprotocol v1, on the channel of the request; others get `idle` only."""
    reader = make_reader("jupyter", (), V1)
    reader.read(v1("control", header("debug_request")))
    parts = []
    for one in reader.answers("not permitted"):
        assert isinstance(one, bytes)
        count = int.from_bytes(one[:8], "little")
        offsets = struct.unpack_from(f"<{count}Q", one, 8)
        assert offsets[-1] == len(one)
        parts.append([one[a:b] for a, b in pairwise(offsets)])
    assert [(one[0], json.loads(one[1])["msg_type"]) for one in parts] == [
        (b"control", "debug_reply"),
        (b"iopub", "status"),
    ]
    assert [json.loads(one[2])["msg_type"] for one in parts] == ["debug_request"] * 2
    reader.read(v1("shell", header("comm_msg")))
    assert len(reader.answers("not permitted")) == 1


def test_answers_repeat_little() -> None:
    """A client chooses its header; long fields, other types and unknown names are not repeated."""
    reader = make_reader("jupyter", (), None)
    hostile = {**header("comm_msg"), "msg_id": "x" * 10_000, "session": [1], "more": "y" * 9_000}
    reader.read(legacy("shell", hostile))
    (one,) = reader.answers("not permitted")
    assert len(one) < 1_000
    reader.read(legacy("shell", header("z" * 10_000 + "_request")))
    assert sum(map(len, reader.answers("not permitted"))) < 2_000


@pytest.mark.parametrize("name", sorted({*FORMATS} - {"jupyter"}))
def test_other_formats_have_no_answer(name: str) -> None:
    """Their protocols have no form of an error that each client understands."""
    assert make_reader(name, ("type",), None).answers("not permitted") == ()
