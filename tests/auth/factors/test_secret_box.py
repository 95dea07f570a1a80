"""Sealed secrets open with their key, for their purpose, unchanged, and not otherwise."""

import pytest

from stormdoor.auth.factors.secret_box import SecretBox, Unsealed
from stormdoor.errors import ConfigurationError

OLD, NEW = b"o" * 32, b"n" * 32


def test_a_secret_comes_back() -> None:
    """The same key and context decrypt a secret; two encryptions of one secret differ."""
    secret_box = SecretBox([NEW])
    first, second = (secret_box.seal(b"secret", belongs_to="alice") for _ in range(2))
    assert first != second
    assert secret_box.open(first, belongs_to="alice") == Unsealed(b"secret", stale=False)
    assert "secret" not in first
    assert "secret" not in repr(secret_box.open(first, belongs_to="alice"))
    assert "nnn" not in repr(secret_box)


def test_secret_opens_only_for_its_account() -> None:
    """INVARIANT: an attacker who can write to the store cannot give one account the secret of another."""
    secret_box = SecretBox([NEW])
    assert (
        secret_box.open(secret_box.seal(b"secret", belongs_to="mallory"), belongs_to="alice")
        is None
    )


@pytest.mark.parametrize("position", range(0, 60, 7))
def test_a_changed_one_does_not_open(position: int) -> None:
    """A change of any character."""
    secret_box = SecretBox([NEW])
    sealed = secret_box.seal(b"secret", belongs_to="alice")
    changed = sealed[:position] + ("A" if sealed[position] != "A" else "B") + sealed[position + 1 :]
    assert secret_box.open(changed, belongs_to="alice") is None


@pytest.mark.parametrize(
    "sealed", ["", "v1", "v1..", "v1.00000000.AAAA", "v2.x.y", "\ud800", "é.é.é"]
)
def test_what_was_never_sealed_does_not_open(sealed: str) -> None:
    """A text that was never encrypted gives None, not an exception."""
    assert SecretBox([NEW]).open(sealed, belongs_to="alice") is None


def test_keys_are_rotated() -> None:
    """The new key seals; the old one still opens and says so; without it nothing opens."""
    old = SecretBox([OLD]).seal(b"secret", belongs_to="alice")
    both = SecretBox([NEW, OLD])
    assert both.open(old, belongs_to="alice") == Unsealed(b"secret", stale=True)
    new = both.seal(b"secret", belongs_to="alice")
    assert SecretBox([NEW]).open(new, belongs_to="alice") == Unsealed(b"secret", stale=False)
    assert SecretBox([NEW]).open(old, belongs_to="alice") is None


@pytest.mark.parametrize(
    ("keys", "says"),
    [([], "needs a key"), ([b"short"], "fewer than 32"), ([NEW, NEW], "twice")],
)
def test_bad_keys_are_refused(keys: list[bytes], says: str) -> None:
    """The error of a bad key names the remedy, and does not contain the key."""
    with pytest.raises(ConfigurationError, match=says) as refusal:
        SecretBox(keys)
    assert "short" not in str(refusal.value).replace("shorter", "")
