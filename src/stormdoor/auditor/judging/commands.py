"""What a message has run or opened: programs, code, scripts, files."""

import ast
from functools import lru_cache

from stormdoor.auditor.interpreter.events import Event, Stage
from stormdoor.auditor.interpreter.values import Const, Sequence, labels_of, text_of
from stormdoor.auditor.judging.endpoint import Endpoint
from stormdoor.auditor.judging.relevance import path_of
from stormdoor.auditor.judging.verbs import PROGRAMS
from stormdoor.auditor.naming import lexicon

__all__ = ["commands_of_anybody", "ends_what_runs"]

_ENDS = frozenset(
    {
        "disable",
        "halt",
        "hibernate",
        "init",
        "kill",
        "killall",
        "logout",
        "pkill",
        "poweroff",
        "reboot",
    }
    | {"restart", "rm", "service", "shutdown", "start", "stop", "suspend", "systemctl"}
)
"""Words of command lines that end or begin what others use."""
_CODE = frozenset({"eval", "exec", "__import__", "importlib.import_module", "runpy.run_path"})
_PROCESSES = frozenset({"os.kill", "os.killpg"})
_CONSOLES = frozenset(
    {"console", "pane", "pty", "repl", "shell", "stdin", "terminal", "tmux", "tty", "vty"}
)
"""Words of what runs each line that is typed into it."""
_DESCRIPTORS = _CONSOLES | {"child", "fd", "fork", "master", "openpty", "slave", "term"}
_STREAMS = frozenset({"FileIO", "PipeIOStream", "fdopen", "open"})
"""What makes a stream of a descriptor."""
_TYPES = frozenset({"feed", "input", "keys", "paste", "send", "sendline", "type", "write"})
_FILES = frozenset({"open", "io.open", "codecs.open", "os.remove", "os.unlink", "os.rename"})
_OF_FILES = ("pathlib.Path.", "shutil.")
_RUNS = frozenset({"eval", "exec", "execute", "run", "shell", "spawn", "system"})
_CALLS = frozenset({"call", "dispatch", "execute", "handle", "process", "run", "serve"})
_FIRES = frozenset({"call", "dispatch", "emit", "fire", "send"})
_BUSES = frozenset(
    {"bus", "dispatch", "dispatcher", "emitter", "events", "hooks", "pubsub", "signals"}
)
"""Words of what calls functions of the program by the name of an event."""
_RUN = frozenset(
    {
        "cell",
        "cmd",
        "code",
        "command",
        "expression",
        "program",
        "script",
        "shell",
        "source",
        "statement",
    }
)
"""Words for what is run: of the function, or of the field that it is given."""


def commands_of_anybody(endpoint: Endpoint) -> list[Event]:
    """Where a message picks what is run or opened, on a connection of which nobody knows whose it is."""
    events = endpoint.anonymous.events
    # A console behind a login whose password the client has is its own.
    own = tuple(
        event.text.rpartition(".")[0] + "."
        for event in events
        if event.kind == "call"
        and event.labels >= {"client", "credential"}
        and not _is_command(event)
    )
    return [one for one in events if _is_command(one) and not one.text.startswith(own)]


def ends_what_runs(event: Event) -> bool:
    """`if message == "reboot": os.system("sudo reboot")`: a message picks it, and says nothing in it."""
    if not event.selected or not event.text.startswith(PROGRAMS):
        return False
    return any(
        bool(_ENDS & set(str(one.value).lower().split()))
        for value in event.values
        for one in (value.items if isinstance(value, Sequence) else [value])
        if isinstance(one, Const)
    )


def _is_command(event: Event) -> bool:
    if event.stage not in {Stage.MESSAGE, Stage.LATER}:
        return False
    if event.kind not in {"act", "call", "join"} or not event.labels >= {"client", "message"}:
        return False
    if event.text.startswith(PROGRAMS) or event.text in _CODE:
        return True
    if event.text in _FILES or event.text.startswith(_OF_FILES):
        return bool(event.values) and "message" in labels_of(event.values[0])
    if event.text in _PROCESSES or _is_typed(event):
        return True
    chain = lexicon.chain_of(event.text)
    if any("rpc" in word for name in chain for word in lexicon.words_of(name)):
        return bool(_CALLS & set(lexicon.words_of(chain[-1])))
    around = {word for name in chain[:-1] for word in lexicon.words_of(name)}
    if _BUSES & around and _FIRES & set(lexicon.words_of(chain[-1])[:1]):
        return any(
            "message" in labels_of(one)
            for one in (*event.values[:1], dict(event.words).get("signal", Const(None)))
        )
    words = set(lexicon.words_of(event.text.rpartition(".")[2]))
    if not _RUNS & words:
        return False
    fields = {
        str(name)
        for value in (*event.values, *(value for _, value in event.words))
        if "message" in labels_of(value)
        for name in path_of(text_of(value))
    }
    return bool(_RUN & (words | fields))


def _is_typed(event: Event) -> bool:
    """`self.shell.send(message)`, `os.write(self.fd, message)`: it is a line of a console."""
    chain = lexicon.chain_of(event.text)
    if event.text == "os.write":
        into, said, words = text_of(event.values[0]), event.values[1:], _DESCRIPTORS
    else:
        if not _TYPES & set(lexicon.words_of(chain[-1])):
            return False
        into, said, words = ".".join(chain[:-1]), event.values[:1], _CONSOLES
        wrapped = _wrapped(text_of(event.receiver)) if event.receiver is not None else ""
        if wrapped:
            into, words = wrapped, _DESCRIPTORS - {"fd"}
    typed = {word for name in lexicon.chain_of(into) for word in lexicon.words_of(name)}
    return "message" in labels_of(*said) and bool(words & typed)


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
