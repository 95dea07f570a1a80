"""The identities of the demo for the prober: users, permissions, and messages to send."""

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

# Without lasting effect: connected users read it, and it is not stored.
_SAID = """\
>? {"type": "say", "room": "lobby", "text": "good morning"}
> {"type": "announce", "text": "a probe is running"}
"""


def _text(value: str) -> str:
    """Return a TOML string: JSON strings are a subset."""
    return msgspec.json.encode(value).decode()


def write_identities(data: Path, origin: str, passwords: Mapping[str, str]) -> Path:
    """Write the file for `stormdoor probe --identities` at every start, because the address may change.

    Args:
        data: The directory of the demo.
        origin: Address of the demo, such as `http://127.0.0.1:8765`.
        passwords: Passwords by principal.

    Returns:
        The file, mode 0600, because it contains the passwords.
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
