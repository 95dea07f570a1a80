"""A search that ends with its budget finds no door closed that is open."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType

import pytest

from audit_tests.auditor.programs.table import (
    ANSWERS,
    endpoint_of,
    lines_of,
    read_program,
    sampled,
)
from stormdoor_audit.auditor.connection import exploration, fronts, origins, run, tricks, visits
from stormdoor_audit.auditor.interpreter import machine, shaping, surroundings
from stormdoor_audit.auditor.interpreter.calls import attributes, functions
from stormdoor_audit.auditor.judging.endpoint import Endpoint
from stormdoor_audit.auditor.judging.table import verdicts
from stormdoor_audit.report.finding import Check

Limits = Mapping[tuple[ModuleType, str], object]


def _ways(steps: int) -> Limits:
    return {(exploration, "_MAX_STEPS"): {"anonymous": steps, "member": steps, "origin": steps}}


BUDGETS: dict[str, Limits] = {
    "one way": {(exploration, "_MAX_PATHS"): 1},
    "three ways": {(exploration, "_MAX_PATHS"): 3},
    "few steps": _ways(60),
    "more steps": _ways(200),
    "short ways": {(machine, "_MAX_STEPS"): 20},
    "longer ways": {(machine, "_MAX_STEPS"): 60},
    "shallow calls": {(machine, "_MAX_DEPTH"): 4},
    "deeper calls": {(machine, "_MAX_DEPTH"): 6},
    "short constructors": {(functions, "_CONSTRUCTION"): 5, (run, "_CONSTRUCTION"): 5},
    "little around": {
        (surroundings, "_WORTH"): 5,
        (shaping, "_WORTH"): 5,
        (fronts, "_WORTH"): 10,
        (attributes, "_GETTER"): 3,
    },
    "short visits": {(visits, "_WORTH"): 10},
    "no visits": {(visits, "_MAX_VISITED"): 0},
    "one round of visits": {(visits, "_ROUNDS"): 0},
    "few origins": {(origins, "_MAX_STEPS"): 30},
    "few texts": {(tricks, "_MAX_TREES"): 1, (tricks, "_MAX_TEXTS"): 1},
}
EACH = 40
"""Of so many programs one is judged with each budget, with the next budget the next one."""
VISITED = "on-the-front-page|in-the-page-of|that-the-route-gives|every-page-has"

Program = tuple[Check, dict[str, str]]


_CHECKS = {
    "authentication": Check.AUTHENTICATION,
    "origin": Check.ORIGIN,
    "authorization": Check.AUTHORIZATION,
}
_CLOSED = frozenset({"default", "guarded", "ok", "restricted", "unknown"})


def _open() -> Iterator[tuple[str, Program]]:
    """Programs in which something is open, with the check that is missing."""
    for name, line in sampled(lines_of(*_CHECKS)).items():
        if not line.expected & _CLOSED:
            yield name, (_CHECKS[line.question], read_program(line.id))


def _is_said_to_be_closed(endpoint: Endpoint, check: Check) -> bool:
    found = check is Check.AUTHORIZATION and ANSWERS["authorization"](endpoint) == "missing"
    return not found and verdicts(endpoint, [])[check].state == "guarded"


@pytest.mark.slow
@pytest.mark.unmeasured
@pytest.mark.parametrize("at", range(len(BUDGETS)), ids=list(BUDGETS))
def test_what_is_open_is_never_closed_for_want_of_work(
    at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a limit ends the search, the report says so, or has the earlier finding."""
    programs = dict(_open())
    # What hangs on other pages is few programs, and all of them are tried.
    chosen = dict([*programs.items()][at::EACH])
    chosen |= {name: one for name, one in programs.items() if re.search(VISITED, name)}
    endpoints = {
        name: (check, endpoint_of(tmp_path / str(number), files))
        for number, (name, (check, files)) in enumerate(chosen.items())
    }
    for (module, name), value in [*BUDGETS.values()][at].items():
        monkeypatch.setattr(module, name, value)
    for _, one in endpoints.values():
        one.project.budget.forget()
    closed = [
        name
        for name, (check, one) in endpoints.items()
        if _is_said_to_be_closed(Endpoint(one.project, one.hierarchy, one.info, one.routes), check)
    ]
    assert closed == []
