"""Common passwords that attackers try first (ASVS 6.2.4), eight characters and longer, in lower case.

The 6,000 most frequent ones in public leaks that are long enough to be accepted here, and some more. An
installation adds its own, such as the names of its products: `Passwords(common=…)`.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

__all__ = ["common_passwords"]


@cache
def common_passwords() -> frozenset[str]:
    """Return all common passwords. The file is read at the first use."""
    text = (files("stormdoor.auth.password") / "common_passwords.txt").read_text(encoding="utf-8")
    _, _, passwords = text.partition("\n----\n")
    return frozenset(passwords.split())
