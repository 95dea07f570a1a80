"""With what the prober gets into the demo: its people, what they may do, and something to say."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from stormdoor.demo.people import write_private

__all__ = ["write_identities"]

_IDENTITIES = "demo-identities.toml"
_TALK = "demo-talk.txt"
_WHO = ("alice", "ada", "eve")

_POLICY = """\
[action.say]
allow = ["alice", "ada"]

[action.announce]
allow = ["ada"]
"""

# Nothing that lasts: who is connected reads it, and it is gone.
_SAID = """\
>? {"type": "say", "room": "lobby", "text": "good morning"}
> {"type": "announce", "text": "a probe is running"}
"""


def _text(value: str) -> str:
    """A TOML string: JSON's are a part of them."""
    return msgspec.json.encode(value).decode()


def write_identities(data: Path, origin: str, passwords: Mapping[str, str]) -> Path:
    """Write what `stormdoor probe --identities` needs, at every start: the address may be another.

    Args:
        data: The directory of the demo.
        origin: Where the demo listens, such as `http://127.0.0.1:8765`.
        passwords: By principal.

    Returns:
        The file, mode 0600: the passwords are in it.
    """
    write_private(data / _TALK, _SAID)
    login = _text(f"{origin}/auth/login")
    blocks = [
        f"[identity.{name}]\n"
        + (f"replay = {_text(_TALK)}\n" if name == _WHO[0] else "")
        + f"login.url = {login}\n"
        "login.json = true\n"
        f"login.field = {{ username = {_text(name)}, password = {_text(passwords[name])} }}\n"
        for name in _WHO
        if name in passwords
    ]
    path = data / _IDENTITIES
    write_private(path, "\n".join([*blocks, _POLICY]))
    return path
