"""Protocol packs: how a conversation opens, and which message proves that the client may use it.

One TOML file for each protocol. A pack is chosen by the subprotocol that the server has agreed to, or by the
path; it speaks only where the operator has given no message.
"""

from __future__ import annotations

import re
import secrets
import time
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

from stormdoor_audit.prober.delivered import in_text

__all__ = ["PACKS", "Pack", "fitting", "in_words"]


@dataclass(frozen=True, slots=True)
class Pack:
    """A protocol.

    Args:
        name: Of the file.
        protocols: Subprotocols that a client offers.
        path: Pattern of the paths at which it is spoken; "" where the subprotocol tells.
        greets: Pattern of the server's first message, where it alone tells which protocol is spoken.
        say: Messages that open a conversation, and ask for something harmless.
        again: Messages that may be said once more in the same conversation; `say` where it is left out.
        named: Pattern of a part of the endpoint in the scripts of its pages, such as a namespace.
        say_named: Messages that open a part, with its name as `{name}`.
        delivered: Pattern of a message that proves use; binary ones are matched as `hex:…`.
        denied: Pattern of a message that refuses the client; "" where the close frame tells.
        credential: Pattern of a message that refuses it for want of a credential, and for nothing else.
        left: Pattern of a message with which the server ends the conversation, and not the socket: `say` may
            open another.
        guess: The words may be those of another protocol than the endpoint's; if the server hangs up on them,
            that says nothing.
        waits: The server speaks first, and drops a client that does not wait for it.
        token: Fields of a token that any client can make; empty where there is none.
    """

    name: str
    say: tuple[str, ...]
    delivered: str
    protocols: tuple[str, ...] = ()
    path: str = ""
    greets: str = ""
    again: tuple[str, ...] | None = None
    named: str = ""
    say_named: tuple[str, ...] = ()
    denied: str = ""
    credential: str = ""
    left: str = ""
    guess: bool = False
    waits: bool = False
    token: Mapping[str, Any] = field(default_factory=dict)

    def made_token(self, seconds: int) -> dict[str, Any]:
        """Return a token that is valid for so many seconds."""
        values = {"{random}": secrets.token_hex(20), "{later}": int(time.time()) + seconds}
        return {name: values.get(value, value) for name, value in self.token.items()}


@cache
def _read() -> tuple[Pack, ...]:
    files = (one for one in resources.files(__name__).iterdir() if one.name.endswith(".toml"))
    found = []
    for file in sorted(files, key=lambda one: one.name):
        read = tomllib.loads(file.read_text("utf-8"))
        for name in ("say", "protocols", "say_named"):
            read[name] = tuple(read.get(name, ()))
        if "again" in read:
            read["again"] = tuple(read["again"])
        found.append(Pack(name=file.name.removesuffix(".toml"), **read))
    return tuple(found)


PACKS: tuple[Pack, ...] = _read()
"""Every pack, by name."""


def in_words(message: str | bytes) -> str:
    """A message as the patterns see it: text, also in a binary frame, or hexadecimal."""
    text = in_text(message)
    return text if isinstance(text, str) else f"hex:{text.hex()}"


def fitting(path: str, agreed: tuple[str, ...], heard: Sequence[str | bytes] = ()) -> Pack | None:
    """Return the pack of an endpoint, or None.

    Args:
        path: Of the endpoint, without its query.
        agreed: The subprotocols that the server has agreed to.
        heard: The first messages of the server.
    """
    greeting = in_words(heard[0]) if heard else ""
    for pack in PACKS:
        if (
            set(agreed) & set(pack.protocols)
            or (pack.path and re.search(pack.path, path))
            or (pack.greets and re.search(pack.greets, greeting))
        ):
            return pack
    return None
