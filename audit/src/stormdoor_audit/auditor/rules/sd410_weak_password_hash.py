"""A password hashed with a fast hash.

What:
    The server hashes a password with MD5, SHA-1 or SHA-2, with or without salt. A protocol that hashes
    the password with a one-time challenge is not reported.

Why:
    These hashes are fast: with a stolen table, a graphics card tries billions of passwords a second.

Example:
    stored = hashlib.sha256(password.encode()).hexdigest()

Instead:
    stored = argon2.PasswordHasher().hash(password)

Fix:
    Hash passwords with Argon2id, scrypt or bcrypt.
"""

import ast
from collections.abc import Iterator
from dataclasses import replace

from stormdoor_audit.auditor.facts.calls import Call, in_files, is_cut, on_the_way
from stormdoor_audit.auditor.naming.lexicon import words_of
from stormdoor_audit.auditor.rule import Found, rule
from stormdoor_audit.report.finding import Confidence, Level

__all__ = ["RULE"]

_HASHES = frozenset(
    f"hashlib.{name}"
    for name in ("md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha3_256")
)
_OLD = frozenset({"legacy", "old", "migrate", "upgrade", "deprecated"})
"""Names for hashes of old passwords, which are kept until the next login."""
_PASSWORDS = frozenset(
    {"passcode", "passphrase", "passw", "passwd", "password", "psw", "psswd", "pwd"}
)

_ONCE = frozenset({"challenge", "cnonce", "nonce"})


def _check(call: Call) -> Iterator[Found]:
    if not call.node.args:
        return
    updates = {f"{name}().update" for name in _HASHES}
    if not call.names & (_HASHES | updates):
        return
    given = call.node.args[0]
    if (
        _is_password(given)
        and not _answers(given)
        and not _is_prefix_search(call)
        and not is_cut(call)
    ):
        name = call.module.source(call.node.func)
        found = call.found(
            f"{name}() is too fast for passwords: an attacker tries billions a second."
        )
        around = words_of(call.function.name) if call.function is not None else []
        old = bool(_OLD & set(around))
        yield replace(found, level=Level.NOTE, confidence=Confidence.LOW) if old else found


def _is_password(node: ast.expr) -> bool:
    """Return whether the hashed text contains a password, as a name or as a field."""
    for one in ast.walk(node):
        name = ""
        match one:
            case ast.Name(id=name) | ast.Attribute(attr=name):
                pass
            case ast.Constant(value=str() as name) if len(name) < 30:
                pass
            case _:
                continue
        if words_of(name)[-1:] and words_of(name)[-1] in _PASSWORDS:
            return True
    return False


def _answers(node: ast.expr) -> bool:
    """Return whether a hash is a one-time proof of a protocol: `sha1(nonce + created + password)`."""
    return any(
        _ONCE & set(words_of(one.id if isinstance(one, ast.Name) else one.attr))
        for one in ast.walk(node)
        if isinstance(one, ast.Name | ast.Attribute)
    )


def _is_prefix_search(call: Call) -> bool:
    """Services that know leaked passwords are asked by the start of their SHA-1."""
    around: ast.AST = call.function or call.module.tree
    return any(
        isinstance(one, ast.Constant) and isinstance(one.value, str) and "pwned" in one.value
        for one in ast.walk(around)
    )


RULE = rule(
    __doc__,
    id="SD410",
    slug="weak-password-hash",
    level=Level.WARNING,
    confidence=Confidence.HIGH,
    group="tokens and secrets",
    cwe=(916, 327),
    asvs=("11.4.2",),
    threat="credential-stuffing",
    on_endpoint=on_the_way(
        _check, "md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha3_256", "update"
    ),
    on_module=in_files(
        _check, "md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha3_256", "update"
    ),
)
