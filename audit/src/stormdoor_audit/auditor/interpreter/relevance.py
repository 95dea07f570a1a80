"""Relevance of a function for the admission of clients."""

import ast
from functools import lru_cache

from stormdoor_audit.auditor.naming import lexicon
from stormdoor_audit.auditor.naming.words import words

__all__ = ["may_let_in"]

_ANSWERS = words("close finish redirect send_error set_status write_error write_message")
_EVERYDAY = frozenset(["key", "code", "hash", "nonce", "member", "viewer", "cookies", "pin"])
"""Words of credentials that most programs also use for other things."""


@lru_cache(maxsize=65536)
def may_let_in(function: ast.AST) -> bool:
    """Return True if a function names identity or credentials, or answers the client.

    What it decides otherwise is worth a look only when the rest was looked at.
    """
    return any(_speaks(inner) for inner in ast.walk(function))


def _speaks(node: ast.AST) -> bool:
    match node:
        case ast.Raise(exc=ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name))):
            return "HTTPError" in name or _is_telling(name)
        case ast.Attribute(attr=name) | ast.Name(id=name) | ast.arg(arg=name):
            return name in _ANSWERS or _is_telling(name)
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            return _is_telling(name)
        case ast.Constant(value=str() as text):
            return len(text) < 40 and text.isascii() and _is_telling(text)
        case _:
            return False


@lru_cache(maxsize=65536)
def _is_telling(name: str) -> bool:
    words = set(lexicon.words_of(name))
    return bool(words - _EVERYDAY) and (
        lexicon.is_verification_name(name)
        or lexicon.is_identity_name(name)
        or lexicon.is_credential_name("_".join(sorted(words - _EVERYDAY)))
    )
