"""`LoginAppearance`: the name, the colour and the notice of the login's pages."""

from __future__ import annotations

import re
from dataclasses import dataclass

from stormdoor.errors import ConfigurationError
from stormdoor.settings.shown_text import check_shown_text

__all__ = ["LoginAppearance", "contrast", "readable_on"]

_HEX = re.compile(r"#(?:[0-9a-f]{3}|[0-9a-f]{6})", re.ASCII | re.IGNORECASE)
_MOST_NAME, _MOST_NOTICE = 60, 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginAppearance:
    """The look of the built-in pages of the login.

    Attributes:
        name: Name of the application, above the form and in the title. At most 60 characters.
        color: Colour of the buttons: `#1a5fb4` or `#15b`. The text on them is black or white, so that it is
            readable on each colour.
        notice: Text above the form, such as a planned downtime. Plain text of at most 1000 characters, with
            its line ends.
    """

    name: str = ""
    color: str = ""
    notice: str = ""

    def __post_init__(self) -> None:
        """Reject values that no page can show.

        Raises:
            ConfigurationError: A value is wrong; the message begins with its name.
        """
        if self.color and not _HEX.fullmatch(self.color):
            raise ConfigurationError(
                f'color: {self.color!r} is no colour; write six hexadecimal digits: color = "#1a5fb4"'
            )
        check_shown_text("name", self.name, _MOST_NAME)
        check_shown_text("notice", self.notice.replace("\n", ""), _MOST_NOTICE)


def _luminance(color: str) -> float:
    """Return the relative luminance of a colour, 0.0 to 1.0 (WCAG 2.2)."""
    digits = color[1:] if len(color) == 7 else "".join(2 * one for one in color[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = [
        one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts
    ]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, 1.0 to 21.0; text needs 4.5 (WCAG 2.2 §1.4.3)."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def readable_on(color: str) -> str:
    """Return black or white, the one with the greater contrast on a colour: at least 4.58."""
    return max("#fff", "#000", key=lambda text: contrast(text, color))
