"""Remove the reference of a refusal, which is new each time, from an answer that a test compares."""

from __future__ import annotations

import re
from typing import TypeVar

from stormdoor.guard.references import is_reference

__all__ = ["without_reference"]

T = TypeVar("T", str, bytes, dict[str, object])

_REFERENCE = "[0-9A-HJKMNP-TV-Z]{10}"
_IN_TEXT = re.compile(
    f'(?:; reference |[?&]ref=){_REFERENCE}(?![0-9A-Z])|<p class="ref">[^<]* <b>{_REFERENCE}</b></p>'
)
_IN_BYTES = re.compile(_IN_TEXT.pattern.encode())


def without_reference(said: T) -> T:
    """Return a text, a body or a JSON object without its reference.

    Args:
        said: The answer that the client got. INVARIANT: it has exactly one reference; else the test fails.

    Raises:
        AssertionError: It has no valid reference, or several.
    """
    if isinstance(said, dict):
        ref = said.get("ref")
        assert isinstance(ref, str)
        assert is_reference(ref)
        return {name: told for name, told in said.items() if name != "ref"}
    if isinstance(said, bytes):
        text, found = _IN_BYTES.subn(b"", said)
        assert found == 1, said
        return text
    plain, found = _IN_TEXT.subn("", said)
    assert found == 1, said
    return plain
