"""The texts of the login's pages: one file for each language in the folder `login_texts`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

__all__ = ["LANGUAGES", "preferred_language", "texts_in"]

LANGUAGES = ("en", "de", "fr", "es", "zh", "ja")
"""The languages of the pages; the first one is for browsers that name none of them."""

_FOLDER = Path(__file__).with_name("login_texts")
_MOST_CHARACTERS = 500


def preferred_language(accepted: str) -> str:
    """Return the language of the pages that a browser prefers.

    Args:
        accepted: Its header `Accept-Language` (RFC 9110 §12.5.4). `de-AT` counts as `de`.
    """
    best, found = 0.0, LANGUAGES[0]
    for one in accepted[:_MOST_CHARACTERS].split(","):
        tag, _, weight = one.partition(";")
        language = tag.strip().lower().partition("-")[0]
        try:
            quality = float(weight.strip().removeprefix("q=") or "1")
        except ValueError:
            continue
        if language in LANGUAGES and best < quality <= 1.0:
            best, found = quality, language
    return found


@lru_cache(maxsize=len(LANGUAGES))
def texts_in(language: str) -> Mapping[str, str]:
    """Return the texts in a language of `LANGUAGES`, by name; `lang` is the tag for the page."""
    return tomllib.loads((_FOLDER / f"{language}.toml").read_text("utf-8"))
