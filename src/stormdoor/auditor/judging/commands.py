"""What a message has run or opened: programs, code, scripts, files."""

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
_FILES = frozenset({"open", "io.open", "codecs.open", "os.remove", "os.unlink", "os.rename"})
_OF_FILES = ("pathlib.Path.", "shutil.")
_RUNS = frozenset({"eval", "exec", "execute", "run", "shell", "spawn", "system"})
_CALLS = frozenset({"call", "dispatch", "execute", "handle", "process", "run", "serve"})
_FIRES = frozenset({"call", "dispatch", "emit", "fire", "send"})
_RUN = frozenset(
    {"cmd", "code", "command", "expression", "program", "script", "shell", "source", "statement"}
)
"""Words for what is run: of the function, or of the field that it is given."""


def commands_of_anybody(endpoint: Endpoint) -> list[Event]:
    """Where a message picks what is run or opened, on a connection of which nobody knows whose it is."""
    return [event for event in endpoint.anonymous.events if _is_command(event)]


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
    chain = lexicon.chain_of(event.text)
    if any(word.endswith("rpc") for name in chain for word in lexicon.words_of(name)):
        return bool(_CALLS & set(lexicon.words_of(chain[-1])))
    if {"dispatcher", "dispatch", "signals"} & set(chain[:-1]) and chain[-1] in _FIRES:
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
