"""`stormdoor init`: the file passes the check, the printed commands work, and nothing is overwritten."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

import pytest

from stormdoor import Guard
from tests.cli.conftest import Cli
from tests.run.running import ECHO, PATIENCE, answered, free_port

_POSTGRESQL = "postgresql://door:s3cret@db.example/door"
_OPENID = ("--for", "own", "--login", "openid", "--store", "sqlite:door.db")
_GOOGLE = ("--provider", "google", "--client-id", "lab")
_TLS = ("--for", "program", "--login", "openid", "--store", "sqlite:door.db", "--tls-self-signed")
ANSWERS: dict[str, tuple[tuple[str, ...], str]] = {
    # options, answers on a terminal for the same
    "own code": (
        ("--for", "own", "--login", "password", "--store", "sqlite:door.db"),
        "1\n1\n\n",
    ),
    "own code, for programs": (
        ("--for", "own", "--login", "api-key", "--store", "sqlite:other.db"),
        "own\napi-key\nsqlite:other.db\n",
    ),
    "nodes": (
        ("--for", "nodes", "--login", "password", "--login", "api-key", "--store", _POSTGRESQL),
        f"3\n1, 2\n{_POSTGRESQL}\n",
    ),
    "a program": (
        ("--for", "program", "--login", "password", "--store", "sqlite:door.db", "--", "x", "y z"),
        "2\nx 'y z'\n\n\n",
    ),
    "a program, with a provider": (
        (
            *("--for", "program", "--login", "openid", "--store", "sqlite:door.db"),
            *("--provider", "google", "--client-id", "lab", "--public-client"),
            *("--domain", "example.com", "--domain", "example.org", "--name", "Our lab"),
            *("--tls-self-signed", "--", "x"),
        ),
        "2\nx\nopenid\n\ny\n\ngoogle\nlab\nexample.com, example.org\nOur lab\n",
    ),
    "own code, with a provider and passwords": (
        (
            *("--for", "own", "--login", "password", "--login", "openid", "--any-user"),
            *("--store", "sqlite:door.db", "--origin", "http://127.0.0.1:9"),
            *("--provider", "keycloak", "--issuer", "https://sso.example/realms/a"),
            *("--client-id", "lab", "--public-client"),
        ),
        "1\n1 3\n\nhttp://127.0.0.1:9\nkeycloak\nhttps://sso.example/realms/a\nlab\n\n\n",
    ),
    "a program with a login of its own": (
        ("--for", "program", "--store", "sqlite:door.db", "--", "jupyter", "lab"),
        "program\njupyter lab\n\n",
    ),
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, with the command of this environment."""
    monkeypatch.setattr("getpass.getpass", lambda _: "")
    monkeypatch.delenv("STORMDOOR_CLIENT_SECRET", raising=False)
    found = tmp_path / "project"
    found.mkdir()
    monkeypatch.chdir(found)
    return found


@pytest.mark.parametrize("case", ANSWERS)
def test_options_and_answers_write_the_same_file(cli: Cli, folder: Path, case: str) -> None:
    """It passes `stormdoor check`, each setting has a comment, and no secret stands in it."""
    options, typed = ANSWERS[case]
    done = cli("init", *options)
    assert done.code == 0, done.err
    text = (folder / "stormdoor.toml").read_text("utf-8")
    checked = cli("check", "stormdoor.toml")
    assert checked.code == 0, checked.out
    assert text.count("\n# ") >= 4
    assert "s3cret" not in text
    assert "s3cret" not in done.out
    secrets = {one.name for one in folder.iterdir()} - {"stormdoor.toml"}
    assert {(folder / one).stat().st_mode & 0o777 for one in secrets} == {0o600}
    (folder / "asked").mkdir()
    asked = cli("init", "--config", "asked/stormdoor.toml", typed=typed, terminal=True)
    assert asked.code == 0, asked.err
    written = (folder / "asked" / "stormdoor.toml").read_text("utf-8")
    assert written.replace("asked/", "") == text


_LOGINS = [
    tuple(each)
    for count in (1, 2, 3)
    for each in itertools.combinations(("password", "api-key", "openid"), count)
]
_PROVIDERS = [
    ("--provider", "google", "--domain", "example.com"),
    ("--provider", "google", "--any-user"),
    (
        *("--provider", "entra", "--any-user", "--issuer"),
        "https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0",
    ),
    ("--provider", "okta", "--issuer", "https://lab.okta.com", "--domain", "example.com"),
    ("--issuer", "https://sso.example/realms/a", "--domain", "example.com"),
    ("--issuer", "http://127.0.0.1:9", "--any-user"),
]


@pytest.mark.parametrize("purpose", ["own", "program", "nodes"])
@pytest.mark.parametrize("logins", _LOGINS, ids="+".join)
def test_every_combination_passes_the_check(
    cli: Cli, folder: Path, purpose: str, logins: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stores, addresses, names, TLS and providers. The secret of the client is in a private file alone."""
    monkeypatch.setenv("STORMDOOR_CLIENT_SECRET", "s3cret-of-the-client")
    stores = [_POSTGRESQL] if purpose == "nodes" else ["sqlite:door.db", _POSTGRESQL]
    name = () if logins == ("api-key",) else ("--name", "Our lab")
    places: list[tuple[str, ...]] = [(), ("--origin", "https://lab.example", *name)]
    if purpose == "program":
        places.append(("--tls-self-signed",))
    providers = [(*one, "--client-id", "lab") for one in _PROVIDERS] if "openid" in logins else [()]
    longest = max(len(stores), len(places), len(providers))
    for number in range(longest):
        store, place, provider = (
            one[number % len(one)]
            for one in (stores, places, providers)  # each value occurs
        )
        file = f"{number}.toml"
        words = [word for one in logins for word in ("--login", one)]
        options = (*words, "--store", store, *place, *provider, "--force", "--config", file)
        done = cli("init", "--for", purpose, *options, "--", "x")
        assert done.code == 0, (options, done.err)
        checked = cli("check", file)
        assert checked.code == 0, (options, checked.out)
        text = (folder / file).read_text("utf-8")
        assert "s3cret" not in text + done.out + done.err
        assert ("passwords = false" in text) == ("openid" in logins and "password" not in logins)
        assert ('tls = "self-signed"' in text) == ("--tls-self-signed" in place)
        if "openid" in logins:
            secret = folder / "stormdoor-client.secret"
            assert (secret.read_text("utf-8"), secret.stat().st_mode & 0o777) == (
                "s3cret-of-the-client",
                0o600,
            )
            assert "/auth/oidc/callback\n" in done.out


def test_the_file_of_a_secret_is_named_and_not_copied(cli: Cli, folder: Path) -> None:
    """A secret that another program mounts stays there."""
    secret = folder.parent / "client"
    secret.write_text("s3cret\n", "utf-8")
    secret.chmod(0o600)
    options = ("--for", "program", "--login", "openid", "--store", "sqlite:door.db")
    more = ("--issuer", "https://sso.example", "--client-id", "lab", "--any-user")
    assert cli("init", *options, *more, "--client-secret-file", "../client", "--", "x").code == 0
    assert f'client_secret = {{ file = "{secret}" }}' in (folder / "stormdoor.toml").read_text()
    assert cli("check", "stormdoor.toml").code == 0
    [provider] = Guard.from_config(folder / "stormdoor.toml").providers
    assert provider.client_secret == "s3cret"


def test_a_typed_secret_is_in_a_private_file(
    cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not shown while it is typed."""
    monkeypatch.setattr("getpass.getpass", lambda _: "typed-s3cret")
    typed = "2\nx\n3\n\nn\n\nhttps://sso.example\nlab\n\n\n"
    done = cli("init", typed=typed, terminal=True)
    assert done.code == 0, done.err
    assert "typed-s3cret" not in done.out + done.err
    assert "typed-s3cret" not in (folder / "stormdoor.toml").read_text("utf-8")
    assert (folder / "stormdoor-client.secret").read_text("utf-8") == "typed-s3cret"


def test_an_address_of_the_pages_is_for_production(cli: Cli, folder: Path) -> None:
    """With https:// origins the file passes the check without `production = false`."""
    origin = ("--origin", "https://chat.example")
    for purpose in ("own", "program"):
        name = f"{purpose}.toml"
        more = ("--for", purpose, "--login", "password", "--store", "sqlite:door.db")
        assert cli("init", "--config", name, *origin, *more, "--", "x").code == 0
        text = (folder / name).read_text("utf-8")
        assert "production" not in text
        assert 'origins = ["https://chat.example"]' in text
        assert cli("check", name, "--fail-on", "note").code == 0


def test_a_folder_that_is_missing(cli: Cli, folder: Path) -> None:
    """The message names the file that cannot be written."""
    done = cli("init", "--config", "conf/stormdoor.toml", *ANSWERS["own code"][0])
    assert done.code == 2
    assert "conf/stormdoor-trail.key cannot be written" in done.err


def test_nothing_is_overwritten(cli: Cli, folder: Path) -> None:
    """A second call names the option to write; with --force the key of the trail stays."""
    options, _ = ANSWERS["nodes"]
    assert cli("init", *options).code == 0
    before = {one: one.read_bytes() for one in folder.iterdir()}
    again = cli("init", *options)
    assert again.code == 2
    assert "--force" in again.err
    (folder / "stormdoor.toml").unlink()
    again = cli("init", *options)
    assert again.code == 2
    assert "stormdoor-store.url" in again.err
    assert not (folder / "stormdoor.toml").exists()
    assert cli("init", *options, "--force").code == 0
    assert {one: one.read_bytes() for one in folder.iterdir()} == before


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "--for"),
        (("--for", "program"), "-- COMMAND"),
        (("--for", "own"), "--login"),
        (("--for", "own", "--login", "password"), "--store"),
        (("--for", "own", "--login", "password", "--store", "mysql:x"), "store: "),
        (("--for", "nodes", "--login", "password", "--store", "sqlite:x"), "need PostgreSQL"),
        (("--for", "program", "--login", "password", "--", "jupyter-lab"), "leave --login out"),
        (
            (*ANSWERS["own code"][0], "--origin", "http://chat.example"),
            "is not encrypted",
        ),
        ((*ANSWERS["own code"][0], "--tls-self-signed"), "a program of others"),
        ((*ANSWERS["own code"][0], "--client-id", "lab"), "need --login openid"),
        (
            ("--for", "own", "--login", "api-key", "--store", "sqlite:x", "--name", "Lab"),
            "--login password",
        ),
        (_OPENID, "--issuer or --provider"),
        ((*_OPENID, "--provider", "okta"), "--issuer"),
        ((*_OPENID, "--provider", "google"), "--client-id"),
        ((*_OPENID, *_GOOGLE), "set STORMDOOR_CLIENT_SECRET"),
        ((*_OPENID, *_GOOGLE, "--public-client"), "--domain or --any-user"),
        (
            (*_OPENID, *_GOOGLE, "--public-client", "--any-user", "--domain", "a.example"),
            "contradicts --any-user",
        ),
        (
            (*_OPENID, *_GOOGLE, "--public-client", "--client-secret-file", "x"),
            "contradicts --public-client",
        ),
        ((*_OPENID, *_GOOGLE, "--client-secret-file", "none", "--any-user"), "client_secret"),
        (
            (*_OPENID, "--provider", "goggle", "--client-id", "x", "--public-client", "--any-user"),
            "provider must be one of",
        ),
        (
            (*_OPENID, *_GOOGLE, "--public-client", "--domain", "Ex ample"),
            "write a domain in small letters",
        ),
        (
            (*_OPENID, *_GOOGLE, "--public-client", "--any-user", "--name", "x" * 61),
            "at most 60 characters",
        ),
        (
            (
                *_TLS,
                *_GOOGLE,
                "--public-client",
                "--any-user",
                "--origin",
                "http://127.0.0.1:9",
                "--",
                "x",
            ),
            "begins with https://",
        ),
        ((*_TLS, "--origin", "https://lab.example", "--", "x"), "on this machine"),
    ],
)
def test_a_missing_or_wrong_answer_writes_nothing(
    cli: Cli, folder: Path, options: tuple[str, ...], said: str
) -> None:
    """The message names the option, or the finding of the check."""
    done = cli("init", *options)
    assert done.code == 2
    assert said in done.err
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("typed", ["", "4\n", "1\nldap\n", "1\n1\nredis:x\n"])
def test_a_wrong_answer_at_a_terminal_writes_nothing(cli: Cli, folder: Path, typed: str) -> None:
    """So does the end of the input."""
    assert cli("init", typed=typed, terminal=True).code == 2
    assert list(folder.iterdir()) == []


@contextlib.contextmanager
def _started(command: str, folder: Path, port: int) -> Iterator[None]:
    """Run a command in a shell that knows this environment, until it answers at the port."""
    variables = {name: one for name, one in os.environ.items() if not name.startswith("STORMDOOR_")}
    place = str(Path(sys.executable).parent)
    with (folder / "output.txt").open("wb") as output:
        process = subprocess.Popen(
            ["sh", "-c", f"exec {command}"],
            cwd=folder,
            env={**variables, "PATH": f"{place}:{variables['PATH']}"},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        end = time.monotonic() + PATIENCE
        while answered(port) is None and time.monotonic() < end and process.poll() is None:
            time.sleep(0.05)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
        process.kill()


def _login(port: int, password: str) -> int:
    """Log in as alice, and return the status of a page with her session."""
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    form = urlencode({"username": "alice", "password": password})
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Origin": f"http://127.0.0.1:{port}",
    }
    connection.request("POST", "/auth/login", form, headers)
    cookie = (connection.getresponse().getheader("Set-Cookie") or "").partition(";")[0]
    connection.close()
    return answered(port, ("Cookie", cookie)) or 0


_SERVE = """

async def main():
    application.listen(PORT, "127.0.0.1")
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.mark.extended
@pytest.mark.parametrize("purpose", ["own", "program"])
def test_the_printed_commands_guard_a_program(cli: Cli, folder: Path, purpose: str) -> None:
    """A page is open without them, and refused with them; the account of the printed command opens it."""
    port = free_port()
    origin = ("--origin", f"http://127.0.0.1:{port}") if purpose == "own" else ()
    options = ("--login", "password", "--store", "sqlite:door.db", *origin)
    printed = cli("init", "--for", purpose, *options, "--", "python", "app.py").out
    lines = [one[4:] for one in printed.splitlines() if one.startswith("    ")]
    program = f"{ECHO}\nPORT = {port}\napplication = make()\n"
    (folder / "app.py").write_text(f"{program}{_SERVE}", "utf-8")
    with _started("python app.py", folder, port):
        assert answered(port) == 200
    code = [one for one in lines if one.startswith(("from ", "guard ", "application "))]
    program += "\n".join(code).replace("...]", '("/ws", Echo), ("/", Page)]')
    (folder / "app.py").write_text(f"{program}{_SERVE}", "utf-8")
    add = ("principals", "add", "alice", "--role", "member", "--config", "stormdoor.toml")
    assert cli(*add, "--password-stdin", typed="correct horse battery\n").code == 0
    with _started(lines[-1], folder, port):
        assert answered(port) == 401
        assert _login(port, "wrong") == 401
        assert _login(port, "correct horse battery") == 200
