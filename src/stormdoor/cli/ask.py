"""Ask the operator for answers, passwords and confirmations; fail if there is no terminal."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable

from stormdoor.cli.usage import UsageError

__all__ = ["answer", "confirm", "hidden_answer", "new_password", "offer", "read_token"]

_LONGEST = 4096
_LONGEST_TOKEN = 16_384


def new_password(
    principal_id: str, *, from_stdin: bool, problem: Callable[[str, str], str | None]
) -> str:
    """Return a new password, read twice without echo, or from one line of standard input.

    Args:
        principal_id: Principal that gets the password.
        from_stdin: Read it from standard input.
        problem: Function that returns why it is not acceptable, before it must be typed again.

    Raises:
        UsageError: The password is too weak, the two inputs differ, or there is no terminal.
    """
    if from_stdin:
        line = sys.stdin.readline(_LONGEST)
        password = line.removesuffix("\n").removesuffix("\r")
        if not password:
            raise UsageError("there is no password on standard input")
        return _acceptable(password, problem(password, principal_id))
    if not sys.stdin.isatty():
        raise UsageError(
            "there is no terminal to ask for a password; give it on standard input with --password-stdin"
        )
    password = getpass.getpass(f"New password for {principal_id}: ")
    _acceptable(password, problem(password, principal_id))
    if getpass.getpass("The same again: ") != password:
        raise UsageError("the two passwords differ; nothing was changed")
    return password


def _acceptable(password: str, problem: str | None) -> str:
    if problem is not None:
        raise UsageError(problem)
    return password


def read_token() -> str:
    """Return a token, read without echo, or from the first line of standard input.

    Never an argument: the shell stores those in its history, and `ps` shows them.

    Raises:
        UsageError: There is none.
    """
    if sys.stdin.isatty():
        token = getpass.getpass("The token: ").strip()
    else:
        token = sys.stdin.readline(_LONGEST_TOKEN).strip()
    if not token:
        raise UsageError("there is no token on standard input; or give its hash with --sha256")
    return token


def answer(option: str, question: str, usual: str) -> str:
    """Return a line of the operator, or the usual answer if it is empty.

    Args:
        option: For the message without a terminal: the option that gives the answer.
        question: The question.
        usual: The usual answer; empty if there is none.

    Raises:
        UsageError: There is no answer, or no terminal.
    """
    if not sys.stdin.isatty():
        raise UsageError(f"there is no terminal to ask; add {option}")
    sys.stderr.write(f"{question}{f' [{usual}]' if usual else ''}: ")
    sys.stderr.flush()
    line = sys.stdin.readline()
    if not line or not (line.strip() or usual):
        raise UsageError("there is no answer; nothing was written")
    return line.strip() or usual


def offer(question: str, *, usual: str = "", missing: str = "") -> str:
    """Return a line of the operator, or the usual answer if it is empty.

    Args:
        question: The question.
        usual: The usual answer, also without a terminal.
        missing: The option that is needed without a terminal; "" if none is.

    Raises:
        UsageError: There is no terminal, and an option is needed.
    """
    if not sys.stdin.isatty():
        if missing:
            raise UsageError(f"there is no terminal to ask; add {missing}")
        return usual
    sys.stderr.write(f"{question}{f' [{usual}]' if usual else ''}: ")
    sys.stderr.flush()
    return sys.stdin.readline().strip() or usual


def hidden_answer(missing: str, question: str) -> str:
    """Return a line that is typed without echo; it may be empty.

    Args:
        missing: The options that are needed without a terminal.
        question: The question.

    Raises:
        UsageError: There is no terminal.
    """
    if not sys.stdin.isatty():
        raise UsageError(f"there is no terminal to ask; add {missing}")
    return getpass.getpass(f"{question}: ").strip()


def confirm(question: str, *, yes: bool) -> None:
    """Continue only if the answer is yes.

    Raises:
        UsageError: The operator does not confirm, or there is no terminal.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(f"{question} There is no terminal to ask; to confirm, add --yes")
    sys.stderr.write(f"{question} Type yes to go on: ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() != "yes":
        raise UsageError("nothing was changed")
