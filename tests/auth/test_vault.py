"""Sealed secrets open with their key, for their purpose, unchanged, and not otherwise."""

import pytest

from stormdoor.auth.vault import Opened, Vault
from stormdoor.errors import ConfigurationError

OLD, NEW = b"o" * 32, b"n" * 32


def test_a_secret_comes_back() -> None:
    """With the same key, for the same purpose; two seals of one secret differ."""
    vault = Vault([NEW])
    first, second = (vault.seal(b"secret", belongs_to="alice") for _ in range(2))
    assert first != second
    assert vault.open(first, belongs_to="alice") == Opened(b"secret", stale=False)
    assert "secret" not in first
    assert "secret" not in repr(vault.open(first, belongs_to="alice"))
    assert "nnn" not in repr(vault)


def test_nothing_opens_it_for_somebody_else() -> None:
    """INVARIANT: whoever can write to the store cannot give one account the secret of another."""
    vault = Vault([NEW])
    assert vault.open(vault.seal(b"secret", belongs_to="mallory"), belongs_to="alice") is None


@pytest.mark.parametrize("position", range(0, 60, 7))
def test_a_changed_one_does_not_open(position: int) -> None:
    """Whatever character is changed."""
    vault = Vault([NEW])
    sealed = vault.seal(b"secret", belongs_to="alice")
    changed = sealed[:position] + ("A" if sealed[position] != "A" else "B") + sealed[position + 1 :]
    assert vault.open(changed, belongs_to="alice") is None


@pytest.mark.parametrize(
    "sealed", ["", "v1", "v1..", "v1.00000000.AAAA", "v2.x.y", "\ud800", "é.é.é"]
)
def test_what_was_never_sealed_does_not_open(sealed: str) -> None:
    """And raises nothing."""
    assert Vault([NEW]).open(sealed, belongs_to="alice") is None


def test_keys_are_rotated() -> None:
    """The new key seals; the old one still opens and says so; without it nothing opens."""
    old = Vault([OLD]).seal(b"secret", belongs_to="alice")
    both = Vault([NEW, OLD])
    assert both.open(old, belongs_to="alice") == Opened(b"secret", stale=True)
    new = both.seal(b"secret", belongs_to="alice")
    assert Vault([NEW]).open(new, belongs_to="alice") == Opened(b"secret", stale=False)
    assert Vault([NEW]).open(old, belongs_to="alice") is None


@pytest.mark.parametrize(
    ("keys", "says"),
    [([], "needs a key"), ([b"short"], "fewer than 32"), ([NEW, NEW], "twice")],
)
def test_bad_keys_are_refused(keys: list[bytes], says: str) -> None:
    """With what to do, and without the key."""
    with pytest.raises(ConfigurationError, match=says) as refusal:
        Vault(keys)
    assert "short" not in str(refusal.value).replace("shorter", "")
