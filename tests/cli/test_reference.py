"""`stormdoor trail show --ref`: the refusal that a user has quoted, explained."""

import asyncio
import re
from pathlib import Path

import pytest

from stormdoor import Denial, Guard
from stormdoor.cli.reference import UNKNOWN, parse_reference
from stormdoor.cli.remedies import MEANINGS, REMEDIES
from stormdoor.cli.usage import UsageError
from stormdoor.core.event import Event
from stormdoor.guard.references import new_reference
from tests.cli.conftest import Cli
from tests.config.files import TRAIL_KEY
from tests.guard.fakes import bearer, refused, settle

REF = "7GQ2M4XK9B"


def _append(config: Path, *events: Event) -> None:
    async def append() -> None:
        guard = Guard(store=f"sqlite:{config.parent}/door.db", trail_key=TRAIL_KEY.encode())
        await guard.state.open()
        await guard.state.trail.append_events(events)
        await guard.state.close()

    asyncio.run(append())


def _words(text: str) -> str:
    """Return the text in one line."""
    return " ".join(text.split())


@pytest.mark.parametrize("denial", Denial, ids=str)
def test_each_cause_is_explained(denial: Denial, populated: Cli, config: Path) -> None:
    """The answer to the client, the meaning, the facts and the remedy are printed, at 80 columns."""
    _append(config, Event(time=1.0, name="x", cause=denial.value, ref=REF, detail="origins = []"))
    result = populated("trail", "show", "--ref", REF)
    assert result.code == 0
    shown = _words(result.out)
    for part in (MEANINGS[denial], REMEDIES[denial], "the user saw", "details origins = []"):
        assert part.replace("`", "") in shown
    assert max(map(len, result.out.splitlines())) <= 80


def test_what_the_client_got_leads_to_its_refusal(populated: Cli, config: Path) -> None:
    """The reference of an answer finds its entry, with the line that allows the origin and the node."""

    async def refuse() -> str:
        guard = Guard(
            store=f"sqlite:{config.parent}/door.db",
            trail_key=TRAIL_KEY.encode(),
            node="web-1",
            origins=["https://app.example"],
        )
        await settle(guard)
        refusal = await refused(guard, bearer("alice", origin="https://other.example"))
        await guard.close()
        return refusal.ref

    ref = asyncio.run(refuse())
    shown = _words(populated("trail", "show", "--ref", ref.lower()).out)
    assert "malicious_cors" in shown
    assert 'origins = ["https://other.example"]' in shown
    assert "node web-1" in shown


def test_a_forbidden_principal_is_quoted_for_the_shell(populated: Cli, config: Path) -> None:
    """The printed command explains the decision; a principal's name runs nothing in it."""
    name = "x; rm -rf ~ \x1b[2J"
    event = Event(
        time=1.0, name="x", cause="forbidden", ref=REF, principal=name, permission="chat:kick"
    )
    _append(config, event)
    out = populated("trail", "show", "--ref", REF).out
    assert r"stormdoor explain 'x; rm -rf ~ \x1b[2J' chat:kick" in _words(out)
    assert "\x1b" not in out


def test_merged_refusals_are_explained(populated: Cli, config: Path) -> None:
    """An entry for several refusals says that the reference is that of the first."""
    _append(config, Event(time=1.0, name="x", cause="busy", ref=REF, count=7))
    shown = _words(populated("trail", "show", "--ref", REF).out)
    assert "7 refusals are this entry; the first has this reference." in shown


def test_an_entry_without_a_cause_is_shown_without_explanation(
    populated: Cli, config: Path
) -> None:
    """An application may record a cause of its own; the entry is shown without a remedy."""
    _append(config, Event(time=1.0, name="x", cause="of-the-application", ref=REF))
    result = populated("trail", "show", "--ref", REF)
    assert (result.code, "remedy" in result.out) == (0, False)
    assert "remedy" not in populated("trail", "show", "--ref", REF, "--json").out


def test_unknown_reference(populated: Cli, config: Path) -> None:
    """A reference without an entry says why that may be; so does that of an erased entry."""
    _append(config, Event(time=1.0, name="x", cause="busy", ref=REF, principal="zoe"))
    populated("trail", "erase", "zoe", "--yes")
    for ref in (REF, new_reference()):
        result = populated("trail", "show", "--ref", ref)
        assert (result.code, result.out) == (1, "")
        assert UNKNOWN in _words(result.err)
        result = populated("trail", "show", "--ref", ref, "--since", "2020-01-01")
        assert "There are no such entries." in result.err


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "7GQ2M4XK9",
        "7GQ2M4XK9BB",
        "7GQ2M4XK9U",
        "7GQ2M4XK9%",
        "7GQ2M4XK9\0",
        "\uff17GQ2M4XK9B",
    ],
    ids=ascii,
)
def test_malformed_reference(text: str) -> None:
    """A text that no answer contained is an error with the form of a reference."""
    with pytest.raises(UsageError, match="is no reference; one has 10 digits and letters"):
        parse_reference(text)


def test_read_aloud() -> None:
    """Small letters, spaces around and letters that look like digits are accepted."""
    assert parse_reference(" olid4xk9b0 ") == "01" + "1D4XK9B0"
    for _ in range(100):
        ref = new_reference()
        assert re.fullmatch("[0-9A-Z]{10}", ref)
        assert parse_reference(ref) == parse_reference(ref.lower()) == ref
