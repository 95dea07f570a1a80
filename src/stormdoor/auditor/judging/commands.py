"""What a message has run or opened: programs, code, scripts, files."""

from stormdoor.auditor.interpreter.events import Event, Stage
from stormdoor.auditor.interpreter.values import (
    Const,
    Sequence,
    Value,
    labels_of,
    text_of,
)
from stormdoor.auditor.judging.consoles import is_typed
from stormdoor.auditor.judging.endpoint import Endpoint
from stormdoor.auditor.judging.own import is_asked_of_a_list, shows_a_password
from stormdoor.auditor.judging.ownership import is_statement
from stormdoor.auditor.judging.relevance import path_of
from stormdoor.auditor.judging.verbs import PROGRAMS
from stormdoor.auditor.judging.wording import name_of, words_before
from stormdoor.auditor.naming import lexicon
from stormdoor.auditor.naming.words import words

__all__ = ["commands_of_anybody", "ends_what_runs", "fires_what_it_names"]

_ENDS = words(
    """
    disable halt hibernate init install kill killall logout pkill poweroff reboot restart rm
    service shutdown start stop suspend systemctl uninstall upgrade
    """
)
"""Words of command lines that end or begin what others use."""
_INTERPRETERS = words("bash mysql node perl php psql python python3 ruby sh sqlite3 ssh zsh")
"""Programs that run what they read."""
_CODE = words("__import__ eval exec importlib.import_module importlib.reload runpy.run_path")
_FILES = words(
    """
    codecs.open io.open open os.chmod os.chown os.link os.makedirs os.mkdir os.remove
    os.removedirs os.rename os.replace os.rmdir os.symlink os.truncate os.unlink
    """
)
_UNPACKS = (".extractall", ".extract")
_OF_FILES = ("pathlib.Path.", "shutil.")
_RUNS = frozenset({"eval", "exec", "execute", "run", "shell", "spawn", "system"})
_CALLS = frozenset({"call", "dispatch", "execute", "handle", "process", "run", "serve"})
_FIRES = frozenset({"call", "dispatch", "emit", "fire", "publish", "send", "trigger"})
_BUSES = words("bus dispatch dispatcher emitter event events hooks pubsub signals")
"""Words of what calls functions of the program by the name of an event."""
_INVOKERS = frozenset({"commander", "executor", "interpreter", "invoker"})
"""Words for what runs commands of its own; what has work done in a thread is given it by `submit`."""
_TYPED = frozenset({"cmd", "command"})
"""`console.command(line)`: a method that is called like what it runs."""
_QUERIES = frozenset({"mutation", "query", "sql"})
"""Fields of a message that are a program in a language of queries."""
_RUN = words("cell cmd code command expression program script shell source statement")
"""Words for what is run: of the function, or of the field that it is given."""


def commands_of_anybody(endpoint: Endpoint) -> list[Event]:
    """Where a message picks what is run or opened, on a connection of which nobody knows whose it is."""
    events = endpoint.anonymous.events
    # A console behind a login whose password the client has is its own.
    own = tuple(
        event.text.rpartition(".")[0] + "."
        for event in events
        if event.kind == "call" and shows_a_password(event) and not _is_command(event)
    )
    found = [one for one in events if _is_command(one) and not one.text.startswith(own)]
    return found or _picked_programs(events)


def _picked_programs(events: list[Event]) -> list[Event]:
    """`subprocess.run(SCRIPTS[message["script"]])`: a message says which of several is run.

    What is run for what it prints, and that is looked at, only tells something.
    """
    ways: dict[int, set[str]] = {}
    runs = [
        one
        for one in events
        if one.kind in {"act", "call"}
        and one.selected
        and one.stage in {Stage.MESSAGE, Stage.LATER}
        and one.text.startswith(PROGRAMS)
        and not one.text.startswith("os.kill")
        and is_statement(one.module, one.node)
    ]
    for one in runs:
        line = ", ".join(text_of(part) for value in one.values for part in _parts(value))
        ways.setdefault(id(one.node), set()).add(line)
    return [one for one in runs if len(ways[id(one.node)]) > 1]


def _parts(value: Value) -> list[Value]:
    return value.items if isinstance(value, Sequence) else [value]


def ends_what_runs(event: Event) -> bool:
    """`if message == "reboot": os.system("sudo reboot")`: a message picks it, and says nothing in it."""
    if not event.selected or not event.text.startswith(PROGRAMS):
        return False
    if event.text.startswith("os.exec"):
        return True  # nothing comes after it
    if event.text.startswith("os.kill"):
        return "getp" in text_of(event.values[0]) if event.values else False
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
    if event.text.startswith(PROGRAMS):
        return _says_what_runs(event) and not is_asked_of_a_list(event)
    if event.text in _CODE:
        return True
    if event.text in _FILES or event.text.startswith(_OF_FILES):
        return bool(event.values) and "message" in labels_of(event.values[0])
    if event.text.endswith(_UNPACKS) or is_typed(event):
        return True
    chain = lexicon.chain_of(event.text)
    if any("rpc" in word for name in chain for word in lexicon.words_of(name)):
        return bool(_CALLS & set(lexicon.words_of(chain[-1])))
    last = lexicon.words_of(chain[-1]) if chain else []
    return fires_what_it_names(event) or _runs_what_it_says(event, set(last))


def _runs_what_it_says(event: Event, words: set[str]) -> bool:
    """`kernel.execute(data["code"])`, `console.command(line)`, `schema.execute(data["query"])`."""
    if words and words <= _TYPED:
        return bool(event.values) and "message" in labels_of(event.values[0])
    if not _RUNS & words:
        return False
    if event.values and _QUERIES & {str(name) for name in path_of(text_of(event.values[0]))[-1:]}:
        return "message" in labels_of(event.values[0])
    if _INVOKERS & words_before(event) and "execute" in words:
        return True
    fields = {
        str(name)
        for value in (*event.values, *(value for _, value in event.words))
        if "message" in labels_of(value)
        for name in path_of(text_of(value))
    }
    return bool(_RUN & (words | fields))


def fires_what_it_names(event: Event) -> bool:
    """`dispatcher.send(signal=data["event"])`: what listens to it is a function of the program."""
    last = lexicon.words_of(name_of(event))
    bus = _BUSES & words_before(event) or last[1:2] in (["event"], ["signal"])
    return bool(bus and _FIRES & set(last[:1])) and any(
        "message" in labels_of(one) and text_of(one) != "message"
        for one in (*event.values[:1], dict(event.words).get("signal", Const(None)))
    )


def _says_what_runs(event: Event) -> bool:
    """Whether what is said is the program or an argument, and not only what one of the source reads."""
    words = dict(event.words)
    if event.receiver is not None and (event.values or event.words):
        return "message" in labels_of(*event.values, *words.values())  # what a program is told then
    read = words.get("input")
    if read is None or "message" not in labels_of(read):
        return True
    said = [*event.values, *(value for name, value in event.words if name != "input")]
    line = event.values[0] if event.values else words.get("args", Const(""))
    first = line.items[0] if isinstance(line, Sequence) and line.items else line
    program = str(first.value).split(" ")[0] if isinstance(first, Const) else ""
    return "message" in labels_of(*said) or program.rpartition("/")[2] in _INTERPRETERS
