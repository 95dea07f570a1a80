"""Count the lines of code of each folder of stormdoor, without docstrings, comments and empty lines.

python bench/lines.py
python bench/lines.py --write    # and write the table of docs/explanation/house.md
"""

import argparse
import ast
import io
import re
import tokenize
from collections.abc import Iterable
from pathlib import Path
from typing import Final

__all__ = ["PAGE", "code_lines", "count", "render", "table"]

ROOT: Final = Path(__file__).resolve().parents[1]
SOURCE: Final = ROOT / "src" / "stormdoor"
PAGE: Final = ROOT / "docs" / "explanation" / "house.md"
_PLACE: Final = re.compile(
    r"^(% written by: python bench/lines\.py --write\n).*?^(% end)$", re.MULTILINE | re.DOTALL
)
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
    """Return the lines of each folder of the package, and of the modules beside the folders."""
    folders = sorted({path.relative_to(SOURCE).parts[0] for path in SOURCE.glob("*/**/*.py")})
    found = {name: _sum(SOURCE.glob(f"{name}/**/*.py")) for name in folders}
    return found | {"modules": _sum([*SOURCE.glob("*.py"), *SOURCE.glob("*.pyi")])}


def _sum(paths: Iterable[Path]) -> int:
    return sum(code_lines(path.read_text("utf-8")) for path in paths)


def table(figures: dict[str, int]) -> str:
    """Return the table of the page.

    It has hundreds of lines, and thousands of all: exact figures would change with each commit.
    """
    rows = [
        f"| {'modules beside the folders' if name == 'modules' else f'`{name}`'} | {round(lines, -2):,} |"
        for name, lines in figures.items()
    ]
    rows.append(f"| all | {round(sum(figures.values()), -3):,} |")
    return "\n".join(["| folder | lines |", "| --- | ---: |", *rows])


def render(text: str, figures: dict[str, int]) -> str:
    """Return the text of the page with the table of these figures.

    Raises:
        ValueError: The page does not mark the place.
    """
    if _PLACE.search(text) is None:
        raise ValueError(f"{PAGE} has no place for the table")
    return _PLACE.sub(lambda match: f"{match[1]}\n{table(figures)}\n\n{match[2]}", text)


def main() -> None:
    """Print the figures; with `--write`, write them into the page."""
    reader = argparse.ArgumentParser(description="Count the lines of code of each folder.")
    reader.add_argument("--write", action="store_true", help="write the table of house.md")
    figures = count()
    if reader.parse_args().write:
        PAGE.write_text(render(PAGE.read_text("utf-8"), figures), "utf-8")
    for name, lines in figures.items():
        print(f"{name}: {lines}")
    print(f"all: {sum(figures.values())}")


if __name__ == "__main__":
    main()
