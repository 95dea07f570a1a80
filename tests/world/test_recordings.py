"""The recorded traffic is there, is ordinary use, and holds no payload."""

import json

import pytest

from tests.support.recording import RECORDINGS, read, recorded
from tests.world.recorder.actions import ACTIONS

_NAMES = recorded()


def test_every_action_is_recorded() -> None:
    """Each action of the program that records has its file, and no other file is there."""
    assert sorted(ACTIONS) == _NAMES


@pytest.mark.parametrize("name", _NAMES)
def test_a_recording_has_both_directions_in_the_order_of_time(name: str) -> None:
    """Both sides send, times rise from 0, sizes are not negative, and the versions are named."""
    recording = read(name)
    assert {frame.sender for frame in recording.frames} == {"client", "server"}
    times = [frame.at for frame in recording.frames]
    assert times[0] == 0
    assert times == sorted(times)
    assert min(frame.size for frame in recording.frames) >= 0
    assert "tornado" in recording.versions


def test_no_payload_is_kept() -> None:
    """A line has a time, a sender, a kind and a size, and nothing else."""
    for path in RECORDINGS.glob("*.jsonl"):
        for line in path.read_text("utf-8").splitlines()[1:]:
            assert set(json.loads(line)) == {"at", "from", "kind", "size"}


def _per_second(name: str) -> float:
    sent = [frame.at for frame in read(name).frames if frame.sender == "client"]
    return max(sum(second <= at < second + 1 for at in sent) for second in range(int(sent[-1]) + 1))


def _largest(name: str) -> int:
    return max(frame.size for frame in read(name).frames if frame.sender == "client")


def test_the_recordings_exceed_the_limits_for_typed_commands() -> None:
    """Each is traffic that a limit of 20 messages a second or of 64 KiB cuts off."""
    assert _per_second("bokeh-slider") > 100
    assert _per_second("jupyterlab-run-all-120-cells") > 50
    assert _per_second("jupyterlab-comm-60-per-second") > 50
    assert _per_second("jupyterlab-terminal-key-repeat") > 25
    assert _largest("jupyterlab-cell-of-93-kb") > 65_536
    assert _largest("jupyterlab-terminal-paste-100-kb") > 65_536
    assert _largest("bokeh-upload-200-kb") > 200_000
