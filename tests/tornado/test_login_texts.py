"""The texts of the login's pages in each language."""

from __future__ import annotations

import re

import pytest

from stormdoor.tornado import login_texts
from stormdoor.tornado.login_texts import LANGUAGES, texts_in


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_has_all_texts(language: str) -> None:
    """Same names, same placeholders, nothing empty, nothing that HTML would read as markup."""
    english, texts = texts_in("en"), texts_in(language)
    assert list(texts) == list(english)
    for name, text in texts.items():
        assert re.findall(r"\{\w*\}", text) == re.findall(r"\{\w*\}", english[name])
        assert text.strip() == text != ""
        assert not set('<>&"') & set(text)
        assert language == "en" or name in ("lang", "name") or text != english[name]


def test_each_file_is_a_language() -> None:
    """No file is forgotten in the list."""
    files = {one.stem for one in login_texts._FOLDER.iterdir()}
    assert files == set(LANGUAGES)
