"""`stormdoor explain handshake`: on the installation of the other tests, which it leaves as it was."""

import asyncio
import hashlib
from pathlib import Path

import pytest

from stormdoor import Guard, SessionAuthenticator
from tests.cli.conftest import Cli

HEAD = "GET /ws?a=1 HTTP/1.1\nHost: app.example\nOrigin: https://app.example\n"

# For --guard: a module of the application.
GUARD = Guard(
    origins=["https://app.example"], authenticators=[SessionAuthenticator()], production=False
)


@pytest.fixture
def cookie(populated: Cli, config: Path) -> str:
    """A session of alice in the store."""

    async def log_in() -> str:
        guard = Guard.from_config(config)
        await guard.state.open()
        try:
            return (await guard.sessions.create("alice")).secret
        finally:
            await guard.close()

    return f"__Host-stormdoor={asyncio.run(log_in())}"


def test_a_session_is_let_in(populated: Cli, cookie: str) -> None:
    """The output names the principal, the checks and the granting role, and not the secret."""
    typed = f"{HEAD}Cookie: {cookie}\n"
    result = populated("explain", "handshake", "-", "chat:connect", typed=typed)
    assert result.code == 0, result.err
    assert result.out.startswith("admitted: alice, by session")
    for said in ("the store has a session", "role:member", "not revoked", "43 characters"):
        assert said in " ".join(result.out.split())
    assert cookie.partition("=")[2] not in result.out + result.err


def test_json(populated: Cli, cookie: str) -> None:
    """The same for scripts."""
    typed = f"{HEAD}Cookie: {cookie}\n"
    result = populated("explain", "handshake", "-", "chat:kick", "--json", typed=typed).json
    assert (result["admitted"], result["cause"], result["status"]) == (False, "forbidden", 403)
    assert [one["passed"] for one in result["steps"]].index(False) == len(result["steps"]) - 1
    assert result["steps"][-1]["step"] == "permission"


def test_what_a_browser_copies(populated: Cli, cookie: str, tmp_path: Path) -> None:
    """The curl command of the developer tools says the scheme and the cookie in its own way."""
    request = tmp_path / "request"
    request.write_text(
        "curl 'wss://app.example/ws' \\\n  -H 'Origin: https://evil.example' \\\n"
        f"  -b '{cookie}' \\\n  --compressed\n"
    )
    result = populated("explain", "handshake", str(request), "chat:connect")
    assert result.code == 1
    assert "refused: origin-not-allowed, HTTP 403" in result.out
    plain = request.read_text().replace("wss:", "ws:").replace("evil.example", "app.example")
    result = populated("explain", "handshake", "-", "chat:connect", typed=plain)
    assert "refused: insecure-transport" in result.out


def test_the_store_stays_as_it_is(populated: Cli, cookie: str, config: Path) -> None:
    """`explain handshake` works on a private copy of the store, and removes the copy afterwards."""
    database = config.parent / "door.db"
    before = hashlib.sha256(database.read_bytes()).digest()
    for _ in range(3):
        populated("explain", "handshake", "-", "chat:connect", typed=f"{HEAD}Cookie: {cookie}\n")
    assert hashlib.sha256(database.read_bytes()).digest() == before
    assert not list(config.parent.glob("*explain*"))


def test_a_store_that_is_not_there_is_named(cli: Cli, config: Path) -> None:
    """The message says when the store will be there, and no store is made."""
    result = cli("explain", "handshake", "-", "chat:connect", typed=HEAD)
    assert result.code != 0
    assert f"there is no store at {config.parent / 'door.db'}; the server makes it" in result.err
    assert not (config.parent / "door.db").exists()


def test_later(populated: Cli, cookie: str) -> None:
    """`explain` at a later time reports that the session has ended by then."""
    typed = f"{HEAD}Cookie: {cookie}\n"
    options = ["--at", "2999-01-01"]
    result = populated("explain", "handshake", "-", "chat:connect", *options, typed=typed)
    assert "refused: expired" in result.out


def test_a_guard_in_python(populated: Cli) -> None:
    """`--guard` names a guard in Python, instead of a file."""
    options = ["--guard", "tests.cli.test_explain_handshake:GUARD"]
    result = populated("explain", "handshake", "-", "chat:connect", *options, typed=HEAD)
    assert "refused: no-credential" in result.out


@pytest.mark.parametrize(
    ("arguments", "typed", "says"),
    [
        (("-", "chat:connect"), "hello", "this is no request"),
        (("-", "chat:connect"), "curl 'wss://x", "cannot be read"),
        (("-", "chat:connect"), "curl -H 'Host: a'", "names no address"),
        (("-", "Chat"), HEAD, "permission"),
        (("-", "chat:connect", "--scheme", "ftp"), HEAD, "http or https"),
        (("/nowhere", "chat:connect"), "", "cannot be read"),
        (("-", "chat:connect", "--certificate", "/nowhere"), HEAD, "no certificate"),
        (("-", "chat:connect", "--guard", "app"), HEAD, "no module:NAME"),
        (
            ("-", "chat:connect", "--store", "sqlite:door.db"),
            HEAD,
            "a store does not know the authenticators",
        ),
    ],
)
def test_what_is_no_question(
    populated: Cli, arguments: tuple[str, ...], typed: str, says: str
) -> None:
    """An invalid question is an error that shows a valid one."""
    result = populated("explain", "handshake", *arguments, typed=typed)
    assert result.code == 2, result.out
    assert says in result.err
