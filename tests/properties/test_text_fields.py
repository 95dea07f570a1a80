"""`Line` and `Text` against a slow reading of the Unicode database."""

from __future__ import annotations

import sys
import unicodedata

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from stormdoor.core.message import Line, Text

# Format characters (Cf) that a reader sees, or that spelling needs: everything else of the kind is refused.
_NEEDED = {
    "\xad",  # a hyphen at the end of a line; pasted text is full of them
    *"\u200c\u200d\u200e\u200f",
    *(
        chr(point)
        for block in (
            range(0x600, 0x606),
            (0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD),  # number signs and marks
            range(0x13430, 0x13440),  # hieroglyphs
            range(0x1BCA0, 0x1BCA4),  # shorthand
            range(0x1D173, 0x1D17B),  # notes
        )
        for point in block
    ),
}
_FLAGS = [
    "\U0001f3f4" + "".join(chr(0xE0000 + ord(letter)) for letter in f"{code}\x7f")
    for code in ("gbeng", "gbsct", "gbwls", "ustx")
]
_HIDDEN = "\u200b\u2060\u061c\u180e\u202e\u2066\ufeff\ufff9\U000e0001\U000e0067\U000e007f"


def _accepted(text: str, kind: object) -> bool:
    try:
        return msgspec.convert(text, kind) == text
    except msgspec.ValidationError:
        return False


def _is_shown(character: str) -> bool:
    if unicodedata.category(character) == "Cf":
        return character in _NEEDED
    hidden = 0xE0000 <= ord(character) < 0xE0080 or character in "\ufff9\ufffa\ufffb"
    return not hidden and unicodedata.category(character) not in {"Cc", "Zl", "Zp"}


def test_every_character_alone() -> None:
    """The ranges say what the Unicode database of this Python says, character by character."""
    for point in range(sys.maxunicode + 1):
        character = chr(point)
        # A later database may know a character that an earlier one does not.
        if unicodedata.category(character) == "Cn" or 0xD800 <= point < 0xE000:
            continue
        shown = _is_shown(character)
        assert _accepted(character, Line) is shown, ascii(character)
        assert _accepted(character, Text) is (shown or character in "\t\n\r"), ascii(character)


@given(
    st.lists(
        st.one_of(
            st.text(st.characters(exclude_categories=["Cs", "Cn"]), max_size=5),
            st.sampled_from(_FLAGS),
            st.sampled_from(["\U0001f3f4", *_HIDDEN]),
        ),
        max_size=12,
    )
)
def test_flag_does_not_allow_other_characters(parts: list[str]) -> None:
    """A text is accepted if all of it is, once the flags are taken out of it."""
    text = "".join(parts)
    rest = text
    for flag in _FLAGS:
        rest = rest.replace(flag, "\U0001f3f4")
    shown = all(map(_is_shown, rest))
    assert _accepted(text, Line) is shown
    assert _accepted(text, Text) is all(_is_shown(c) or c in "\t\n\r" for c in rest)


@given(st.text(st.characters(codec="ascii"), max_size=100))
def test_ascii(text: str) -> None:
    """Of ASCII, a line has what can be printed."""
    assert _accepted(text, Line) is all(" " <= letter <= "~" for letter in text)
