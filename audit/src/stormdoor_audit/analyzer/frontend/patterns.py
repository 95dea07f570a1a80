"""Lowering of `match` to comparisons."""

import ast

from stormdoor_audit.analyzer.frontend import ir
from stormdoor_audit.analyzer.frontend.expressions import Expressions

__all__ = ["Patterns"]


class Patterns(Expressions):
    """Lowers each `case` as an `if` behind the cases before it."""

    def block(self, statements: list[ast.stmt]) -> None:
        """Lower statements in order."""
        raise NotImplementedError

    def do_Match(self, node: ast.Match) -> None:
        """Lower `match`."""
        self._cases(self.expression(node.subject), node.cases)

    def _cases(self, subject: int, cases: list[ast.match_case]) -> None:
        if not cases:
            return
        first, *rest = cases
        test = self._pattern(first.pattern, subject)
        if first.guard is not None:
            result = self.fresh()
            with self.inside() as then:
                self._bind(first.pattern, subject)
                self._copy(self.expression(first.guard), result)
            with self.inside() as otherwise:
                self._copy(test, result)
            self.emit(ir.If(test, then, otherwise))
            test = result
        with self.inside() as body:
            self._bind(first.pattern, subject)
            self.block(first.body)
        with self.inside() as other:
            self._cases(subject, rest)
        self.emit(ir.If(test, body, other))

    def _pattern(self, pattern: ast.pattern, subject: int) -> int:
        """Return the register that tells whether a value has a pattern."""
        match pattern:
            case ast.MatchValue(value=value):
                return self.emit(ir.Compare("==", subject, self.expression(value)))
            case ast.MatchSingleton(value=value):
                return self.emit(ir.Compare("is", subject, self.const(value)))
            case ast.MatchOr(patterns=patterns):
                return self._all([(one, subject) for one in patterns], is_and=False)
            case ast.MatchAs(pattern=None):
                return self.const(True)
            case ast.MatchAs(pattern=ast.pattern() as inner):
                return self._pattern(inner, subject)
            case ast.MatchMapping(keys=keys, patterns=patterns):
                parts = [
                    (
                        one,
                        self.emit(
                            ir.Call(
                                self.emit(ir.GetAttribute(subject, "get")), [self.expression(key)]
                            )
                        ),
                    )
                    for key, one in zip(keys, patterns, strict=True)
                ]
                return self._all(parts, is_and=True)
            case _:
                return self.emit(ir.Unary("Any", subject))

    def _all(self, parts: list[tuple[ast.pattern, int]], *, is_and: bool) -> int:
        if not parts:
            return self.const(is_and)
        (pattern, subject), *rest = parts
        value, result = self._pattern(pattern, subject), self.fresh()
        with self.inside() as more:
            self._copy(self._all(rest, is_and=is_and), result)
        with self.inside() as stop:
            self._copy(value, result)
        self.emit(ir.If(value, more, stop) if is_and else ir.If(value, stop, more))
        return result

    def _bind(self, pattern: ast.pattern, subject: int) -> None:
        """Assign the names of a pattern."""
        match pattern:
            case ast.MatchAs(pattern=inner, name=name):
                if inner is not None:
                    self._bind(inner, subject)
                if name is not None:
                    self.assign_name(name, subject)
            case ast.MatchMapping(keys=keys, patterns=patterns):
                for key, one in zip(keys, patterns, strict=True):
                    part = self.emit(ir.GetItem(subject, self.expression(key)))
                    self._bind(one, part)
            case ast.MatchSequence(patterns=patterns) | ast.MatchClass(patterns=patterns):
                for one in patterns:
                    self._bind(one, self.emit(ir.Unary("Part", subject)))
            case ast.MatchOr(patterns=[first, *_]):
                self._bind(first, subject)
            case _:
                pass
