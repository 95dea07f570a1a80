"""Messages of Jupyter kernels in their three forms, as clients write them."""

import json
import struct
from typing import Any

__all__ = ["binary", "header", "legacy", "v1"]


def header(type: Any = "execute_request") -> dict[str, Any]:
    """Return the header of a message."""
    return {"msg_id": "1", "msg_type": type, "session": "s", "version": "5.3", "username": "u"}


def v1(channel: str = "shell", head: Any = None, *, extra: tuple[bytes, ...] = ()) -> bytes:
    """Return a message of the subprotocol v1, as JupyterLab writes it."""
    text = head if isinstance(head, str) else json.dumps(header() if head is None else head)
    parts = [channel.encode(), text.encode(), b"{}", b"{}", b'{"code":"1"}', *extra]
    offsets = [8 * (len(parts) + 2)]
    for one in parts:
        offsets.append(offsets[-1] + len(one))
    return struct.pack(f"<Q{len(offsets)}Q", len(offsets), *offsets) + b"".join(parts)


def legacy(channel: object = "shell", head: Any = None) -> str:
    """Return a message of the older JSON form; `...` for one without a channel."""
    found = {
        "header": header() if head is None else head,
        "parent_header": {},
        "metadata": {},
        "content": {},
    }
    return json.dumps(found if channel is ... else {**found, "channel": channel})


def binary(text: str, *buffers: bytes) -> bytes:
    """Return a message of the older binary form."""
    parts = [text.encode(), *buffers]
    offsets = [4 * (len(parts) + 1)]
    for one in parts[:-1]:
        offsets.append(offsets[-1] + len(one))
    return struct.pack(f">I{len(parts)}I", len(parts), *offsets) + b"".join(parts)
