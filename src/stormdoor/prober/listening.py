"""What is heard while something happens: what goes on, and what somebody else says."""

from __future__ import annotations

import secrets
from dataclasses import replace

from stormdoor.prober.conversation import Ask, Client, Conversation
from stormdoor.prober.decide import Baseline
from stormdoor.prober.delivered import text_of

__all__ = ["PATIENCE", "lasting", "overheard"]

PATIENCE = 3.0
"""Of the time to listen: what goes on may come only now and then."""


async def lasting(client: Client, ask: Ask) -> frozenset[str]:
    """What is still delivered on a socket that has been open for a while, and whose credential is good.

    What comes once, when the socket opens, says nothing about whether it goes on.
    """

    async def nothing() -> None:
        """The credential is not ended: this is the control."""

    return (await client.converse(replace(ask, later=nothing, patience=PATIENCE))).delivered


async def overheard(
    client: Client, base: Baseline, listener: Ask, speaker: Ask
) -> Conversation | None:
    """What the listener hears of what the speaker says, proven twice with a word that nobody else knows.

    Args:
        client: Connects. One of its messages must hold `{unique}`.
        base: What the owner sees, who must hear the word, too: otherwise nothing is said of it.
        listener: Opens first, and says what it says itself.
        speaker: Speaks while the listener listens.

    Returns:
        The listener's second conversation; None where it did not hear the word both times.
    """
    if not base.owner or not any("{unique}" in one for one in client.say):
        return None
    heard = Conversation()
    for _ in range(2):
        word = secrets.token_hex(6)

        async def speak(word: str = word) -> None:
            await client.converse(replace(speaker, unique=word))

        heard = await client.converse(replace(listener, later=speak, overhears=True))
        if not any(word in text_of(message) for message in heard.messages):
            return None
    return heard
