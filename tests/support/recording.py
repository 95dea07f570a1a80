"""Recorded WebSocket traffic of real applications: the size and the time of each frame, no payload."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

__all__ = ["RECORDINGS", "Frame", "Recording", "read", "recorded", "write"]

RECORDINGS = Path(__file__).with_name("recordings")
_GZIP_FROM = 200_000  # bytes


@dataclass(frozen=True, slots=True)
class Frame:
    """One message of a connection.

    Attributes:
        at: Seconds since the first frame of the recording.
        sender: Side that sent it.
        kind: Opcode of the message.
        size: Bytes of the payload, before compression.
    """

    at: float
    sender: Literal["client", "server"]
    kind: Literal["text", "binary"]
    size: int


@dataclass(frozen=True, slots=True)
class Recording:
    """The frames of one connection, in order.

    Attributes:
        application: Name of the application.
        versions: Versions of the packages that sent and received, by distribution.
        action: The user's action that was recorded, and how it was driven.
        endpoint: Path of the socket, with identifiers replaced.
        subprotocol: Subprotocol of the handshake's answer; empty for none.
        frames: The frames.
    """

    application: str
    versions: dict[str, str]
    action: str
    endpoint: str
    subprotocol: str
    frames: tuple[Frame, ...]


def recorded() -> list[str]:
    """Return the names of all recordings."""
    return sorted(one.name.partition(".jsonl")[0] for one in RECORDINGS.glob("*.jsonl*"))


def read(name: str) -> Recording:
    """Return the recording `name`.

    Raises:
        FileNotFoundError: There is none of this name.
    """
    packed = RECORDINGS / f"{name}.jsonl.gz"
    if packed.exists():
        text = gzip.decompress(packed.read_bytes()).decode()
    else:
        text = (RECORDINGS / f"{name}.jsonl").read_text("utf-8")
    header, *lines = (json.loads(line) for line in text.splitlines())
    frames = (Frame(one["at"], one["from"], one["kind"], one["size"]) for one in lines)
    return Recording(**header, frames=tuple(frames))


def write(name: str, recording: Recording) -> Path:
    """Write `recording` as `name`, compressed where it is large; return the path."""
    header = {
        "application": recording.application,
        "versions": recording.versions,
        "action": recording.action,
        "endpoint": recording.endpoint,
        "subprotocol": recording.subprotocol,
    }
    lines = [json.dumps(header)]
    for one in recording.frames:
        frame = {"at": round(one.at, 4), "from": one.sender, "kind": one.kind, "size": one.size}
        lines.append(json.dumps(frame))
    text = "\n".join(lines) + "\n"
    RECORDINGS.mkdir(exist_ok=True)
    for old in RECORDINGS.glob(f"{name}.jsonl*"):
        old.unlink()
    if len(text) < _GZIP_FROM:
        path = RECORDINGS / f"{name}.jsonl"
        path.write_text(text, "utf-8")
    else:
        path = RECORDINGS / f"{name}.jsonl.gz"
        path.write_bytes(gzip.compress(text.encode(), mtime=0))
    return path
