"""Text in HTML: escaped, and the little Markdown that rules are written in."""

from __future__ import annotations

import re
from html import escape

from stormdoor_audit.report.finding import Location
from stormdoor_audit.report.printable import TAB, printable, source_line

__all__ = ["escaped", "evidence", "inline", "place", "prose", "source"]

_CODE = re.compile(r"`([^`]+)`|(?<!\S)(--[a-z][a-z-]*)")
"""Text between backticks; and options anywhere."""
_SENTENCE = re.compile(r"(?<=[.!?]) (?=[A-Z])")
_SHOWN = 2
"""Sentences that a narrow column shows unasked; the list of what was tried has them all."""
_SHORT = 16
"""Characters of code that no line breaks within."""
_STRONG = re.compile(r"\*\*([^*]+)\*\*")
_ITEM = re.compile(r"^\s*[-*] ", re.MULTILINE)


def escaped(text: str) -> str:
    """`text` as it may stand between tags and in attributes; what is not printable is an escape."""
    lines = (printable(line.replace("\t", " " * TAB)) for line in text.split("\n"))
    return escape("\n".join(lines), quote=True)


def inline(text: str) -> str:
    """One paragraph: what stands between backticks is code."""
    # After the escaping: no pattern holds a character that it changes.
    text = _CODE.sub(_code_of, escaped(text))
    return _STRONG.sub(r"<strong>\1</strong>", text)


def _code_of(found: re.Match[str]) -> str:
    """Code; browsers break lines after any hyphen, and an option is no option then."""
    code = found[1] or found[2]
    short = ' class="short"' if "-" in code and " " not in code and len(code) <= _SHORT else ""
    return f"<code{short}>{code}</code>"


def evidence(text: str, where: str = "") -> str:
    """The reason of a verdict for a narrow column: the first sentences, the others folded away.

    Args:
        text: Sentences.
        where: The place, as HTML, or "".
    """
    sentences = _SENTENCE.split(text)
    if len(sentences) <= _SHOWN + 1:
        return f"<p>{inline(text)}{where}</p>"
    first, rest = " ".join(sentences[:_SHOWN]), sentences[_SHOWN:]
    return (
        f"<p>{inline(first)}{where}</p><details><summary>{len(rest)} more</summary>"
        f"<p>{inline(' '.join(rest))}</p></details>"
    )


def prose(text: str) -> str:
    """Paragraphs, lists of one level and fenced code."""
    parts = []
    for number, chunk in enumerate(re.split(r"^```\w*\n?", text.strip(), flags=re.MULTILINE)):
        if number % 2:
            parts.append(f"<pre><code>{escaped(chunk.rstrip())}</code></pre>")
            continue
        for paragraph in re.split(r"\n\s*\n", chunk.strip()):
            if _ITEM.match(paragraph):
                items = (inline(one.strip()) for one in _ITEM.split(paragraph)[1:])
                parts.append("<ul>" + "".join(f"<li>{one}</li>" for one in items) + "</ul>")
            elif paragraph.strip():
                parts.append(f"<p>{inline(paragraph)}</p>")
    return "".join(parts)


def place(where: Location) -> str:
    """`path:line`, as an editor opens it."""
    return f'<span class="place">{escaped(where.short)}</span>'


def source(where: Location) -> str:
    """The line of code with the region marked; empty where the line is not known."""
    if not where.excerpt.strip():
        return ""
    text = where.excerpt.rstrip("\r\n")
    start = max(where.column - 1, 0)
    one_line = where.end_line == where.line and where.end_column > where.column
    end = where.end_column - 1 if one_line else len(text)
    before, marked, after = (
        escaped(_code(part)) for part in (text[:start], text[start:end], text[end:])
    )
    mark = f"<mark>{marked}</mark>" if marked.strip() else marked
    return (
        f'<pre class="source"><span>{where.line}</span><code>{before.lstrip(" ")}{mark}{after}'
        "</code></pre>"
    )


def _code(part: str) -> str:
    return source_line(part)
