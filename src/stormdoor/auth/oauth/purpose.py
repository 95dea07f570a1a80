"""Check the purpose of a token: only an access token may open a connection."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["for_something_else", "wrong_token_type"]

_NOT_ACCESS = frozenset(
    {"id", "id_token", "refresh", "refresh_token", "offline", "logout", "serialized-id"}
)
_ONLY_ELSEWHERE = ("at_hash", "c_hash", "s_hash", "events")
_TYPES = frozenset({"bearer", "dpop"})


def for_something_else(claims: Mapping[str, object]) -> str | None:
    """Return why this is not an access token; None if nothing shows that.

    An ID token, refresh token or logout token is signed with the same keys, often in the same form (RFC
    9068 §2.1, RFC 8725 §2.8). Keycloak and others distinguish them by `typ` and `token_use`.
    """
    for name in ("typ", "token_use"):
        value = claims.get(name)
        if isinstance(value, str) and value.lower() in _NOT_ACCESS:
            return f"it is no access token ({name})"
    for name in _ONLY_ELSEWHERE:
        if name in claims:
            return f"it is no access token ({name})"
    return None


def wrong_token_type(answer: Mapping[str, object], *, missing_allowed: bool) -> str | None:
    """Return the error of `token_type` in the answer of an introspection (RFC 7662 §2.2).

    A token that is bound to a key is of type DPoP; only `cnf` binds it, not the type.
    """
    if "token_type" not in answer and missing_allowed:
        return None
    value = answer.get("token_type")
    if not isinstance(value, str):
        return "token_type is missing: it may be a refresh token"
    if value.lower() not in _TYPES:
        return "token_type is neither Bearer nor DPoP"
    if value.lower() == "dpop" and "cnf" not in answer:
        return "token_type is DPoP, and no key is named (cnf)"
    return None
