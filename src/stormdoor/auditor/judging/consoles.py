"""Lines that a message types into something that runs each of them."""

import ast
from functools import lru_cache

from stormdoor.auditor.interpreter.events import Event
from stormdoor.auditor.interpreter.values import Unknown, labels_of, text_of
from stormdoor.auditor.judging.wording import given, literals_of, name_of, words_before
from stormdoor.auditor.naming import lexicon
from stormdoor.auditor.naming.words import words

__all__ = ["is_typed"]

_CONSOLES = words(
    "console debugger gdb interpreter pane pty repl shell stdin terminal tmux tty vty"
)
_DESCRIPTORS = _CONSOLES | {"child", "fd", "fork", "master", "openpty", "slave", "term"}
_STREAMS = frozenset({"FileIO", "PipeIOStream", "fdopen", "open"})
"""What makes a stream of a descriptor."""
_TYPES = frozenset({"feed", "input", "keys", "paste", "push", "send", "sendline", "type", "write"})
_HOSTS = words("box connection container host machine node remote ssh vm")
_RUNS = frozenset({"exec", "execute", "run", "sudo", "system"})
_QUIET = frozenset({"len", "parse", "print", "quote", "split"})


def is_typed(event: Event) -> bool:
    """`self.shell.send(message)`, `os.write(self.fd, message)`, `host.run(message)`."""
    if event.text == "os.write":
        said = labels_of(*event.values[1:])
        return "message" in said and bool(_DESCRIPTORS & _words_of(text_of(event.values[0])))
    holder, words = _singular(words_before(event)), set(lexicon.words_of(name_of(event)))
    if "message" in labels_of(*event.values[:1]):
        if _TYPES & words and _CONSOLES & (holder | words):
            return True
        wrapped = _wrapped(text_of(event.receiver)) if event.receiver is not None else ""
        if _TYPES & words and (_DESCRIPTORS - {"fd"}) & _words_of(wrapped):
            return True
        line = event.values[0]
        if _RUNS & words and _HOSTS & holder and (text_of(line) == "message" or literals_of(line)):
            return True
    return event.kind == "act" and not _QUIET & words and any(map(_is_line, given(event)))


def _is_line(value: object) -> bool:
    """`shlex.split(message)`: it is read as a line of a shell is."""
    return (
        isinstance(value, Unknown)
        and "message" in value.labels
        and value.text.startswith("shlex.split(")
    )


@lru_cache(maxsize=1024)
def _wrapped(text: str) -> str:
    """The descriptor that a stream was made of: `master` of `PipeIOStream(master)`."""
    try:
        node = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError):
        return ""
    match node:
        case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name), args=[descriptor, *_]) if (
            name in _STREAMS
        ):
            return ast.unparse(descriptor)
        case _:
            return ""


def _words_of(text: str) -> set[str]:
    return {word for name in lexicon.chain_of(text) for word in lexicon.words_of(name)}


def _singular(words: set[str]) -> set[str]:
    """Of many one: `self.terminals[name]`."""
    return {word.removesuffix("s") if len(word) > 4 else word for word in words}
