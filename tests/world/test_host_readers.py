"""Readers of message types against the parsers of Jupyter Server and Bokeh, with hostile frames.

The host gets the frames that the reader can read, and no others. It must not act on a type that the reader
did not name.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from stormdoor.core.readers import Unreadable, make_reader
from stormdoor.core.readers.jupyter import V1
from tests.core.readers.kernel_messages import binary, header, legacy, v1
from tests.world.environment import require

pytestmark = pytest.mark.installs

Frames = list[str | bytes]
_FORMATS = {"jupyter": ("jupyter", None), "jupyter-v1": ("jupyter", V1), "bokeh": ("bokeh", None)}


class Host:
    """A process with the parsers of one host."""

    def __init__(self, name: str, environment: str) -> None:
        self.name = name
        python = require(environment) / "bin" / "python"
        script = Path(__file__).with_name("host_readers.py")
        self._process = subprocess.Popen(
            [python, script, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def types(self, frames: Frames) -> list[str]:
        """Return the types that the host acts on."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        shown = [["t", one] if isinstance(one, str) else ["b", one.hex()] for one in frames]
        self._process.stdin.write(json.dumps(shown) + "\n")
        self._process.stdin.flush()
        found: list[str] = json.loads(self._process.stdout.readline())
        return found

    def readable(self, frames: Frames) -> tuple[Frames, list[str]]:
        """Return the frames that the reader can read, and the types that it names."""
        reader = make_reader(_FORMATS[self.name][0], (), _FORMATS[self.name][1])
        passed: Frames = []
        named: list[str] = []
        for frame in frames:
            try:
                named += reader.read(frame) or ()
            except Unreadable:
                continue
            passed.append(frame)
        return passed, named

    def end(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()


@pytest.fixture(
    scope="module",
    params=[
        ("jupyter", "jupyterlab"),
        ("jupyter-v1", "jupyterlab"),
        ("bokeh", "bokeh"),
        ("bokeh", "bokeh-oldest"),
    ],
    ids=["json", "v1", "bokeh", "oldest-bokeh"],
)
def host(request: pytest.FixtureRequest) -> Iterator[Host]:
    """Start the parsers of a host."""
    started = Host(*request.param)
    yield started
    started.end()


EXECUTE, INFO = header("execute_request"), header("kernel_info_request")
DUPLICATE = json.dumps(INFO)[:-1] + ',"msg_type":"execute_request"}'
WHOLE: Frames = [
    v1("shell", EXECUTE),
    v1("shell", INFO),
    v1("stdin", INFO),
    v1("shell", DUPLICATE),
    legacy("shell", EXECUTE),
    legacy("stdin", INFO),
    legacy(..., INFO),
    binary(legacy("shell", EXECUTE), b"x"),
    binary(json.dumps({"channel": "shell", "header": INFO, "parent_header": EXECUTE})),
    '{"msgid":"1","msgtype":"PATCH-DOC"}',
    '{"msgid":"1","msgtype":"PULL-DOC-REQ","msgtype":"PATCH-DOC"}',
    '{"msgid":"1","msgtype":"PULL-DOC-REQ"}',
    '{"msgid":"1","msgtype":"PULL-DOC-REQ","num_buffers":1}',
    '{"msgid":"1","msgtype":"PULL-DOC-REQ","num_buffers":1.0}',
    '{"msgid":"1","msgtype":"ACK","num_buffers":"1"}',
    '{"id":"a"}',
    "{}",
    '{"events":[]}',
    b"\0",
]


def _flipped(frame: str | bytes, at: int, byte: int) -> str | bytes:
    """Return a frame with one byte or character replaced."""
    at %= len(frame)
    if isinstance(frame, str):
        return frame[:at] + chr(byte) + frame[at + 1 :]
    return frame[:at] + bytes([byte]) + frame[at + 1 :]


FRAMES = st.sampled_from(WHOLE) | st.builds(
    _flipped, st.sampled_from(WHOLE), st.integers(0, 2_000), st.integers(0, 255)
)


@given(frames=st.lists(FRAMES, max_size=10))
@example(frames=WHOLE)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_host_acts_on_no_other_type(host: Host, frames: Frames) -> None:
    """Each type that the host acts on is one that the reader named."""
    passed, named = host.readable(frames)
    acted = host.types(passed)
    assert not [one for one in acted if one not in named], (acted, named)


def test_the_host_acts_on_what_the_reader_reads(host: Host) -> None:
    """The other test could not fail if the hosts refused everything: complete messages are acted upon."""
    pull = ['{"msgid":"1","msgtype":"PULL-DOC-REQ"}', "{}", "{}"]
    several: list[Frames] = [[v1("shell", EXECUTE)], [legacy("shell", EXECUTE)], [*pull]]
    for frames in several:
        passed, named = host.readable(frames)
        if named:
            assert host.types(passed) == named


def test_ambiguous_frames_reach_another_action(host: Host) -> None:
    """Without the reader, the host acts on a type that a careless reader would not see."""
    attacks: Frames
    if host.name == "jupyter-v1":
        attacks = [v1("shell", DUPLICATE), v1("stdin", INFO)]
        expected = ["execute_request", "input_reply"]
    elif host.name == "jupyter":
        attacks = [legacy("stdin", INFO)]
        expected = ["input_reply"]
    else:
        attacks = ['{"msgid":"1","msgtype":"ACK","msgtype":"PULL-DOC-REQ"}', "{}", "{}"]
        expected = ["PULL-DOC-REQ"]
    assert host.types([*attacks]) == expected
    passed, named = host.readable([*attacks])
    assert not named or host.name.startswith("bokeh")
    assert "PULL-DOC-REQ" not in named
    assert host.types(passed) == []
