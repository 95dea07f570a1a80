"""Count the lines of code of each package of stormdoor, without docstrings, comments and empty lines.

python bench/lines.py
"""

import ast
import io
import tokenize
from pathlib import Path
from typing import Final

__all__ = ["DOOR", "code_lines", "count"]

SOURCE: Final = Path(__file__).resolve().parents[1] / "src" / "stormdoor"
DOOR: Final = (
    "core",
    "guard",
    "auth",
    "tornado",
    "config",
    "runtime",
    "settings",
    "ports",
    "stores",
    "channels",
    "cli",
    "demo",
    "testing",
)
"""The packages of the guard. The auditor, the prober and their reports are tools beside it."""
CONTRACT: Final = SOURCE / "testing" / "contract"
"""Tests of stores, which users run as well. They are no part of the guard."""
_NO_CODE: Final = frozenset(
    {
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENDMARKER,
    }
)


def code_lines(text: str) -> int:
    """Return the number of lines of a module that contain code."""
    documented: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        body = getattr(node, "body", ())
        for statement in body if isinstance(body, list) else ():
            match statement:
                case ast.Expr(value=ast.Constant(value=str())):
                    documented.update(range(statement.lineno, (statement.end_lineno or 0) + 1))
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in _NO_CODE:
            lines.update(range(token.start[0], token.end[0] + 1))
    return len(lines - documented)


def count() -> dict[str, int]:
    """Return the lines of each package of the door, and of the modules beside them."""
    found = {
        name: sum(
            code_lines(path.read_text("utf-8"))
            for path in (SOURCE / name).rglob("*.py")
            if path.parent != CONTRACT
        )
        for name in DOOR
    }
    return found | {
        "modules": sum(code_lines(path.read_text("utf-8")) for path in SOURCE.glob("*.py"))
    }


if __name__ == "__main__":
    figures = count()
    for package, lines in figures.items():
        print(f"{package}: {lines}")
    print(f"door: {sum(figures.values())}")
