"""The prose of the project: docstrings, comments, and Markdown without code."""

import ast
import io
import re
import tokenize
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.project import ROOT, own_files

__all__ = ["Passage", "docstrings", "passages", "sentence_at"]

_END = re.compile(r"(?<=[.!?:;])\s+(?=[A-Z`*\[(])")
_CODE = re.compile(r"`[^`]*`")
_BLOCKS = frozenset({"body", "handlers", "orelse", "finalbody", "cases"})
_LIST_ITEM = re.compile(r"\s*(?:[-*+:]|\d+\.)\s")


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of prose.

    Attributes:
        path: Path from the root of the project.
        line: Number of its first line, from 1.
        text: The text without code spans, on one line.
        docstring: Whether it is a docstring.
    """

    path: str
    line: int
    text: str
    docstring: bool = False

    @property
    def folder(self) -> str:
        """The folder that it counts for, of its project: three parts below `src`, else two."""
        parts = Path(self.path).parts
        above = 1 if parts[0] == "audit" else 0
        return "/".join(parts[: above + (3 if "src" in parts[: above + 1] else 2)])


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", _CODE.sub("``", text)).strip()


def _strings(block: Sequence[ast.AST]) -> Iterator[ast.Constant]:
    """Return the strings that are statements, as docstrings are, of the blocks inside, too."""
    for statement in block:
        match statement:
            case ast.Expr(value=value):
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    yield value
                continue
        for name in _BLOCKS.intersection(statement._fields):
            yield from _strings(getattr(statement, name))


def _of_python(path: str, text: str, wanted: re.Pattern[str]) -> Iterator[Passage]:
    for string in _strings(ast.parse(text, path).body):
        yield Passage(path, string.lineno, _plain(str(string.value)), docstring=True)
    # To read the tokens of a file takes three times as long as to parse it.
    if not any(wanted.search(line, line.find("#")) for line in text.splitlines() if "#" in line):
        return
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield Passage(path, token.start[0], _plain(token.string.lstrip("# ")))


def _of_markdown(path: str, text: str) -> Iterator[Passage]:
    fenced, first, block = False, 0, list[str]()
    for number, raw in enumerate([*text.splitlines(), ""], 1):
        fence = raw.lstrip().startswith("```")
        fenced ^= fence
        line = "" if fence else raw
        code = fenced or (line.startswith("    ") and not block and not _LIST_ITEM.match(line))
        if block and (code or not line.strip() or _LIST_ITEM.match(line) or line.startswith("|")):
            yield Passage(path, first, _plain(" ".join(block)))
            block = []
        if line.strip() and not code:
            first = first if block else number
            block.append(line)


def passages(wanted: re.Pattern[str], only: Collection[str] = ()) -> Iterator[Passage]:
    """Return the docstrings of the Python files, and the passages of Markdown files.

    To parse a file takes ten times as long as to search it.

    Args:
        wanted: The comments of a Python file are returned if one of them matches this.
        only: Folders in which a file without a match is not parsed at all.
    """
    for file in own_files():
        path = file.relative_to(ROOT).as_posix()
        if file.suffix == ".md":
            yield from _of_markdown(path, file.read_text(encoding="utf-8"))
        elif file.suffix == ".py":
            text = file.read_text(encoding="utf-8")
            if path.startswith(tuple(only)) and wanted.search(text) is None:
                continue
            try:
                yield from _of_python(path, text, wanted)
            except (SyntaxError, ValueError, tokenize.TokenError):
                continue  # input of a test that is not valid Python


def docstrings(found: list[Passage]) -> list[Passage]:
    """Return the docstrings among `found`."""
    return [one for one in found if one.docstring]


def sentence_at(text: str, position: int) -> str:
    """Return the sentence of `text` that contains the character at `position`."""
    start = 0
    for end in _END.finditer(text):
        if end.start() > position:
            return text[start : end.start()]
        start = end.end()
    return text[start:]
