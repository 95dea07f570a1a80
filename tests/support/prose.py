"""The prose of the project: docstrings, comments, and Markdown without code."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.project import ROOT, own_files

__all__ = ["Passage", "docstrings", "passages", "sentence_at"]

_END = re.compile(r"(?<=[.!?:;])\s+(?=[A-Z`*\[(])")
_CODE = re.compile(r"`[^`]*`")
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


def _of_python(path: str, text: str) -> Iterator[Passage]:
    for node in ast.walk(ast.parse(text, path)):
        body = getattr(node, "body", None)
        for statement in body if isinstance(body, list) else ():
            match statement:
                case ast.Expr(value=ast.Constant(value=str(value)), lineno=line):
                    yield Passage(path, line, _plain(value), docstring=True)
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


def passages() -> Iterator[Passage]:
    """Return every passage of the Python and Markdown files of the project."""
    for file in own_files():
        path = file.relative_to(ROOT).as_posix()
        if file.suffix == ".md":
            yield from _of_markdown(path, file.read_text(encoding="utf-8"))
        elif file.suffix == ".py":
            try:
                yield from _of_python(path, file.read_text(encoding="utf-8"))
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
