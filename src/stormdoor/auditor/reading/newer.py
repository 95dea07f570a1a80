"""Text of a newer Python, written so that the parser of an older one reads it: no line moves.

A project may need a Python that is newer than the one the scanner runs on. What the language has gained
since 3.11 is either of no meaning here (parameters of types) or can be written otherwise (quotes inside
the braces of an f-string).
"""

import re

__all__ = ["aged"]

_MARK = re.compile(r"#[^\n]*|(?<!\w)([a-zA-Z]{0,2})('''|\"\"\"|'|\")")
_PARAMETERS = re.compile(
    r"^([ \t]*(?:(?:async[ \t]+)?def|class)[ \t]+\w+)[ \t]*(?=\[)", re.MULTILINE
)
_ALIAS = re.compile(r"^([ \t]*)type[ \t]+(\w+)[ \t]*(?=\[|=[^=])", re.MULTILINE)
_LAZY = re.compile(r"^lazy[ \t]+(?=(?:import|from)\b)", re.MULTILINE)
# `except OSError, e:` is Python 2's.
_EITHER = re.compile(
    r"^([ \t]*except\*?[ \t]+)([\w.]+(?:[ \t]*,[ \t]*[\w.]*[A-Z]\w*[a-z]\w*)+)[ \t]*:", re.MULTILINE
)


def aged(text: str) -> str:
    """The text without what came after Python 3.11: the same lines, and as far as it can be, columns.

    Knows parameters of types and `type X = ...` (PEP 695, 696), f-strings that nest (701), t-strings
    (750), `except A, B:` (758) and `lazy import` (810). What a backslash inside the braces of an f-string
    stands for is lost.

    Args:
        text: What the parser refused.
    """
    done: list[str] = []
    start = at = 0
    while (mark := _MARK.search(text, at)) is not None:
        if mark[2] is None:
            at = mark.end()
            continue
        done.append(_code(text[start : mark.start()]))
        written, at = _string(text, mark, ())
        done.append(written)
        start = at
    return "".join((*done, _code(text[start:])))


def _code(text: str) -> str:
    """What is between two strings."""
    text = _LAZY.sub("", text)
    text = _EITHER.sub(r"\1(\2):", text)
    text = _ALIAS.sub(r"\1\2     ", text)
    for found in reversed([*_PARAMETERS.finditer(text)]):
        text = _blanked(text, found.end())
    return text


def _blanked(text: str, start: int) -> str:
    """Without the brackets that begin here; a line inside them goes on with the next."""
    depth = 0
    for at in range(start, len(text)):
        depth += {"[": 1, "]": -1}.get(text[at], 0)
        if not depth:
            inside = re.sub(r"[^\n]", " ", text[start : at + 1]).replace("\n", "\\\n")
            return text[:start] + inside + text[at + 1 :]
    return text


def _string(text: str, mark: re.Match[str], around: tuple[str, ...]) -> tuple[str, int]:
    """A string as it can be read, and where it ends.

    Args:
        text: All of the file.
        mark: Its prefix and its opening quote.
        around: The quotes of the strings whose braces it is in.
    """
    prefix, quote = mark[1], mark[2]
    body = mark.end()
    if not {"f", "t"} & set(prefix.lower()):
        end = _end_of_plain(text, body, quote)
        inside = text[body : end - len(quote)]
        # Before 3.12 no backslash may be inside braces.
        return prefix + quote + (inside.replace("\\", "/") if around else inside) + quote, end
    parts: list[str] = []
    at, clashes, triple = body, False, quote[0] * 3
    while at < len(text) and not text.startswith(quote, at):
        if text.startswith("{", at) and not text.startswith("{{", at):
            written, at = _braces(text, at, (*around, triple))
            clashes = clashes or quote in written or ("\n" in written and len(quote) == 1)
        else:
            step = _literal(text, at, raw="r" in prefix.lower())
            written, at = text[at : at + step], at + step
            if around:
                written = written.replace("\\", "/")
        parts.append(written)
    if clashes:
        other = {'"""': "'''", "'''": '"""'}
        quote_now = other[triple] if triple in around else triple
    else:
        quote_now = quote
    prefix = prefix.replace("t", "f").replace("T", "F")
    return prefix + quote_now + "".join(parts) + quote_now, at + len(quote)


def _end_of_plain(text: str, at: int, quote: str) -> int:
    while at < len(text) and not text.startswith(quote, at):
        at += 2 if text[at] == "\\" else 1
    return at + len(quote)


def _literal(text: str, at: int, *, raw: bool) -> int:
    """How many characters are one piece of the text of an f-string."""
    if not raw and text.startswith("\\N{", at):
        return max(text.find("}", at) + 1 - at, 1)
    return 2 if text[at] == "\\" or text.startswith(("{{", "}}"), at) else 1


def _braces(text: str, start: int, around: tuple[str, ...]) -> tuple[str, int]:
    """An expression in braces, with its format, as it can be read; and where it ends."""
    parts = ["{"]
    at, depth, formatting = start + 1, 0, False
    while at < len(text):
        one = text[at]
        if one == "}" and not depth:
            return "".join((*parts, "}")), at + 1
        mark = None if formatting else _MARK.match(text, at)
        if formatting and one == "{":
            written, at = _braces(text, at, around)
        elif mark is not None and mark[2] is not None:
            written, at = _string(text, mark, around)
        elif mark is not None:
            written, at = "", mark.end()
        else:
            formatting = formatting or (one == ":" and not depth)
            depth += (
                0 if formatting else {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(one, 0)
            )
            written, at = " " if one == "\\" else one, at + 1
        parts.append(written)
    return "".join(parts), at
