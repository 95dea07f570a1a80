"""`stormdoor explain`: the policies speak."""

from pathlib import Path

import pytest

from tests.cli.conftest import Cli

KICK = ("mia", "chat:kick", "--resource", "room:lobby")

CASES: dict[str, tuple[tuple[str, ...], int, str]] = {
    "a role": (("alice", "chat:say"), 0, "role:member"),
    "nothing": (("alice", "chat:kick"), 1, "nothing grants chat:kick to alice"),
    "a permit": (KICK, 0, "allowed by permit-1"),
    "its condition": (KICK, 0, "when resource.id in principal.moderates"),
    "another room": (("mia", "chat:kick", "--resource", "room:ops"), 1, "does not apply"),
    "no resource": (("mia", "chat:kick"), 1, "the action names no resource"),
    "whom it is for": (("alice", "chat:kick"), 1, "for moderator"),
    "scopes": (("alice", "chat:say", "--scope", "chat:connect"), 1, "do not cover chat:say"),
    "other roles": (("zoe", "chat:say", "--role", "member"), 0, "Roles: member."),
    "other attributes": (
        ("zoe", *KICK[1:], "--role", "moderator", "--attribute", 'moderates:=["lobby"]'),
        0,
        "permit-1",
    ),
    "another tenant": (
        ("alice", "chat:say", "--resource", "room:lobby", "--resource-tenant", "acme"),
        1,
        "another tenant",
    ),
    "its own tenant": (
        (
            *("zoe", "chat:say", "--resource", "room:lobby", "--resource-tenant", "acme"),
            *("--role", "member", "--tenant", "acme"),
        ),
        0,
        "role:member",
    ),
    "a role that is not defined": (
        ("zoe", "chat:say", "--role", "nurse"),
        1,
        "is not defined and grants nothing",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_explained(case: str, populated: Cli) -> None:
    """The exit code is the verdict, and the output explains it."""
    arguments, code, said = CASES[case]
    result = populated("explain", *arguments)
    assert result.code == code, result.err
    assert result.out.startswith("denied: " if code else "allowed: ")
    assert said in result.out
    assert max(map(len, result.out.splitlines())) <= 80


def test_as_json(populated: Cli) -> None:
    """Scripts get the decision with its steps."""
    found = populated("explain", *KICK, "--json").json
    assert found["allowed"] is True
    assert found["policies"] == ["permit-1"]
    assert found["steps"] == [
        {
            "id": "permit-1",
            "effect": "permit",
            "applies": True,
            "said": "applies",
            "roles": ["moderator"],
            "when": ["resource.id in principal.moderates"],
        }
    ]


POLICIES = """
from stormdoor import PolicySet, forbid, permit

def at_night(request):
    return request.environment.now % 86400 < 6 * 3600

POLICIES = PolicySet([
    permit("door:open"),
    forbid("door:open", when=at_night, id="closed-at-night"),
    forbid("door:open", when='environment.address within "203.0.113.0/24"', id="not-from-there"),
    forbid("door:open", when="environment.authentication_age > 900", id="too-long-ago"),
    forbid("door:open", when="environment.strength < 2", id="one-factor"),
    forbid("door:open", when='environment.kind == "jwt"', id="tokens"),
    forbid("door:open", when='environment.endpoint == "/x"', id="endpoint"),
    forbid("door:open", when='resource.colour == "red"', id="red"),
])
NOT = 1
"""

GOOD = ("zoe", "door:open", "--resource", "door:1", "--resource-attribute", "colour=blue")
DAY = ("--strength", "2", "--at", "2026-01-01T12:00")

CIRCUMSTANCES: dict[str, tuple[tuple[str, ...], str]] = {
    "all well": (DAY, "allowed"),
    "time": (("--strength", "2", "--at", "2026-01-01T01:00+00:00"), "closed-at-night"),
    "time elsewhere": (("--strength", "2", "--at", "2026-01-01T12:00+09:00"), "closed-at-night"),
    "address": ((*DAY, "--address", "203.0.113.5"), "not-from-there"),
    "age": ((*DAY, "--age", "16min"), "too-long-ago"),
    "strength": (DAY[2:], "one-factor"),
    "kind": ((*DAY, "--kind", "jwt"), "tokens"),
    "endpoint": ((*DAY, "--endpoint", "/x"), "endpoint"),
}


@pytest.mark.parametrize("case", CIRCUMSTANCES)
def test_circumstances_and_policies_in_python(
    case: str, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Policies may be Python, found from the working directory; every circumstance can be given."""
    (tmp_path / "explained_policies.py").write_text(POLICIES, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    arguments, said = CIRCUMSTANCES[case]
    result = cli(
        *("explain", *GOOD, "--role", "any", "--policies", "explained_policies:POLICIES"),
        *arguments,
    )
    assert said in result.out.splitlines()[0 if said == "allowed" else 1]
    assert "explained_policies.at_night" in result.out


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("alce", "chat:say"), 1, "did you mean 'alice'? (or say what it has, with --role)"),
        (("alice", "Chat"), 2, "not a permission"),
        (("alice", "chat:say", "--resource", "lobby"), 2, "type:id"),
        (("alice", "chat:say", "--resource-tenant", "x"), 2, "which resource?"),
        (("alice", "chat:say", "--at", "noon"), 2, "no time"),
        (("alice", "chat:say", "--age", "old"), 2, "not a duration"),
        (("alice", "chat:say", "--policies", "x"), 2, "module:NAME"),
        (("alice", "chat:say", "--policies", "no_such_module:X"), 2, "cannot be imported"),
        (("alice", "chat:say", "--policies", "stormdoor:Guard"), 2, "no PolicySet"),
        (("alice", "chat:say", "--store", "sqlite:x"), 2, "a store does not hold policies"),
    ],
)
def test_invalid_question(
    populated: Cli, arguments: tuple[str, ...], code: int, message: str
) -> None:
    """An invalid question is an error, not a denial without a reason."""
    result = populated("explain", *arguments)
    assert (result.code, result.out) == (code, "")
    assert message in result.err


@pytest.mark.parametrize("by", ["option", "environment"])
def test_a_file_without_policies(
    by: str, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program may define its policies in Python, so that "denied" would be the wrong answer."""
    file = tmp_path / "empty.toml"
    file.write_text('store = "sqlite:door.db"\n', encoding="utf-8")
    monkeypatch.delenv("STORMDOOR_CONFIG")
    if by == "environment":
        monkeypatch.setenv("STORMDOOR_CONFIG", str(file))
    options = ("--config", str(file)) if by == "option" else ()
    result = cli("explain", "a", "chat:say", "--role", "member", *options)
    assert (result.code, result.out) == (2, "")
    assert "empty.toml has no policies; give --policies module:NAME" in result.err
    assert '[[policies.role]] with name = "member"' in result.err


def test_no_installation(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """With policies from Python, `explain` needs a store or an option with roles."""
    monkeypatch.delenv("STORMDOOR_CONFIG")
    result = cli("explain", "a", "b", "--policies", "stormdoor.demo.policies:POLICIES")
    assert result.code == 2
    assert "--role" in result.err


def test_a_kind_that_is_not_installed_is_reported(populated: Cli) -> None:
    """A misspelt kind would explain a decision that no request gets."""
    result = populated("explain", "alice", "chat:connect", "--kind", "sesion")
    assert "no kind sesion is installed; the kinds here are session, ticket," in result.err
    assert "no kind" not in populated("explain", "alice", "chat:connect", "--kind", "jwt").err
