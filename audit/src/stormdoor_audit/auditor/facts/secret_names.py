"""Names of secrets."""

from stormdoor_audit.auditor.naming.lexicon import words_of
from stormdoor_audit.auditor.naming.words import words

__all__ = ["is_secret_name"]

_SECRETS = words("apikey bearer jwt passphrase passwd password secret token tokens")
_KEYS = frozenset(["api", "access", "auth", "secret", "private", "signing"])
_NO_SECRETS = words(
    """
    bucket budget class completion cost count csrf enabled error expired expires expiry field
    file hash hashed header id invalid kind len length limit max ms name param path per prompt
    required seconds total type types uri url usage valid xsrf
    """
)


def is_secret_name(name: str) -> bool:
    """Return whether a name is that of a secret: a token, a password, a key."""
    words = words_of(name)
    found = set(words)
    if not found or found & _NO_SECRETS:
        return False
    return bool(found & _SECRETS) or (words[-1] == "key" and bool(found & _KEYS))
