"""Wrong options of `Guard` are refused, by type checkers and at run time."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest

from stormdoor import ConfigurationError, CookieSpec, Guard, SessionOptions
from stormdoor.auth.session.service import SessionService
from tests.support.type_errors import type_errors

# One worker runs mypy.
pytestmark = pytest.mark.xdist_group("type-errors")

BEFORE = '"""A program."""\n\nfrom stormdoor import CookieSpec, Guard, SessionOptions\n\n'

GOOD = {
    "none": "Guard(sessions=None)\n",
    "empty": "Guard(sessions={})\n",
    "seconds": 'Guard(sessions={"idle_seconds": 1800, "absolute_seconds": 12 * 3600.0})\n',
    "sessions": 'Guard(sessions={"max_sessions": 5})\n',
    "cookie": 'Guard(sessions={"cookie": CookieSpec(samesite="Strict")})\n',
    "variable": 'options: SessionOptions = {"idle_seconds": 5.0}\nGuard(sessions=options)\n',
}

BAD = {
    "misspelt": 'Guard(sessions={"idle_secondz": 5.0})\n',
    "text": 'Guard(sessions={"idle_seconds": "5min"})\n',
    "part of a session": 'Guard(sessions={"max_sessions": 1.5})\n',
    "name of a cookie": 'Guard(sessions={"cookie": "stormdoor"})\n',
}


@pytest.fixture(scope="module")
def remarks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """The errors that mypy finds in each program."""
    programs = {name: BEFORE + body for name, body in {**GOOD, **BAD}.items()}
    return type_errors(tmp_path_factory.mktemp("programs"), programs)


@pytest.mark.extended
@pytest.mark.slow
@pytest.mark.parametrize("name", GOOD)
def test_type_checkers_accept_options_of_sessions(remarks: dict[str, list[str]], name: str) -> None:
    """A type checker has no remark on options that exist."""
    assert remarks[name] == []


@pytest.mark.extended
@pytest.mark.slow
@pytest.mark.parametrize("name", BAD)
def test_type_checkers_refuse_options_of_sessions(remarks: dict[str, list[str]], name: str) -> None:
    """A type checker reports an error in the line of a wrong option."""
    first = BEFORE.count("\n")
    assert [int(one.partition(":")[0]) for one in remarks[name]] == [first + 1]


def test_sessions_have_the_options_of_their_service() -> None:
    """The type of the options and the parameters of the service name the same options."""
    parameters = inspect.signature(SessionService).parameters.values()
    named = {one.name for one in parameters if one.kind is one.KEYWORD_ONLY} - {"revocations"}
    assert SessionOptions.__optional_keys__ == named


def test_options_of_sessions_count() -> None:
    """Each of them reaches the service."""
    guard = Guard(sessions={"cookie": CookieSpec(samesite="Strict")})
    assert guard.sessions.cookie.samesite == "Strict"


@pytest.mark.parametrize(
    ("sessions", "said"),
    [
        (
            {"idle_secondz": 5.0},
            "there are: absolute_seconds, cookie, idle_seconds, max_sessions",
        ),
        ({"idle_secondz": 5.0}, "sessions has no option 'idle_secondz'"),
        ({"revocations": None}, "sessions has no option 'revocations'"),
        ({"cookie": "stormdoor"}, 'write "cookie": CookieSpec(name="stormdoor")'),
    ],
)
def test_wrong_options_of_sessions_are_refused(sessions: dict[str, Any], said: str) -> None:
    """The message names the option and those that exist."""
    options: dict[str, Any] = {"sessions": sessions}
    with pytest.raises(ConfigurationError, match=re.escape(said)):
        Guard(**options)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("origins", "https://app.example"),
        ("hosts", "app.example"),
        ("trusted_proxies", "10.0.0.0/8"),
    ],
)
def test_lists_are_no_text(name: str, text: str) -> None:
    """A text is a list of letters: none of them is an entry, and the message says what to write."""
    options: dict[str, Any] = {"insecure_allow_any_host": name != "hosts", name: text}
    with pytest.raises(ConfigurationError) as refused:
        Guard(**options)
    assert str(refused.value) == f'{name} must be a list; write {name}=["{text}"]'
