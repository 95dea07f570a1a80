"""A file path from a message.

What:
    The server makes a file path from text of the client.

Why:
    `../../etc/passwd` and absolute paths lead out of the directory. The client reads, writes or removes
    files of the server.

Example:
    with open("/srv/notes/" + data["name"]) as file:
        self.write_message(file.read())

Instead:
    path = (NOTES / data["name"]).resolve()
    if not path.is_relative_to(NOTES):
        raise ValueError("outside")

Fix:
    Look the name up in a list; or resolve the path and test `is_relative_to()` before use.
"""

import ast
from collections.abc import Iterator

from stormdoor_audit.auditor.facts.arguments import given_at
from stormdoor_audit.auditor.facts.places import last_name
from stormdoor_audit.auditor.facts.sinks import from_client, is_called, reaching, sunk
from stormdoor_audit.auditor.facts.spelling import Spelling
from stormdoor_audit.auditor.facts.tested import is_tested
from stormdoor_audit.auditor.interpreter.events import Event
from stormdoor_audit.auditor.judging.endpoint import Endpoint
from stormdoor_audit.auditor.naming.words import words
from stormdoor_audit.auditor.rule import Found, rule
from stormdoor_audit.report.finding import Check, Confidence, Level

__all__ = ["RULE"]

_FILES = words(
    """
    open io.open os.remove os.unlink os.rename os.listdir os.rmdir os.makedirs os.mkdir
    os.scandir shutil.rmtree shutil.copy shutil.move shutil.copyfile codecs.open
    aiofiles.open os.replace shutil.copytree numpy.load zipfile.ZipFile tarfile.open
    """
)
_TARGETS = words(
    """
    os.rename os.replace shutil.copy shutil.copyfile shutil.copytree shutil.move
    """
)
"""Their second argument is a path, too."""
_OF_PATHS = (".read_text", ".read_bytes", ".write_text", ".write_bytes")
_OF_OTHERS_TOO = (".open", ".unlink", ".rmdir", ".mkdir", ".iterdir", ".touch", ".rename")
"""Methods of paths, and of other things."""
_WORDS = ("file", "path", "src")
_QUOTES = frozenset(
    {"ntpath.basename", "os.path.basename", "posixpath.basename", "werkzeug.utils.secure_filename"}
)
"""Calls that return a name in one directory."""


def _check(endpoint: Endpoint) -> Iterator[Found]:
    spelling = Spelling(endpoint, _QUOTES)
    seen: set[int] = set()
    for event, node in _sinks(endpoint):
        if id(event.node) in seen or is_tested(event, node):
            continue
        if not is_called(event) or spelling.is_free(event, node):
            seen.add(id(event.node))
            yield sunk(endpoint, event, f"The client chooses the file path of {_said(event)}().")


def _sinks(endpoint: Endpoint) -> Iterator[tuple[Event, ast.expr | None]]:
    """Calls with a path in which the client has a say, each with what makes the path."""
    for event in reaching(endpoint, 0, _WORDS, *_FILES):
        yield event, given_at(event, 0, *_WORDS)
    for event in reaching(endpoint, 1, ("dst",), *_TARGETS):
        yield event, given_at(event, 1, "dst")
    for event in endpoint.calls(*_OF_PATHS, *_OF_OTHERS_TOO):
        if not event.module.inside or not from_client(event.receiver):
            continue
        if event.text.endswith(_OF_PATHS) or "pathlib.Path" in event.text or " / " in event.text:
            function = event.node.func if isinstance(event.node, ast.Call) else None
            yield event, function.value if isinstance(function, ast.Attribute) else None


def _said(event: Event) -> str:
    """The function, or the method of a path."""
    return event.text if event.text in {*_FILES, *_TARGETS} else last_name(event.node)


RULE = rule(
    __doc__,
    id="SD507",
    slug="path-from-message",
    level=Level.ERROR,
    confidence=Confidence.HIGH,
    group="messages",
    cwe=(22,),
    asvs=("5.3.2",),
    threat="message-injection",
    check=Check.VALIDATION,
    on_endpoint=_check,
)
