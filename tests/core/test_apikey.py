"""An API key names itself, betrays a typing error, and knows when and from where it counts."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormdoor.core.apikey import PREFIX, ApiKey, compose, key_id

NOW = 1_767_225_600.0
KEY = ApiKey(
    id="0123456789ab",
    hash="00",
    principal_id="sensor",
    name="roof",
    scopes=frozenset({"reading:send"}),
    created_at=NOW,
)
ID, SECRET = compose(2**64 - 1, 2**255 + 12345)


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**256 - 1))
def test_a_composed_key_is_read_back(id_bits: int, secret_bits: int) -> None:
    """A key of any bits has one format, and its id can be read from it."""
    id, key = compose(id_bits, secret_bits)
    assert key_id(key) == id
    assert re.fullmatch(r"sd_[0-9a-z]{12}_[0-9A-Za-z]{49}", key)


@given(st.integers(0, 2**256 - 1), st.integers(0, 2**256 - 1))
def test_no_two_secrets_look_alike(one: int, other: int) -> None:
    """All 256 bits are in the key."""
    assert (compose(7, one) == compose(7, other)) is (one == other)


@pytest.mark.parametrize(
    "text",
    [
        "",
        PREFIX,
        ID,
        SECRET[:-1],
        SECRET + "0",
        SECRET + "\n",
        " " + SECRET,
        SECRET.upper(),
        SECRET.replace("sd_", "sk_", 1),
        SECRET.replace("_", "-"),
        SECRET[:20] + ("a" if SECRET[20] != "a" else "b") + SECRET[21:],
        SECRET[:-1] + ("a" if SECRET[-1] != "a" else "b"),
        SECRET[:5] + "\u0661" + SECRET[6:],
        "\ud800" * 65,
        "a" * 1_000_000,
    ],
    ids=lambda text: ascii(text[:20]),
)
def test_what_is_no_key_has_no_id(text: str) -> None:
    """A wrong length, letter or checksum is found without asking the store."""
    assert key_id(text) is None


@given(st.integers(0, len(SECRET) - 1), st.sampled_from("09azAZ_"))
def test_one_wrong_letter_is_noticed(at: int, letter: str) -> None:
    """The checksum covers every letter of the key, id and prefix included."""
    typo = SECRET[:at] + letter + SECRET[at + 1 :]
    assert key_id(typo) == (ID if typo == SECRET else None)


@given(st.text(st.characters()) | st.from_regex(r"sd_[0-9a-z]{12}_[0-9A-Za-z]{49}", fullmatch=True))
def test_reading_never_raises(text: str) -> None:
    """Any text is a key or is not."""
    assert key_id(text) in {None, text[3:15]}


@pytest.mark.parametrize(
    ("changes", "address", "now", "fault"),
    [
        ({}, "192.0.2.1", NOW, None),
        ({}, "", NOW + 10**9, None),
        ({"expires_at": NOW + 1}, "192.0.2.1", NOW + 0.9, None),
        ({"expires_at": NOW + 1}, "192.0.2.1", NOW + 1, "the key has expired"),
        ({"networks": ("10.0.0.0/8", "2001:db8::/32")}, "10.1.2.3", NOW, None),
        ({"networks": ("10.0.0.0/8", "2001:db8::/32")}, "2001:db8::1", NOW, None),
        ({"networks": ("10.0.0.0/8",)}, "::ffff:10.1.2.3", NOW, None),
        ({"networks": ("10.0.0.0/8",)}, "11.0.0.1", NOW, "its networks are 10.0.0.0/8"),
        ({"networks": ("10.0.0.0/8",)}, "2001:db8::1", NOW, "its networks are 10.0.0.0/8"),
        ({"networks": ("10.0.0.0/8",)}, "", NOW, "its networks are 10.0.0.0/8"),
        ({"networks": ("10.0.0.0/8",)}, "/run/app.sock", NOW, "its networks are 10.0.0.0/8"),
    ],
)
def test_misuse_is_named(
    changes: dict[str, object], address: str, now: float, fault: str | None
) -> None:
    """A key counts until it expires, and from its networks only."""
    found = replace(KEY, **changes).misuse(address, now)  # type: ignore[arg-type]
    assert (found is None) if fault is None else (found is not None and fault in found)


def test_the_id_and_the_checksum_are_part_of_the_key() -> None:
    """The id is in the key, and the last six characters are the CRC-32 of all before them."""
    id, key = compose(2**64 - 1, 2**255 + 12345)
    assert key.startswith(f"{PREFIX}{id}_")
    assert compose(2**64 - 1, 2**255 + 12345) == (id, key)
    assert key_id(key[:-1] + ("0" if key[-1] != "0" else "1")) is None
