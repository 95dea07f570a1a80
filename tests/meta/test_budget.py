"""The hot path costs no more instructions than `bench/budget.toml` allows."""

from __future__ import annotations

import importlib.util
import shutil
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

BENCH = Path(__file__).parents[2] / "bench"


def load() -> ModuleType:
    """The script, as a module."""
    spec = importlib.util.spec_from_file_location("bench_budget", BENCH / "budget.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


budget = load()
ALLOWED = {"reference": 1000, "message": 200, "handshake": 5000}


@pytest.mark.parametrize(
    ("found", "failed"),
    [
        (ALLOWED, set()),
        (ALLOWED | {"message": 210}, set()),
        (ALLOWED | {"message": 211}, {"message"}),
        (ALLOWED | {"message": 150}, set()),
        (ALLOWED | {"new": 1}, {"new"}),
        ({"reference": 1000, "message": 200}, {"handshake"}),
        # Another build of Python, slower by a fifth in everything.
        ({name: round(1.2 * count) for name, count in ALLOWED.items()}, set()),
        # And one that is not, so that a fifth more is ours.
        (ALLOWED | {"handshake": 6000}, {"handshake"}),
    ],
)
def test_more_than_a_twentieth_fails(found: dict[str, int], failed: set[str]) -> None:
    """An increase of more than a twentieth fails unless the budget is changed."""
    verdicts = budget.compare(found, ALLOWED)
    assert {one.text.partition(":")[0] for one in verdicts if one.failed} == failed


def test_bytes_are_compared_without_a_reference() -> None:
    """The memory of another build is not scaled by the speed of its Python."""
    assert not budget.compare({"idle": 105}, {"idle": 100})[0].failed
    assert budget.compare({"idle": 106}, {"idle": 100})[0].failed


@pytest.mark.extended
def test_an_idle_connection_is_within_its_budget() -> None:
    """The bytes that Python allocates for a connection without messages, after the tick."""
    allowed = tomllib.loads(budget.BUDGET.read_text())
    if allowed["environment"] != budget.environment():
        pytest.skip(f"the budget is for {allowed['environment']}, not {budget.environment()}")
    verdicts = budget.compare(budget.idle_bytes(), allowed["bytes"])
    assert not [one.text for one in verdicts if one.failed], (
        "make it smaller again, or run `python bench/budget.py --write` and say in the commit why"
    )


@pytest.mark.extended
@pytest.mark.slow
def test_the_hot_path_is_within_its_budget() -> None:
    """Counted, not timed: the same on a busy machine."""
    if shutil.which("valgrind") is None:
        pytest.skip("valgrind is not installed: the instructions of the hot path cannot be counted")
    allowed = tomllib.loads(budget.BUDGET.read_text())
    if allowed["environment"] != budget.environment():
        pytest.skip(f"the budget is for {allowed['environment']}, not {budget.environment()}")
    try:
        found = budget.count()
    except RuntimeError as error:
        if "ptrace" in str(error) or "Operation not permitted" in str(error):
            pytest.skip(f"callgrind cannot be controlled here: {error}")
        raise
    verdicts = budget.compare(found, allowed["instructions"])
    assert not [one.text for one in verdicts if one.failed], (
        "make it cheaper again, or run `python bench/budget.py --write` and say in the commit why"
    )
