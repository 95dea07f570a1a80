"""Texts with places that are filled in: `"%d of %s" % ...`, `"{name}".format(...)`, f-strings."""

import ast
import re
from dataclasses import dataclass

__all__ = ["CONVERSION", "FIELD", "NUMERIC", "Template", "is_number", "is_number_spec"]

CONVERSION = re.compile(r"%(?:\((\w+)\))?[-#0 +]*(?:\*|\d+)?(?:\.(?:\*|\d+))?[hlL]?([a-zA-Z%])")
NUMERIC = frozenset("diouxXeEfFgG")
_NUMERIC_SPEC = re.compile(r"[^{}]*[bdoxXeEfFgGn%]")
FIELD = re.compile(r"\{(\w*)[^{}]*\}")


@dataclass(frozen=True, slots=True)
class Template:
    """A text with places, and what is put into them."""

    text: ast.expr
    given: list[ast.expr]
    sign: re.Pattern[str]
    named: dict[str, ast.expr]


def is_number(template: Template, found: re.Match[str]) -> bool:
    """Return whether a place of a template accepts only a number: `%d`, `{:d}`."""
    if template.sign is CONVERSION:
        return found[2] in NUMERIC
    _, colon, spec = found[0][1:-1].partition(":")
    return bool(colon) and _NUMERIC_SPEC.fullmatch(spec) is not None


def is_number_spec(spec: ast.expr | None) -> bool:
    """Return whether the format of a place of an f-string is that of a number: `{count:d}`."""
    match spec:
        case ast.JoinedStr(values=[ast.Constant(value=str() as text)]):
            return _NUMERIC_SPEC.fullmatch(text) is not None
        case _:
            return False
