"""Text in HTML: escaped, and the little Markdown that rules are written in."""

from __future__ import annotations

import re
from html import escape

from stormdoor.report.finding import Location
from stormdoor.report.printable import encodable, source_line

__all__ = ["escaped", "inline", "place", "prose", "source"]

_CODE = re.compile(r"`([^`]+)`")
_STRONG = re.compile(r"\*\*([^*]+)\*\*")
_ITEM = re.compile(r"^\s*[-*] ", re.MULTILINE)


def escaped(text: str) -> str:
    """`text` as it may stand between tags and in attributes."""
    return escape(str(encodable(text)), quote=True)


def inline(text: str) -> str:
    """One paragraph: what stands between backticks is code."""
    # After the escaping: neither pattern holds a character that it changes.
    text = _CODE.sub(r"<code>\1</code>", escaped(text))
    return _STRONG.sub(r"<strong>\1</strong>", text)


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
