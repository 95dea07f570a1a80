"""Calls that decode a JSON Web Token, and what they verify: PyJWT, python-jose, Authlib."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from stormdoor_audit.auditor.facts.calls import Call, all_calls
from stormdoor_audit.auditor.facts.places import is_test, last_name

__all__ = ["DECODERS", "ENCODERS", "Decoding", "decoding", "is_own"]

Library = Literal["PyJWT", "python-jose", "Authlib"]

DECODERS = ("decode", "decode_complete")
"""Last names of the functions."""

_LIBRARIES: dict[str, Library] = {
    "jwt.decode": "PyJWT",
    "jwt.decode_complete": "PyJWT",
    "jwt.api_jwt.decode": "PyJWT",
    "jwt.PyJWT().decode": "PyJWT",
    "jose.jwt.decode": "python-jose",
    "authlib.jose.jwt.decode": "Authlib",
    "authlib.jose.JsonWebToken().decode": "Authlib",
}
ENCODERS = {"jwt.encode": 0, "jose.jwt.encode": 0, "authlib.jose.jwt.encode": 1}
"""Functions that make a token, and where they are given the claims; the key is the next argument."""
_SHARED = ("HS256", "HS384", "HS512")


@dataclass(frozen=True, slots=True)
class Decoding:
    """A call that decodes a token.

    Args:
        call: The call.
        library: Library of the function.
        options: The entries of `options`; None where they cannot be seen.
    """

    call: Call
    library: Library
    options: dict[str, ast.expr] | None

    def off(self, name: str) -> ast.expr | None:
        """The `False` that turns a verification off."""
        value = (self.options or {}).get(name)
        return value if value is not None and self.call.constant(value) is False else None

    @property
    def unsigned(self) -> ast.expr | None:
        """Argument that turns the verification of the signature off."""
        if self.library == "Authlib":
            return None
        found = self.off("verify_signature")
        if found is not None:
            return found
        verify = self.call.words.get("verify")
        if verify is None and len(self.call.node.args) > 2:
            verify = self.call.node.args[2]
        return verify if verify is not None and self.call.constant(verify) is False else None

    @property
    def algorithms(self) -> ast.expr | None:
        """The algorithms that it accepts."""
        found = self.call.argument(2, "algorithms")
        if found is not None and isinstance(self.call.constant(found), bool):
            return self.call.node.args[3] if len(self.call.node.args) > 3 else None
        return found

    @property
    def foreign(self) -> bool:
        """Return True if the tokens come from elsewhere: only asymmetric algorithms are accepted."""
        node = self.algorithms
        found = self.call.literal(node) if node is not None else None
        if not isinstance(found, ast.List | ast.Tuple | ast.Set) or not found.elts:
            return False
        names = [self.call.text(one) for one in found.elts]
        return all(name is not None and name not in _SHARED for name in names)

    @property
    def seen(self) -> bool:
        """Return True if all of its arguments can be seen."""
        return not self.call.hidden and self.options is not None

    def looked_at(self, claim: str) -> bool:
        """Return True if the function around it names this claim."""
        around: ast.AST = self.call.function or self.call.module.tree
        return any(
            isinstance(node, ast.Constant) and node.value == claim for node in ast.walk(around)
        )


def decoding(call: Call) -> Decoding | None:
    """Return the decoding that a call does; None for another call."""
    library = next((_LIBRARIES[name] for name in call.names if name in _LIBRARIES), None)
    if library is None:
        return None
    given = call.words.get("options")
    if given is None and library == "PyJWT" and len(call.node.args) > 3:
        given = call.node.args[4] if len(call.node.args) > 4 else call.node.args[3]
    if given is None and library == "python-jose" and len(call.node.args) > 3:
        given = call.node.args[3]
    options: dict[str, ast.expr] | None = {}
    if given is not None and call.constant(given) is not None:
        options = call.entries(given)
    return Decoding(call, library, options)


def is_own(token: Decoding, claim: str) -> bool:
    """Return True if the project makes these tokens itself, with its own secret, without this claim.

    A party that is neither issuer nor audience then has nothing to do with them. The secret alone
    identifies the owner of the tokens, for every issuer that they name.
    """
    keys = _keys_of(token.call, token.call.argument(1, "key"))
    if token.foreign or not keys:
        return False
    for call in all_calls(token.call.project, "encode"):
        at = next((ENCODERS[name] for name in sorted(call.names) if name in ENCODERS), None)
        if is_test(call.module) or at is None:
            continue
        if not keys & _keys_of(call, call.argument(at + 1, "key")):
            continue
        claims = call.entries(call.argument(at, "payload"))
        if claim == "iss" or claims is None or claim not in claims:
            return True
    return any(
        _makes(text, keys) and (claim == "iss" or not re.search(rf"['\"]{claim}['\"]", text))
        for tree in token.call.project.trees
        if tree.inside
        for text in _makers(tree.files)
    )


@lru_cache(maxsize=4)
def _makers(files: frozenset[Path]) -> tuple[str, ...]:
    """The texts of files that make tokens: a file that logs users in may never name a socket."""
    found: list[str] = []
    for file in files:
        if _TESTS.search(file.as_posix()):
            continue
        try:
            content = file.read_bytes()
        except OSError:
            continue
        if b"jwt.encode(" in content:
            found.append(content.decode(errors="replace"))
    return tuple(found)


def _makes(text: str, keys: set[str]) -> bool:
    """Return True if a call that makes a token gets a key that is stored under this name."""
    return any(
        keys
        & set(re.findall(r"\w+", text[at.end() : at.end() + _LONGEST].partition("\n\n")[0].lower()))
        for at in re.finditer(r"\bjwt\.encode\(", text)
    )


_LONGEST = 200
"""Characters after the bracket in which the key stands."""
_TESTS = re.compile(r"/(tests?|testing)/|/(test_\w+|\w+_test|conftest)\.py$")


def _keys_of(call: Call, node: ast.expr | None) -> set[str]:
    """Return the stored names of a key: `secret` of `self.settings["secret"]`, of a name for it, too."""
    if node is None:
        return set()
    text = call.text(node)
    if text is not None:
        return {f"={text}"}
    if isinstance(node, ast.Name) and not node.id.isupper():
        # An unresolved name in small letters is a name of this file only.
        kept = {_kept(call.literal(node)), *(_kept(value) for value in _given(call, node.id))}
        return (kept - {""}) or {f"{call.module.name}:{node.id}"}
    return {_kept(call.literal(node)) or last_name(node).lower()}


def _kept(node: ast.expr) -> str:
    """Return `SECRET` of `settings.SECRET`, in every spelling."""
    return last_name(node).lower() if isinstance(node, ast.Attribute | ast.Subscript) else ""


def _given(call: Call, name: str) -> Iterator[ast.expr]:
    """Yield the values that a function binds to a name, on one way or another."""
    for node in ast.walk(call.function or call.module.tree):
        match node:
            case ast.Assign(targets=[ast.Name(id=bound)], value=value) if bound == name:
                yield value
            case _:
                pass
