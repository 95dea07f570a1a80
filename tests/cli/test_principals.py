"""`stormdoor principals` and `roles`."""

import getpass
import sqlite3
from pathlib import Path

import pytest

from stormdoor.auth.password.passwords import Passwords
from stormdoor.cli.ask import confirm, new_password
from stormdoor.cli.usage import UsageError
from stormdoor.cli.where import actor
from tests.cli.conftest import Cli

PASSWORD = "correct horse battery"


def _hash(config: Path, id: str) -> str | None:
    database = sqlite3.connect(config.parent / "door.db")
    (row,) = database.execute("SELECT password_hash FROM account WHERE id = ?", (id,)).fetchall()
    database.close()
    return row[0]


def _row(cli: Cli, id: str) -> dict[str, object]:
    (row,) = [one for one in cli("principals", "list", "--json").json if one["id"] == id]
    return row


def test_list_without_a_store_and_of_an_empty_one(cli: Cli) -> None:
    """Without a store file, `list` is an error and creates none; with an empty store it ends with 1."""
    result = cli("principals", "list")
    assert (result.code, result.out) == (1, "")
    assert "there is no store at" in result.err
    cli("principals", "add", "a", "--no-password")
    cli("principals", "remove", "a", "--yes")
    result = cli("principals", "list")
    assert (result.code, result.out) == (1, "")


def test_add_and_list(populated: Cli) -> None:
    """`principals list` prints the added principals at 80 columns."""
    result = populated("principals", "list")
    assert result.code == 0
    assert [line.split()[0] for line in result.out.splitlines()[2:]] == ["alice", "mia", "sensor"]
    assert max(map(len, result.out.splitlines())) <= 80
    assert "\x1b" not in result.out


def test_list_as_json(populated: Cli) -> None:
    """Scripts get everything but the hash."""
    row = _row(populated, "mia")
    assert row.pop("created")
    assert row == {
        "id": "mia",
        "roles": ["moderator"],
        "tenant": None,
        "attributes": {"moderates": ["lobby"]},
        "password": True,
        "disabled": False,
    }


def test_list_some(populated: Cli) -> None:
    """A list can be restricted."""
    assert [
        one["id"] for one in populated("principals", "list", "--role", "member", "--json").json
    ] == ["alice"]
    populated("principals", "disable", "mia")
    found = populated("principals", "list", "--disabled", "--json")
    assert [one["id"] for one in found.json] == ["mia"]
    assert populated("principals", "list", "--role", "nobody").code == 1


def test_show(populated: Cli) -> None:
    """One principal with all that hangs on it."""
    result = populated("principals", "show", "mia")
    assert result.code == 0
    assert 'moderates  ["lobby"]' in result.out
    assert "0 sessions, 0 keys, 0 open connections" in result.out
    assert populated("principals", "show", "mia", "--json").json["connections"] == 0


def test_misspelt_principal(populated: Cli) -> None:
    """A name that is not there gets a suggestion, and the command ends with 1."""
    for arguments in (
        ("show", "alce"),
        ("disable", "alce"),
        ("enable", "alce"),
        ("remove", "alce", "-y"),
        ("set", "alce", "a=1"),
        ("password", "alce", "--password-stdin"),
    ):
        result = populated("principals", *arguments, typed="x\n")
        assert (result.code, result.out) == (1, "")
        assert result.err == "stormdoor: there is no principal 'alce'; did you mean 'alice'?\n"


def test_add_twice(populated: Cli) -> None:
    """A name is taken once."""
    result = populated("principals", "add", "alice", "--no-password")
    assert (result.code, result.err) == (1, "stormdoor: there is a principal 'alice' already\n")


@pytest.mark.sampled(4)
@pytest.mark.parametrize(
    ("arguments", "typed", "code", "message"),
    [
        (("--password-stdin",), "short\n", 2, "use at least 8 characters"),
        (("--password-stdin",), "password\n", 2, "guessed first"),
        (("--password-stdin",), "newcomer\n", 2, "must not be the user name"),
        (("--password-stdin",), "", 2, "no password on standard input"),
        ((), PASSWORD, 2, "--password-stdin"),
        (("--no-password", "--password-stdin"), "x\n", 2, "not both"),
        (("--no-password", "--role", "membr"), "", 1, "did you mean 'member'"),
        (("--no-password", "--role", "zzz"), "", 1, "there are: member, moderator"),
        (("--no-password", "--attribute", "x"), "", 2, "name=text or name:=json"),
        (("--no-password", "--attribute", "x:=["), "", 2, "not JSON"),
        (("--no-password", "--attribute", "x=1", "--attribute", "x=2"), "", 2, "twice"),
        (("--no-password", "--zzz"), "", 2, "Unknown option"),
    ],
)
def test_add_refused(
    cli: Cli, arguments: tuple[str, ...], typed: str, code: int, message: str
) -> None:
    """Invalid arguments are refused in one line, and no principal is added."""
    cli("principals", "add", "somebody", "--no-password")
    result = cli("principals", "add", "newcomer", *arguments, typed=typed)
    assert result.code == code
    assert message in result.err
    assert result.err.count("\n") == 1
    assert [one["id"] for one in cli("principals", "list", "--json").json] == ["somebody"]


def test_role_that_is_defined_elsewhere(cli: Cli) -> None:
    """Roles that only Python knows can be given on request."""
    assert cli("principals", "add", "a", "--no-password", "--role", "x", "--anyway").code == 0
    assert _row(cli, "a")["roles"] == ["x"]


def test_password_is_not_an_argument(cli: Cli) -> None:
    """A password as an argument is refused, because shells and process lists show arguments."""
    assert cli("principals", "add", "a", "--password", PASSWORD).code == 2


def test_password_is_hashed(populated: Cli, config: Path) -> None:
    """The store holds a hash, and a service without a password holds none."""
    assert str(_hash(config, "alice")).startswith("$argon2id$")
    assert _hash(config, "sensor") is None


class Terminal:
    """Standard input that claims to be a terminal and returns one line."""

    def __init__(self, line: str = "") -> None:
        self.line = line

    def isatty(self) -> bool:
        return True

    def readline(self) -> str:
        return self.line


def test_password_asked_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """At a terminal the password is asked for twice without echo; if the inputs differ, it is not set."""
    asked: list[str] = []
    answers = iter([PASSWORD, PASSWORD + "!", PASSWORD, PASSWORD, "short"])
    judge = Passwords().unacceptable

    def ask(prompt: str) -> str:
        asked.append(prompt)
        return next(answers)

    monkeypatch.setattr("getpass.getpass", ask)
    monkeypatch.setattr("sys.stdin", Terminal())
    with pytest.raises(UsageError, match="differ"):
        new_password("alice", from_stdin=False, problem=judge)
    assert new_password("alice", from_stdin=False, problem=judge) == PASSWORD
    with pytest.raises(UsageError, match="8 characters"):
        new_password("alice", from_stdin=False, problem=judge)
    assert asked[0] == "New password for alice: "
    assert len(asked) == 5, "what may not be chosen need not be typed again"


@pytest.mark.parametrize(("answer", "goes_on"), [("yes\n", True), ("y\n", False), ("", False)])
def test_confirmation(answer: str, goes_on: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that cannot be undone continues only after the whole word `yes`."""
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    if goes_on:
        confirm("Really?", yes=False)
    else:
        with pytest.raises(UsageError, match="nothing was changed"):
            confirm("Really?", yes=False)


def test_password_changes(populated: Cli, config: Path) -> None:
    """A new password replaces the hash, and the trail knows who did it."""
    before = _hash(config, "alice")
    result = populated(
        "principals", "password", "alice", "--password-stdin", typed="new horse battery"
    )
    assert result.code == 0
    assert _hash(config, "alice") != before
    names = [one["name"] for one in populated("trail", "show", "--json").json]
    assert names[-2:] == ["authn_password_change", "authn_token_revoked"]
    assert "horse" not in populated("trail", "export").out


def test_disable_and_enable(populated: Cli) -> None:
    """A disabled principal is listed as such, and can be enabled again."""
    assert "void" in populated("principals", "disable", "alice").out
    assert _row(populated, "alice")["disabled"] is True
    assert populated("principals", "enable", "alice", "--json").json["enable"] is True
    assert _row(populated, "alice")["disabled"] is False
    assert "It was not disabled." in populated("principals", "enable", "alice").out


def test_remove_asks(populated: Cli) -> None:
    """Without a terminal, `remove` needs `--yes`."""
    result = populated("principals", "remove", "alice")
    assert result.code == 2
    assert "--yes" in result.err
    result = populated("principals", "remove", "alice", "--yes", "--json")
    assert result.json == {"principal": "alice", "remove": True, "closed": 0, "left": 0}
    assert populated("principals", "show", "alice").code == 1


def test_set_attributes(populated: Cli) -> None:
    """`set` sets and removes single attributes; a text stays a text."""
    populated("principals", "set", "mia", "badge=007", "level:=3")
    assert _row(populated, "mia")["attributes"] == {
        "moderates": ["lobby"],
        "badge": "007",
        "level": 3,
    }
    result = populated(
        "principals", "set", "mia", "--unset", "moderates", "--unset", "level", "--json"
    )
    assert result.json["attributes"] == {"badge": "007"}
    assert populated("principals", "set", "mia", "--unset", "zzz").code == 2
    assert populated("principals", "set", "mia").code == 2


def test_roles(populated: Cli) -> None:
    """Roles are listed with what they grant, given and taken."""
    assert populated("roles", "grant", "alice", "moderator").code == 0
    listed = {one["name"]: one for one in populated("roles", "list", "--json").json}
    assert listed["member"]["grants"] == ["chat:connect", "chat:say"]
    assert listed["moderator"]["principals"] == ["alice", "mia"]
    result = populated("roles", "list")
    assert "chat:connect" in result.out
    assert max(map(len, result.out.splitlines())) <= 80
    assert populated("roles", "withdraw", "alice", "moderator", "member").code == 0
    assert _row(populated, "alice")["roles"] == []


def test_roles_refused(populated: Cli) -> None:
    """A misspelt role is not given, and one that is not held cannot be taken."""
    assert "did you mean 'moderator'" in populated("roles", "grant", "alice", "moderatr").err
    result = populated("roles", "withdraw", "alice", "moderator")
    assert (result.code, result.err) == (
        1,
        "stormdoor: alice does not have moderator; it has: member\n",
    )
    assert populated("roles", "grant", "alice", "member").out.startswith("Nothing to grant.")


def test_roles_of_a_store_alone(
    populated: Cli, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the configuration, `roles list` shows the roles of the accounts."""
    monkeypatch.delenv("STORMDOOR_CONFIG")
    result = populated("roles", "list", "--store", f"sqlite:{config.parent}/door.db")
    assert result.code == 0
    assert "member" in result.out
    assert "--config" in result.err


def test_actor(populated: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every change says who made it: the user of the system."""
    rows = populated("trail", "show", "--json").json
    assert {one["actor"] for one in rows} == {f"cli:{getpass.getuser()}"}


@pytest.mark.parametrize(
    ("uid", "sudo", "shown"),
    [(0, "ada", "cli:root(ada)"), (0, None, "cli:root"), (4_000_000_000, "ada", "cli:4000000000")],
)
def test_actor_behind_sudo(
    uid: int, sudo: str | None, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only for root does SUDO_USER count; the actor then has both names."""
    monkeypatch.setattr("os.getuid", lambda: uid)
    monkeypatch.setenv("SUDO_USER", sudo or "")
    assert actor() == shown
