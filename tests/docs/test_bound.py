"""How soon a revocation counts: one number for each store, wherever it is stated."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stormdoor.core.lease import BOUNDS, LEASE_SECONDS, bound_of
from stormdoor.stores import SqliteStore
from tests.support.project import ROOT

_OF_ONE_STORE = {
    "docs/tutorial/retrofit-two-handlers.md": "SQLite",
    "docs/how-to/guard-jupyterlab.md": "SQLite",
}
_OF_BOTH = (
    "README.md",
    "docs/explanation/freshness.md",
    "docs/how-to/revoke.md",
    "docs/reference/cli.md",
    "docs/reference/threats/stale-authorization.md",
)
_LOOSE = re.compile(r"half a second|within (a|one) second\b", re.IGNORECASE)
"""A promise that is none of the numbers."""
_OF_SOMETHING_ELSE = {
    "docs/reference/probe.md",
    "docs/reference/events.md",
    "src/stormdoor/cli/reference.py",
    "src/stormdoor/guard/trail.py",
    "src/stormdoor/tornado/unguarded_connections.py",
}
"""Half a second of a prober, of equal refusals, and of a search through memory."""
_NUMBER = re.compile(r"\b([\d.,]+) (s|ms|seconds?) on (PostgreSQL|SQLite)\b")


def _texts() -> dict[str, str]:
    """Return the documents, help texts and code, with one space for each white space."""
    files = [
        ROOT / "README.md",
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "src").rglob("*.py"),
        *(ROOT / "src").rglob("*.txt"),
    ]
    return {
        str(file.relative_to(ROOT)): " ".join(file.read_text(encoding="utf-8").split())
        for file in files
        if "decisions" not in file.parts  # they describe the past
    }


def test_store_has_the_lease_of_the_table() -> None:
    """The stores take their lease from the one place."""
    pytest.importorskip("asyncpg")
    from stormdoor.stores.postgresql.store import PostgresqlStore

    assert SqliteStore(Path("door.db")).lease_seconds == LEASE_SECONDS["SQLite"]
    assert PostgresqlStore("postgresql://a@b/c").lease_seconds == LEASE_SECONDS["PostgreSQL"]


@pytest.mark.parametrize("page", _OF_BOTH)
def test_page_states_the_bound_of_both_stores(page: str) -> None:
    """The sentence is the one of the code."""
    assert BOUNDS in _texts()[page]


@pytest.mark.parametrize(("page", "store"), _OF_ONE_STORE.items())
def test_page_about_one_store_states_its_bound(page: str, store: str) -> None:
    """A page with a SQLite file states the bound of SQLite."""
    assert f"within {bound_of(LEASE_SECONDS[store]):g} s" in _texts()[page]


def test_no_text_makes_another_promise() -> None:
    """No document, help text or docstring says *half a second* or *within a second*."""
    assert {name for name, text in _texts().items() if _LOOSE.search(text)} <= _OF_SOMETHING_ELSE


def test_each_number_is_one_of_the_store() -> None:
    """A number of seconds on a store is its lease, its bound, or the longest wait for a silent node."""
    for name, text in _texts().items():
        for number, unit, store in _NUMBER.findall(text):
            lease = LEASE_SECONDS[store]
            seconds = float(number.replace(",", "")) / (1000 if unit == "ms" else 1)
            assert seconds in {lease, bound_of(lease), 2 * lease}, (name, number, store)


def test_freshness_page_has_the_leases() -> None:
    """The table of the leases, and their quarter, in which the heartbeat comes."""
    page = _texts()["docs/explanation/freshness.md"]
    for store, lease in LEASE_SECONDS.items():
        assert f"| {store} | {lease:g} s | every {lease / 4:g} s |" in page
