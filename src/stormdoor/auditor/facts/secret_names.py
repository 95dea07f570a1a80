"""Names of what nobody else may know."""

from stormdoor.auditor.naming.lexicon import words_of

__all__ = ["is_secret_name"]

_SECRETS = frozenset(
    ["token", "tokens", "jwt", "password", "passwd", "passphrase", "secret", "bearer", "apikey"]
)
_KEYS = frozenset(["api", "access", "auth", "secret", "private", "signing"])
_NO_SECRETS = frozenset(
    [
        "csrf",
        "xsrf",
        "type",
        "types",
        "name",
        "id",
        "count",
        "len",
        "length",
        "url",
        "uri",
        "class",
        "expired",
        "expires",
        "expiry",
        "field",
        "valid",
        "invalid",
        "required",
        "hash",
        "hashed",
        "enabled",
        "param",
        "header",
        "path",
        "file",
        "kind",
        "limit",
        "usage",
        "error",
        "bucket",
        "budget",
        "completion",
        "cost",
        "max",
        "ms",
        "per",
        "prompt",
        "seconds",
        "total",
    ]
)


def is_secret_name(name: str) -> bool:
    """Whether a value of this name must be known to nobody else: a token, a password, a key."""
    words = words_of(name)
    found = set(words)
    if not found or found & _NO_SECRETS:
        return False
    return bool(found & _SECRETS) or (words[-1] == "key" and bool(found & _KEYS))
