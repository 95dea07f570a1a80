"""Second factors in a configuration file: options, the key, several keys, and what is wrong with them."""

from pathlib import Path

import pytest

from stormdoor import Guard, SecondFactor
from stormdoor.errors import ConfigurationError
from tests.config.files import write

OLD, NEW = "o" * 32, "n" * 64


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLD_KEY", OLD)
    monkeypatch.setenv("NEW_KEY", NEW)
    monkeypatch.setenv("SHORT_KEY", "short")


def test_options(tmp_path: Path) -> None:
    """Each option of the table is set on the guard."""
    text = """
origins = ["https://app.example.com"]
secrets_key = { env = "NEW_KEY" }
[second_factor]
name = "Example Bank"
rp_id = "example.com"
pending_seconds = 120
fresh_seconds = 60
"""
    guard = Guard.from_config(write(tmp_path, text))
    options = guard.factors.options
    assert (options.name, options.rp_id) == ("Example Bank", "example.com")
    assert (options.pending_seconds, options.fresh_seconds) == (120, 60)
    assert guard.factors.has_key


def test_no_key_no_totp(tmp_path: Path) -> None:
    """Left out, there is none."""
    assert not Guard.from_config(write(tmp_path, "")).factors.has_key


def test_keys_are_rotated(tmp_path: Path) -> None:
    """A list of keys opens secrets of the old key, and seals with the first one."""
    old = Guard.from_config(write(tmp_path, 'secrets_key = { env = "OLD_KEY" }'))
    both = Guard.from_config(
        write(tmp_path, 'secrets_key = [{ env = "NEW_KEY" }, { env = "OLD_KEY" }]')
    )
    sealed = old.factors._parts.needed_secret_box().seal(b"x", belongs_to="y")
    opened = both.factors._parts.needed_secret_box().open(sealed, belongs_to="y")
    assert opened is not None
    assert opened.stale


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('secrets_key = { env = "SHORT_KEY" }', "fewer than 32 bytes"),
        ('secrets_key = { env = "NO_KEY" }', "NO_KEY is not set"),
        ('secrets_key = "the key itself, which is long enough"', "does not stand in this file"),
        ("secrets_key = []", "needs a key"),
        ('secrets_key = [{ env = "NEW_KEY" }, { env = "NEW_KEY" }]', "twice"),
        ('secrets_key = [{ env = "NEW_KEY", x = 1 }]', "no option 'x'"),
        ('secrets_key = { insecure_inline = "0123456789abcdef0123456789abcdef" }', "production"),
        ("[second_factor]\npending_seconds = 1", "pending_seconds must be 30 to 3600"),
        ("[second_factor]\nnames = 1", 'did you mean "name"'),
    ],
)
def test_what_is_wrong(text: str, says: str, tmp_path: Path) -> None:
    """A mistake is reported without the secret."""
    with pytest.raises(ConfigurationError, match=says) as refusal:
        Guard.from_config(write(tmp_path, text))
    for secret in (OLD, NEW, "the key itself"):
        assert secret not in str(refusal.value)


@pytest.mark.parametrize(
    ("rp_id", "fits"),
    [
        ("example.com", True),
        ("app.example.com", True),
        ("le.com", False),
        ("other.example", False),
        ("www.app.example.com", False),
    ],
)
def test_rp_id_fits_the_pages(rp_id: str, fits: bool) -> None:
    """One that no page belongs to is refused at the start, and not at the first passkey."""
    options = SecondFactor(rp_id=rp_id)
    if fits:
        Guard(origins=["https://app.example.com"], second_factor=options)
        return
    with pytest.raises(ConfigurationError, match="rp_id"):
        Guard(origins=["https://app.example.com"], second_factor=options)
