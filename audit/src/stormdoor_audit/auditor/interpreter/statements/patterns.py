"""Values that a pattern of `match` fits."""

import ast

from stormdoor_audit.auditor.interpreter.values import Const, Nobody, Sequence, Value

__all__ = ["constants_of", "pattern_fits"]


def pattern_fits(pattern: ast.pattern, subject: Value) -> bool | None:
    """Return True if a pattern matches; None if it may."""
    match pattern, subject:
        case ast.MatchAs(pattern=None), _:
            return True
        case ast.MatchSingleton(value=None), Nobody():
            return True
        case ast.MatchSingleton(value=value), Const():
            return value is subject.value
        case ast.MatchValue(value=ast.Constant(value=value)), Const():
            return bool(value == subject.value)
        case ast.MatchOr(), _:
            answers = [pattern_fits(one, subject) for one in pattern.patterns]
            return True if True in answers else None if None in answers else False
        case ast.MatchSequence(patterns=parts), Sequence(items=items, exact=True) if not any(
            isinstance(one, ast.MatchStar) for one in parts
        ):
            if len(parts) != len(items):
                return False
            answers = [pattern_fits(one, item) for one, item in zip(parts, items, strict=True)]
            return False if False in answers else None if None in answers else True
        case ast.MatchAs(pattern=inner), _ if inner is not None:
            return pattern_fits(inner, subject)
        case ((ast.MatchMapping() | ast.MatchSequence() | ast.MatchClass()), Nobody()):
            return False
        case _:
            return None


def constants_of(pattern: ast.pattern) -> list[object] | None:
    """Return the constants that a pattern stands for; None if it fits every value."""
    match pattern:
        case ast.MatchValue(value=ast.Constant(value=value)) | ast.MatchSingleton(value=value):
            return [value]
        case ast.MatchOr(patterns=patterns):
            found = [constants_of(one) for one in patterns]
            return None if None in found else [value for one in found for value in one or ()]
        case _:
            return None
