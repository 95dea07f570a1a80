"""Questions about the user as such: that there is one, or that it is connected already."""

import ast
from collections.abc import Iterator
from functools import lru_cache

from stormdoor.auditor.classes.classinfo import ClassInfo
from stormdoor.auditor.interpreter.events import Event
from stormdoor.auditor.judging.endpoint import Endpoint
from stormdoor.auditor.naming import lexicon

__all__ = ["Themselves"]


class Themselves:
    """What the connection notes as its user, and the tables that it puts itself into.

    That there is such a user, or that the user is connected twice, is no question of permission.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        events = endpoint.member.events
        self._users = frozenset(
            id(value) for one in events if one.kind == "known" for value in one.values
        )
        joined = {
            name
            for one in events
            if one.kind == "join" and one.receiver is None and "client" not in one.labels
            for name in lexicon.chain_of(one.text)[-1:]
        }
        # It may do so on a way that was not followed.
        own = [one.node for one in endpoint.info.mro if isinstance(one, ClassInfo)]
        self._tables = frozenset(joined.union(*map(_puts_itself_into, own)))

    def asked(self, question: Event) -> bool:
        """Whether a question is about the user as such."""
        if not question.text.startswith("access: ") or "client" in question.labels:
            return False
        # INVARIANT: the events hold the values, or another would have the id of one.
        if any(id(value) in self._users for value in question.values):
            return True
        text = question.text.removeprefix("access: ")
        holder = text.rpartition(" in ")[2] if " in " in text else text.rpartition(".get(")[0]
        return bool(self._tables & set(lexicon.chain_of(holder)[-1:]))


@lru_cache(maxsize=1024)
def _puts_itself_into(owner: ast.ClassDef) -> frozenset[str]:
    """`self.connected[self.user.name] = Connection(self)`."""
    return frozenset(
        name
        for node in ast.walk(owner)
        if isinstance(node, ast.Assign) and any(map(_is_itself, _parts_of(node.value)))
        for target in node.targets
        if isinstance(target, ast.Subscript)
        for name in lexicon.chain_of(ast.unparse(target.value))[-1:]
    )


def _parts_of(value: ast.expr) -> Iterator[ast.expr]:
    """A value, and what an object is made of that is made there."""
    yield value
    if isinstance(value, ast.Call):
        yield from value.args
        yield from (word.value for word in value.keywords)


def _is_itself(value: ast.expr) -> bool:
    return isinstance(value, ast.Name) and value.id == "self"
