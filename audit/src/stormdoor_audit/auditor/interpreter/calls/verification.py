"""Results of a verification for which no code was read."""

import ast

from stormdoor_audit.auditor.interpreter.calls.attributes import Attributes
from stormdoor_audit.auditor.interpreter.outcomes import Thrown
from stormdoor_audit.auditor.interpreter.values import Nobody, Value
from stormdoor_audit.auditor.naming import lexicon

__all__ = ["Verification"]

_REQUESTS = frozenset({"fetch", "urlopen", "request"})
"""Calls that query another server over HTTP."""


class Verification(Attributes):
    """Verifications and look-ups without a valid credential."""

    def verification(self, node: ast.AST, text: str, *, by_name: bool, name: str) -> Value:
        """Result of a verification for an unauthenticated client: nothing, or an exception."""
        raises = not self.catching and lexicon.raises_on_nothing(text)
        if self.catching:
            leaves, _ = self.catching[-1]
            # Where another server is asked, and what it answers is only told, it is that one's login.
            raises = leaves or (name not in _REQUESTS and self.choose(node, 2) == 0)
        if raises and not lexicon.is_predicate(name) and not name.endswith("Store"):
            self.check(node, f"{text}()", presumed=by_name)
            raise Thrown("?", node, self.frame.module, check=True, presumed=by_name)
        if lexicon.is_raising_name(name) and not lexicon.is_predicate(name):
            self.record("may-refuse", node, f"{text}()", presumed=by_name)
        return Nobody(
            f"{text}()", node, self.frame.module, truthy=lexicon.is_negative(name), presumed=by_name
        )

    def refuted(self, node: ast.AST, text: str) -> None:
        """Raise the exception of a call that is named for identity errors: this client causes it.

        `try: self.name = box.open(sealed)` and `except BadSignature:` say what `open` is for.
        """
        for name in sorted(self.expected):
            if lexicon.is_identity_error(name):
                self.check(node, f"{text}()")
                raise Thrown(name, node, self.frame.module, check=True)

    def found_nobody(self, node: ast.AST, text: str, *, presumed: bool) -> None:
        """Record that a look-up for an absent user fails; raise its exception if identity is its subject.

        `try: self.user = User.objects.get(id=user_id)` and `except User.DoesNotExist:`.
        """
        raised = next(filter(lexicon.is_absence_error, sorted(self.expected)), "")
        if raised or lexicon.raises_on_nothing(text):
            self.check(node, f"{text}()", presumed=presumed)
            raise Thrown(
                raised or "?", node, self.frame.module, check=True, presumed=presumed or not raised
            )

    def lookup(self, node: ast.AST, text: str, key: Value) -> Value:
        """Return the entry that the server finds for an invalid credential."""
        if not text.endswith("()"):
            leaves = not self.catching or self.catching[-1][0]
            if leaves or self.choose(node, 2) == 0:
                self.check(node, text)
                raise Thrown("KeyError", node, self.frame.module, check=True)
        return Nobody(text, node, self.frame.module)

    def ignored_result(self, value: Nobody, node: ast.Call) -> None:
        """The result of a verification is not looked at; perhaps it raises instead."""
        name = (lexicon.chain_of(value.text) or [""])[-1]
        if name == "execute":
            return  # what a cursor finds is fetched from it
        if value.node is node and lexicon.is_raising_name(name) and not lexicon.is_predicate(name):
            self.check(node, value.text, presumed=True)
            raise Thrown("?", node, self.frame.module, check=True, presumed=True)
        called = node.func.attr if isinstance(node.func, ast.Attribute) else name
        if lexicon.is_verification_name(called) or lexicon.is_raising_name(called):
            # To act on a user, or to log one, verifies no identity: `room.join(user)`.
            self.record("ignored", node, value.text)
