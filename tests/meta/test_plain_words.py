"""Prose names its actors: the client, the server, the handler, the operator, an attacker."""

import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from functools import cache

import pytest

from tests.support.project import ROOT
from tests.support.prose import Passage, docstrings, passages, sentence_at

# To read all prose of the project takes ten seconds: one worker reads it, once.
pytestmark = [pytest.mark.unmeasured, pytest.mark.xdist_group("prose")]

VAGUE = re.compile(
    r"\b(?:some|no|any|every)body\b|\bsomeone\b|\bwho(?:ever|m|se)\b|\bwh(?:at|ich)ever\b|\bsomewhere\b",
    re.IGNORECASE,
)
"""Pronouns that hide the actor of a sentence."""

OPENING = re.compile(r"(?:what|who|whom|whose|where|whether|how|why|which)\b", re.IGNORECASE)
"""Words that make the first line of a docstring a question."""

MOST_OPENINGS = 0.03

ASKING = {"audit/audit_tests/auditor"}
"""Folders of code with more such docstrings. A folder may only be removed."""

ALLOWED = tomllib.loads((ROOT / "tests" / "meta" / "vague_words.toml").read_text("utf-8"))
"""Passages with such a pronoun in each folder that is not plain yet. A number may only be lowered."""

EXCEPTIONS = {
    ("CONTRIBUTING.md", "Do not write"): "names the words that it forbids",
    ("docs/decisions/index.md", "0027-an-open-door"): "the name of a file",
}
"""A file and a part of its sentence, with the reason why it may contain such a pronoun."""


@cache
def _prose() -> list[Passage]:
    return list(passages(VAGUE, only=ASKING))


def _hidden_actors(found: list[Passage]) -> Iterator[tuple[Passage, str]]:
    """Yield each passage with a vague pronoun, and the sentence that contains it."""
    for passage in found:
        match = VAGUE.search(passage.text)
        if match is None:
            continue
        sentence = sentence_at(passage.text, match.start())
        if not any(passage.path == path and part in sentence for path, part in EXCEPTIONS):
            yield passage, f"{passage.path}:{passage.line}: {match[0]!r} in: {sentence[:300]}"


def _too_many(found: list[Passage], allowed: dict[str, int]) -> list[str]:
    """Return the sentences of each folder that has more of them than allowed."""
    by_folder: dict[str, list[str]] = {}
    for passage, message in _hidden_actors(found):
        by_folder.setdefault(passage.folder, []).append(message)
    return [
        message
        for folder, messages in by_folder.items()
        if len(messages) > allowed.get(folder, 0)
        for message in messages[:20]
    ]


def test_prose_names_its_actors() -> None:
    """No docstring, comment or page has a vague pronoun, except in folders that are not plain yet."""
    found = _too_many(_prose(), ALLOWED)
    assert not found, "name the actor (client, server, handler, operator, attacker):\n" + "\n".join(
        found
    )


def test_allowances_shrink() -> None:
    """A folder with fewer than half of its allowance gets a lower one; a plain folder gets none."""
    counted = Counter(passage.folder for passage, _ in _hidden_actors(_prose()))
    loose = {one: counted[one] for one, most in ALLOWED.items() if counted[one] <= most // 2}
    assert not loose, f"lower these numbers in tests/meta/vague_words.toml: {loose}"


def test_docstrings_do_not_open_with_a_question() -> None:
    """At most 3 % of the docstrings of a folder open with What, Who, Whether and the like."""
    of_folder: dict[str, list[Passage]] = {}
    for one in docstrings(_prose()):
        of_folder.setdefault(one.folder, []).append(one)
    asking = {
        folder: [f"{one.path}:{one.line}: {one.text[:80]}" for one in asked]
        for folder, found in of_folder.items()
        if folder.startswith(("src/", "tests/", "audit/")) and folder not in ASKING
        if len(asked := [one for one in found if OPENING.match(one.text)])
        > MOST_OPENINGS * len(found)
    }
    assert not asking


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        (
            "The guard asks. Whoever has no token is refused. It logs that.",
            "Whoever has no token is refused.",
        ),
        ("Return the owner, or None if it is somebody else's.", "somebody else's."),
        ("Refuse it, whatever the status is.", "whatever the status is."),
    ],
)
def test_a_vague_pronoun_is_quoted_in_its_sentence(text: str, quoted: str) -> None:
    """The message contains the sentence with the pronoun."""
    [found] = _too_many([Passage("src/stormdoor/guard/x.py", 3, text)], {})
    assert found.startswith("src/stormdoor/guard/x.py:3: ")
    assert found.endswith(quoted)


def test_an_allowance_is_a_number() -> None:
    """A folder may have as many passages as allowed, and one more fails."""
    two = [
        Passage("audit/src/stormdoor_audit/prober/x.py", line, "Nobody asks.") for line in (1, 2)
    ]
    assert not _too_many(two, {"audit/src/stormdoor_audit/prober": 2})
    assert len(_too_many(two, {"audit/src/stormdoor_audit/prober": 1})) == 2
