"""Transcripts are evidence, and are passed on: no credential may be in them."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["Redactor"]

_JWT = re.compile(r"\beyJ[\w-]+\.[\w-]*\.?[\w-]*")
_COOKIE = re.compile(r"^((?:Set-)?Cookie: .+)$", re.IGNORECASE)
_PAIR = re.compile(r"(=)[^;\s]+")
_SHORTEST = 4


class Redactor:
    """Replaces what is secret.

    Args:
        secrets: Texts that must not be shown. Shorter ones than four characters are left: they are no
            secrets, and would be found everywhere.
        always: Texts that must not be shown, however short they are: the owner keeps them in a file or in
            the environment.
    """

    def __init__(self, secrets: Iterable[str], always: Iterable[str] = ()) -> None:
        self._secrets: list[str] = [one for one in always if one]
        self.add(secrets)

    def add(self, secrets: Iterable[str]) -> None:
        """Add texts that are secret from now on."""
        found = {one for one in secrets if len(one) >= _SHORTEST}
        # The longest first: one secret may be the beginning of another.
        self._secrets = sorted(found.union(self._secrets), key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """`text` without them."""
        if cookie := _COOKIE.match(text):
            return _PAIR.sub(r"\1<redacted>", cookie[1])
        for one in self._secrets:
            text = text.replace(one, "<redacted>")
        return _JWT.sub("<token>", text)
