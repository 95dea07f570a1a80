"""Text of Python 2, written so that the parser of Python 3 reads it: line by line, nothing moves."""

import re
from collections.abc import Iterator

__all__ = ["modernised"]

_PRINT = re.compile(
    r"^(\s*(?:(?:if|elif|else|for|while|try|except|finally|with)\b.*?:\s*)?)print\b(?!\s*[(=.,:)])\s*(.*)$",
    re.DOTALL,
)
_TO_FILE = re.compile(r"^>>\s*([^,]+?)\s*(?:,\s*(.*))?$", re.DOTALL)
_EXCEPT = re.compile(r"^(\s*except\s+(?:\([^)]*\)|[\w.]+))\s*,\s*(\w+)\s*:")
_RAISE = re.compile(r"^(\s*(?:.*?:\s+)?raise\s+[\w.]+)\s*,\s*(.+)$", re.DOTALL)
_EXEC = re.compile(r"^(\s*)exec\s+(?!\()(.+?)(?:\s+in\s+(.+))?$", re.DOTALL)
_TOKENS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"<>"), "!="),
    (re.compile(r"(?<![\w.])0(\d+)(?![\w.])"), r"0o\1"),
    (re.compile(r"(?<![\w.])(0[xX][0-9a-fA-F]+|\d+)[lL]\b"), r"\1"),
    (re.compile(r"`([^`]*)`"), r"repr(\1)"),
    (re.compile(r"\b[uU]([rR])$"), r"\1"),
    (re.compile(r"\basync\b(?!\s+(?:def|for|with)\b)"), "async_"),
)
_PIECE = re.compile(
    r"#[^\n]*|'''(?:\\.|[^\\])*?'''|\"\"\"(?:\\.|[^\\])*?\"\"\""
    r"|'(?:\\.|[^'\\\n])*'|\"(?:\\.|[^\"\\\n])*\"|\\\n|[\[({]|[\])}]|[\n;]",
    re.DOTALL,
)


def modernised(text: str) -> str:
    """The text with what Python 2 writes differently: `print x`, `except E, e`, `raise E, "x"`.

    Args:
        text: What the parser refused.
    """
    return "".join(_statement(code) + rest for code, rest in _statements(_tabs(text)))


def _tabs(text: str) -> str:
    """Tabs as Python 2 counted them: to the next eighth column."""
    if "\t" not in text:
        return text
    lines = []
    for line in text.split("\n"):
        bare = line.lstrip(" \t")
        lines.append(line[: len(line) - len(bare)].expandtabs(8) + bare)
    return "\n".join(lines)


def _statements(text: str) -> Iterator[tuple[str, str]]:
    """Statements, each with what ends it: a comment, a line's end, a semicolon."""
    start = depth = 0
    end = -1
    for piece in _PIECE.finditer(text):
        mark = piece.group()
        if mark in "([{":
            depth += 1
        elif mark in ")]}":
            depth = max(depth - 1, 0)
        elif mark.startswith("#") and not depth and end < 0:
            end = piece.start()
        elif mark in "\n;" and not depth:
            if mark == ";" and end >= 0:
                continue
            stop = piece.start() if end < 0 else end
            yield text[start:stop], text[stop : piece.end()]
            start, end = piece.end(), -1
    stop = len(text) if end < 0 else end
    yield text[start:stop], text[stop:]


def _statement(code: str) -> str:
    bare = code.rstrip()
    trailing = code[len(bare) :]
    if not bare:
        return code
    code = _outside_strings(bare)
    if (found := _PRINT.match(code)) is not None:
        head, shown = found.groups()
        file = _TO_FILE.match(shown)
        if file is not None:
            shown = ", ".join(one for one in (file[2], f"file={file[1]}") if one)
        code = f"{head}print({shown})"
    elif (found := _EXCEPT.match(code)) is not None:
        code = f"{found[1]} as {found[2]}:{code[found.end() :]}"
    elif (found := _RAISE.match(code)) is not None:
        code = f"{found[1]}({found[2]})"
    elif (found := _EXEC.match(code)) is not None:
        code = f"{found[1]}exec({found[2]}{', ' + found[3] if found[3] else ''})"
    return code + trailing


def _outside_strings(code: str) -> str:
    result: list[str] = []
    at = 0
    for piece in _PIECE.finditer(code):
        if piece.group()[0] in "#'\"":
            result += [_tokens(code[at : piece.start()]), piece.group()]
            at = piece.end()
    result.append(_tokens(code[at:]))
    return "".join(result)


def _tokens(code: str) -> str:
    for pattern, into in _TOKENS:
        code = pattern.sub(into, code)
    return code
