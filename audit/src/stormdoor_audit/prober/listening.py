"""Messages that a client hears while something happens: a feed that goes on, and what other clients say."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import replace

from stormdoor_audit.prober.conversation import Ask, Client, Conversation
from stormdoor_audit.prober.decide import Baseline
from stormdoor_audit.prober.delivered import text_of

__all__ = ["PATIENCE", "lasting", "overheard"]

PATIENCE = 3.0
"""Of the time to listen: what goes on may come only now and then."""


async def lasting(
    client: Client, ask: Ask, meanwhile: Callable[[], Awaitable[None]] | None = None
) -> Conversation:
    """Listen to a socket that has been open for a while, with a credential that stays good.

    What comes once, when the socket opens, says nothing about whether it goes on.

    Args:
        client: Connects.
        ask: The owner of the socket.
        meanwhile: What happens while it is listened to.
    """

    async def nothing() -> None:
        """The credential is not ended: this is the control."""

    control = replace(ask, later=nothing, meanwhile=meanwhile, patience=PATIENCE)
    return await client.converse(control)


async def overheard(
    client: Client, base: Baseline, listener: Ask, speaker: Ask
) -> Conversation | None:
    """Listen with one client while another speaks, twice.

    It is a word that the speaker has made up (`{unique}` in its message), or a message in the form that only
    the owner gets.

    Args:
        client: Connects.
        base: What the owner sees.
        listener: Opens first, and says what it says itself.
        speaker: Speaks while the listener listens.

    Returns:
        The listener's second conversation; None where it did not hear it both times.
    """
    if not base.owner or not client.say:
        return None
    marked = any("{unique}" in one for one in client.say)
    wanted = base.delivered - base.nobody.delivered
    heard = Conversation()
    for _ in range(2):
        word = secrets.token_hex(6)

        async def speak(word: str = word) -> None:
            await client.converse(replace(speaker, unique=word))

        heard = await client.converse(replace(listener, later=speak, overhears=True))
        hears = (
            any(word in text_of(message) for message in heard.messages)
            if marked
            else bool(heard.delivered & wanted)
        )
        if not hears:
            return None
    return heard
