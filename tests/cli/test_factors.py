"""`stormdoor factors`: list and reset the second factors of a principal who has lost a phone."""

import asyncio
from pathlib import Path

import pytest

from stormdoor import Guard
from stormdoor.core.factor import Factor, FactorKind
from tests.cli.conftest import Cli
from tests.config.files import TRAIL_KEY


@pytest.fixture
def enrolled(populated: Cli, config: Path) -> Cli:
    """Alice has two factors, three recovery codes and a session."""

    async def enrol() -> None:
        guard = Guard(store=f"sqlite:{config.parent}/door.db", trail_key=TRAIL_KEY.encode())
        async with guard:
            for n, kind in enumerate(FactorKind):
                await guard.state.factors.add_factor(
                    Factor(
                        id=f"{n}" * 16,
                        principal_id="alice",
                        kind=kind,
                        name=f"thing {n}",
                        secret="SECRET",
                        created_at=float(n),
                        last_used_at=None if n else 1_767_225_600.0,
                    )
                )
            await guard.state.recovery_codes.set_recovery_codes("alice", ["a", "b", "c"])
            await guard.sessions.create("alice")

    asyncio.run(enrol())
    return populated


def test_list(enrolled: Cli) -> None:
    """`factors list` prints the factors at 80 columns and as JSON, without secrets."""
    result = enrolled("factors", "list", "alice")
    assert result.code == 0
    assert "totp" in result.out
    assert "never" in result.out
    assert "2026-01-01" in result.out
    assert "Recovery codes left: 3." in result.err
    assert max(map(len, result.out.splitlines())) <= 80
    found = enrolled("factors", "list", "alice", "--json").json
    assert [one["kind"] for one in found["factors"]] == ["totp", "passkey"]
    assert found["recovery_codes"] == 3
    assert "SECRET" not in str(found) + result.out


def test_list_says_that_there_is_no_factor(enrolled: Cli) -> None:
    """The command says that the principal has no second factor, or that there is no such principal."""
    result = enrolled("factors", "list", "mia")
    assert (result.code, result.err) == (1, "mia has no second factor.\n")
    result = enrolled("factors", "list", "alcie")
    assert result.code == 1
    assert "did you mean 'alice'" in result.err


@pytest.mark.parametrize("arguments", [(), ("1111", "--all")])
def test_remove_requires_an_id_or_all(enrolled: Cli, arguments: tuple[str, ...]) -> None:
    """`remove` needs an id or `--all`, and not both; otherwise it removes no factor."""
    assert enrolled("factors", "remove", "alice", *arguments).code == 2
    assert len(enrolled("factors", "list", "alice", "--json").json["factors"]) == 2


def test_remove_one(enrolled: Cli) -> None:
    """One factor is removed by the beginning of its id; its logins end, and the trail names the actor."""
    result = enrolled("factors", "remove", "alice", "1111")
    assert result.code == 0
    assert result.out.startswith("1 factor of alice removed.")
    left = enrolled("factors", "list", "alice", "--json").json
    assert [one["kind"] for one in left["factors"]] == ["totp"]
    assert left["recovery_codes"] == 3
    assert enrolled("sessions", "list", "alice").code == 1
    assert "authn_factor_removed" in enrolled("trail", "export").out


def test_remove_all(enrolled: Cli) -> None:
    """With all factors the recovery codes are removed."""
    assert enrolled("factors", "remove", "alice", "--all", "--json").json["removed"] == [
        "0" * 16,
        "1" * 16,
    ]
    left = enrolled("factors", "list", "alice", "--json").json
    assert (left["factors"], left["recovery_codes"]) == ([], 0)
    assert enrolled("factors", "remove", "alice", "--all").code == 1
