"""`for` and `while`, as far as a loop can tell clients apart."""

import ast
from functools import lru_cache

from stormdoor_audit.auditor.interpreter.statements.branches import Branches
from stormdoor_audit.auditor.interpreter.statements.jumps import Break, Continue
from stormdoor_audit.auditor.interpreter.values import (
    Const,
    Coroutine,
    Mapping,
    Sequence,
    Setting,
    Value,
    settled,
)

__all__ = ["Loops"]


class Loops(Branches):
    """Loops of a function."""

    def _for(self, node: ast.For | ast.AsyncFor) -> None:
        source = self.evaluate(node.iter)
        if isinstance(source, Coroutine):
            source = self.awaited(source, node.iter)
        source = self.as_shipped(source)
        if self.mode == "anonymous" and isinstance(source, Setting):
            listed = settled(source)
            if isinstance(listed, Sequence) and listed.items:
                source = listed
            elif (
                isinstance(listed, Sequence) and listed.exact and not self.assume(source, node.iter)
            ):
                source = listed  # as shipped nothing is in it
        known = isinstance(source, Sequence) and source.exact
        if isinstance(source, Sequence | Mapping) and source.exact and not source.items:
            self.execute(node.orelse)
            return
        items = self.items_of(source, 8 if known or isinstance(source, Sequence) else 1)
        uncertain = not known and not isinstance(source, Const)
        if uncertain and _leaves_somewhere(node) and self._finds_nothing(node):
            self.execute(node.orelse)
            return
        for item in items:
            self._each(node.target, item)
            try:
                self.execute(node.body)
            except Break:
                return
            except Continue:
                continue
        self.execute(node.orelse)

    def _finds_nothing(self, node: ast.AST) -> bool:
        """Decide if a search through unknown items ends without a result."""
        return self.choose(node, 2) == 1 if self.leaning is None else not self.leaning

    def _each(self, target: ast.expr, item: Value) -> None:
        """Bind the name of a loop; the keys of a table are no secrets."""
        if isinstance(target, ast.Name) and target.id == "key":
            self.frame.env.names[target.id] = item
        else:
            self.assign(target, item)

    def _while(self, node: ast.While) -> None:
        for _ in range(2):
            if not self.test(node.test):
                break
            try:
                self.execute(node.body)
            except Break:
                return
            except Continue:
                pass
            if isinstance(node.test, ast.Constant):
                return
        self.execute(node.orelse)


@lru_cache(maxsize=65536)
def _leaves_somewhere(loop: ast.For | ast.AsyncFor) -> bool:
    return any(
        isinstance(node, ast.Return | ast.Raise)
        for statement in loop.body
        for node in ast.walk(statement)
    )
