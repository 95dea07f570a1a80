"""Permissions are exact, and a pattern grants what it names and nothing beside it."""

import pytest

from stormdoor.core.permission import check_pattern, check_permission, expand, granted
from stormdoor.errors import PolicyError

WELL_FORMED = ["chat", "chat:say", "chat:room:say", "a", "0", "chat.v2:say-all_now", "a" * 128]

ILL_FORMED = [
    "",
    " ",
    ":",
    "chat:",
    ":say",
    "chat::say",
    "Chat:say",
    "chat:Say",
    "chat say",
    "chat:say ",
    " chat:say",
    "chat:say\n",
    "chat:say\x00",
    "chat\n:say",
    "chat/say",
    "chat,say",
    "-chat:say",
    "chat:-say",
    ".chat",
    "_chat",
    "chat:*:say",
    "chat*",
    "chat:s*",
    "*:say",
    "**",
    "chat:**",
    "chat:say*",
    "?",
    "chat:?",
    "[a-z]",
    "сhat:say",  # noqa: RUF001 - the first letter is Cyrillic
    "chat:say\u200b",
    "chat:\uff53ay",
    "chát",
    "chat\u0661",
    "a" * 129,
    "a" * 1_000_000,
    "a:" * 500_000,
]


@pytest.mark.parametrize("text", WELL_FORMED)
def test_permission_is_returned(text: str) -> None:
    """A well-formed permission comes back as it is."""
    assert check_permission(text) == text


@pytest.mark.parametrize("text", [*ILL_FORMED, "*", "chat:*"], ids=lambda text: ascii(text[:20]))
def test_ill_formed_permission_is_refused(text: str) -> None:
    """A permission has the form `noun:verb` in lower-case ASCII, and a pattern is no permission."""
    with pytest.raises(PolicyError, match="is not a permission; write it like"):
        check_permission(text)


@pytest.mark.parametrize("text", [*WELL_FORMED, "*", "chat:*", "chat:room:*"])
def test_pattern_is_returned(text: str) -> None:
    """A permission, `*`, and a permission that ends in `:*` are patterns."""
    assert check_pattern(text) == text


@pytest.mark.parametrize("text", ILL_FORMED, ids=lambda text: ascii(text[:20]))
def test_ill_formed_pattern_is_refused(text: str) -> None:
    """A star counts only as the whole pattern or as its last part."""
    with pytest.raises(PolicyError, match="is not a permission pattern; write"):
        check_pattern(text)


@pytest.mark.parametrize(
    ("permission", "patterns"),
    [
        ("chat", ("chat", "*")),
        ("chat:say", ("chat:say", "chat:*", "*")),
        ("chat:room:say", ("chat:room:say", "chat:room:*", "chat:*", "*")),
    ],
)
def test_expand_lists_every_pattern(permission: str, patterns: tuple[str, ...]) -> None:
    """The patterns that grant a permission come the most exact first."""
    assert expand(permission) == patterns


@pytest.mark.parametrize(
    ("permission", "patterns", "expected"),
    [
        pytest.param("chat:say", {"chat:say"}, True, id="exact"),
        pytest.param("chat:say", {"chat:*"}, True, id="noun-star"),
        pytest.param("chat:say", {"*"}, True, id="star"),
        pytest.param("chat:room:say", {"chat:*"}, True, id="star-spans-parts"),
        pytest.param("chat:say", set(), False, id="nothing"),
        pytest.param("chat:say", {""}, False, id="empty-pattern"),
        pytest.param("chat:say", {"chat:sa"}, False, id="part-of-a-word"),
        pytest.param("chat:say", {"chat:say:*"}, False, id="longer-pattern"),
        pytest.param("chat", {"chat:*"}, False, id="noun-without-verb"),
        pytest.param("chatadmin:wipe", {"chat:*"}, False, id="noun-with-the-same-start"),
        pytest.param("chatadmin:wipe", {"chat*"}, False, id="star-inside-a-word"),
        pytest.param("chat:say", {"chat"}, False, id="noun-alone"),
        pytest.param("chat:say", {"*:say"}, False, id="star-in-front"),
        pytest.param("chat:say", {"CHAT:SAY"}, False, id="upper-case"),
        pytest.param("chat:say", {"chat:say\n"}, False, id="newline"),
    ],
)
def test_granted(permission: str, patterns: set[str], expected: bool) -> None:
    """A pattern grants a permission only by being in its expansion."""
    assert granted(permission, patterns) is expected


@pytest.mark.parametrize("text", ["chat:*", "admin:* chat:say", "say *", "***"])
def test_a_text_is_one_pattern(text: str) -> None:
    """A text in place of a list is not taken letter by letter, where `*` would grant everything."""
    assert not granted("trail:read", text)


def test_a_text_that_is_the_permission_grants_it() -> None:
    """A text in place of a list is the one pattern that it spells."""
    assert granted("chat:say", "chat:*")
