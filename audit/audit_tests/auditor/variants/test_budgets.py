"""A search that ends with its budget finds no door closed that is open."""

import re
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType

import pytest

from audit_tests.auditor.sampling import chosen
from audit_tests.auditor.sources import HEAD
from audit_tests.auditor.variants import actions, hostile_origins
from audit_tests.auditor.variants.test_variants import (
    OF_LOGINS,
    TABLES_OF_CHECKS,
    TABLES_OF_MEMBERS,
    endpoint_of,
    permission,
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
VISITED = "on the front page|in the page of|that the route gives|every page has"

Program = tuple[Check, str, dict[str, str]]


def _open() -> Iterator[tuple[str, Program]]:
    """Programs in which something is open, with what that is."""
    for name, (wanted, body, files) in chosen(*OF_LOGINS).items():
        if "guarded" not in wanted.split("|"):
            yield name, (Check.AUTHENTICATION, HEAD + body, files)
    for name, (wanted, check, before) in chosen(*TABLES_OF_CHECKS).items():
        if wanted in {"open", "weak"}:
            inner = textwrap.indent(textwrap.dedent(check), " " * 8)
            body = hostile_origins.FRAME.format(before=before, check=inner)
            yield name, (Check.ORIGIN, HEAD + body, {})
    for name, (wanted, text) in chosen(*TABLES_OF_MEMBERS).items():
        if wanted == "missing":
            yield name, (Check.AUTHORIZATION, HEAD + actions.BASE + text, {})


def _is_said_to_be_closed(endpoint: Endpoint, check: Check) -> bool:
    found = check is Check.AUTHORIZATION and permission(endpoint) == "missing"
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
        name: (check, endpoint_of(tmp_path / str(number), text, files))
        for number, (name, (check, text, files)) in enumerate(chosen.items())
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
