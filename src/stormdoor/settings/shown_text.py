"""The rule for a text of the operator that a page of the login shows."""

from __future__ import annotations

import unicodedata

from stormdoor.errors import ConfigurationError

__all__ = ["check_shown_text"]

_CONTROL = frozenset({"Cc", "Cs"})


def check_shown_text(option: str, text: str, most: int) -> None:
    """Check a text.

    Args:
        option: Its name, for the message.
        text: The text.
        most: The greatest number of its characters.

    Raises:
        ConfigurationError: It is longer, or has a control character.
    """
    if len(text) > most or any(unicodedata.category(one) in _CONTROL for one in text):
        raise ConfigurationError(
            f"{option}: write a text of at most {most} characters without control characters"
        )
