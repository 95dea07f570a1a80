"""An access check in the page.

What:
    JavaScript of the project compares a password or a key with a literal before it opens or uses the
    WebSocket.

Why:
    An attacker reads the literal in the page, or opens the socket without it. The server does not know
    of the check.

Example:
    if (password === "letmein") {
        socket = new WebSocket("wss://app.example/admin")
    }

Instead:
    socket = new WebSocket("wss://app.example/admin", ["chat.v1", "chat.ticket." + ticket])

Fix:
    Verify on the server before the 101, and delete the comparison.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from stormdoor_audit.auditor.naming.words import words
from stormdoor_audit.auditor.reading.module import Module
from stormdoor_audit.auditor.reading.project import Project
from stormdoor_audit.auditor.rule import Found, rule
from stormdoor_audit.report.finding import Check, Confidence, Level

__all__ = ["RULE"]

_SOCKET = re.compile(r"new\s+(?:WebSocket|SockJS)\s*\(|\b(?:ws|socket|sock)\.send\s*\(")
_NAMES = r"(?:password|passwd|passphrase|passcode|secret|api_?key)"
_COMPARED = re.compile(
    rf"""(?:(?<![\w.])[\w.]*{_NAMES}(?:\.value)?(?:\(\))?|"""
    # `document.getElementById("password").value`, `$("#password").val()`
    rf"""["'`][#.\w\[=-]*(?:{_NAMES}|(?<![a-z])(?:pwd?|pass|pin))["'`\]]*\)\.val(?:ue|\(\)))\s*"""
    r"""(?:={2,3}|!={1,2})\s*(?P<quote>["'`])(?P<text>[^"'`\s]{4,})(?P=quote)""",
    re.IGNORECASE,
)
_WORDS = words("function null number object password string text undefined")
_MAX = 512 * 1024


def _check(project: Project) -> Iterator[Found]:
    for file in project.assets:
        text = _read(file)
        # To look for plain words is many times faster than the pattern.
        if not any(word in text for word in ("WebSocket", "SockJS", ".send")):
            continue
        if _SOCKET.search(text) is None:
            continue
        lines = text.split("\n")
        for match in _COMPARED.finditer(text):
            if match["text"].lower() in _WORDS or _is_library(lines):
                continue
            line = text.count("\n", 0, match.start()) + 1
            column = match.start() - (text.rfind("\n", 0, match.start()) + 1)
            node = ast.Constant(
                "", lineno=line, col_offset=column, end_lineno=line, end_col_offset=column
            )
            asset = Module(
                file=file,
                path=project.path_of(file),
                name=project.path_of(file),
                is_package=False,
                tree=ast.Module([], []),
                lines=lines,
                inside=True,
            )
            yield Found(
                asset, node, "The page compares a secret with a literal that every client can read."
            )


def _read(file: Path) -> str:
    try:
        with file.open(encoding="utf-8", errors="replace") as stream:
            return stream.read(_MAX)
    except OSError:
        return ""


def _is_library(lines: list[str]) -> bool:
    """Return whether a tool has minified the file."""
    return any(len(line) > 2000 for line in lines)


RULE = rule(
    __doc__,
    id="SD612",
    slug="client-side-only-check",
    level=Level.ERROR,
    confidence=Confidence.HIGH,
    group="operation",
    cwe=(602, 603),
    asvs=("8.3.1",),
    threat="client-side-only-checks",
    check=Check.AUTHENTICATION,
    on_project=_check,
)
