"""Rules in several processes: what is reported does not depend on how many there are."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from audit_tests.auditor.sources import HEAD, write
from stormdoor_audit.auditor.judging.endpoint import Endpoint
from stormdoor_audit.auditor.reading.module import Module
from stormdoor_audit.auditor.reading.project import Project
from stormdoor_audit.auditor.rule import Found, Rule
from stormdoor_audit.auditor.rules import RULES
from stormdoor_audit.auditor.scanning import engine, running
from stormdoor_audit.auditor.scanning.engine import scan
from stormdoor_audit.auditor.scanning.settings import Settings
from stormdoor_audit.report.finding import Check, Report

HANDLERS = "".join(
    f"class Door{n}(WebSocketHandler):\n    def on_message(self, message):\n"
    f"        helper.run(message)\n"
    for n in range(5)
)
HELPER = "import broken\n\ndef run(message):\n    eval(message){}\n    broken.anything(message)\n"


def _scan(top: Path, jobs: int) -> Report:
    report = scan([top], settings=Settings(root=top, jobs=jobs))
    return replace(report, started="", seconds=0.0)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project with five endpoints, and files that only a traced message reaches."""
    write(
        tmp_path,
        {
            "app.py": HEAD + "import helper\n" + HANDLERS,
            "helper.py": HELPER.format("  # stormdoor: ignore[SD502] a calculator in a sandbox"),
            "broken.py": "def anything(:\n",
        },
    )
    return tmp_path


def test_the_number_of_processes_does_not_matter(project: Path) -> None:
    """Comments in files that only a rule reads count, and so do files that do not parse."""
    one, three = _scan(project, 1), _scan(project, 3)
    assert one == three
    assert [found.finding.location.path for found in one.suppressed] == ["helper.py"]
    assert "SD502" not in {found.rule_id for found in one.findings}
    assert [found.path for found in one.coverage.not_analysed] == ["broken.py"]


def test_without_the_comment_it_is_reported(project: Path) -> None:
    """The control of the test above."""
    write(project, {"helper.py": HELPER.format("")})
    found = [one for one in _scan(project, 3).findings if one.rule_id == "SD502"]
    assert {one.location.path for one in found} == {"helper.py"}


def _with(monkeypatch: pytest.MonkeyPatch, check: object, *, on_module: bool = False) -> None:
    rule = next(one for one in RULES if one.meta.id == "SD101")
    rules = (
        Rule(rule.meta, on_module=check) if on_module else Rule(rule.meta, on_endpoint=check),  # type: ignore[arg-type]  # either
        *(one for one in RULES if one.meta.id != "SD101"),
    )
    monkeypatch.setattr(engine, "RULES", rules)


def test_a_process_that_ends_loses_its_endpoint_only(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when memory runs out: the endpoint is reported as not analysed, the others are judged."""
    mine = os.getpid()

    def check(endpoint: Endpoint) -> Iterator[Found]:
        if endpoint.subject.endswith("Door3") and os.getpid() != mine:
            os._exit(9)
        yield from ()

    _with(monkeypatch, check)
    report = _scan(project, 2)
    lost = [one for one in report.endpoints if "Not analysed" in one.verdict(Check.ORIGIN).evidence]
    assert [one.subject for one in lost] == ["app.Door3"]
    assert len(report.endpoints) == 5
    assert any("its process ended" in one.reason for one in report.coverage.not_analysed)
    assert any(one.rule_id == "SD502" for one in [s.finding for s in report.suppressed])


def test_a_rule_that_trips_loses_its_finding_only(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file on which a rule raises is reported as not analysed, from any process."""

    def check(module: Module, _: Project) -> Iterator[Found]:
        raise KeyError(module.name)
        yield

    _with(monkeypatch, check, on_module=True)
    for jobs in (1, 2):
        report = _scan(project, jobs)
        assert "a rule failed here: KeyError" in {
            one.reason for one in report.coverage.not_analysed
        }
        assert len(report.endpoints) == 5


def test_a_package_that_is_scanned_by_itself_imports_itself(tmp_path: Path) -> None:
    """`import frame.base` is found whether `frame` or the directory around it is scanned."""
    write(
        tmp_path / "frame",
        {
            "__init__.py": "",
            "base.py": HEAD
            + "class Base(WebSocketHandler):\n    def prepare(self):\n        raise HTTPError(403)\n",
            "doors/__init__.py": "",
            "doors/door.py": "from frame.base import Base\n# tornado\nclass Door(Base):\n"
            "    def on_message(self, message):\n        print(message)\n",
        },
    )
    settings = Settings(root=tmp_path, jobs=1)
    inner, outer = (scan([place], settings=settings) for place in (tmp_path / "frame", tmp_path))
    assert [one.subject for one in inner.endpoints] == ["frame.doors.door.Door"]
    assert inner.endpoints == outer.endpoints
    assert inner.coverage.unresolved == ()


def test_a_cast_is_no_call(tmp_path: Path) -> None:
    """`typing.cast()` returns its argument: here a check that admits every client."""
    body = (
        "import typing as t\nclass Gate:\n    def authenticate(self, token):\n        return True\n"
        "class Door(WebSocketHandler):\n    def prepare(self):\n"
        "        gate = t.cast('Gate', Gate())\n"
        "        if not gate.authenticate(self.get_argument('token')):\n"
        "            raise HTTPError(403)\n"
        "    def on_message(self, message):\n        print(message)\n"
    )
    write(tmp_path, {"app.py": HEAD + body})
    (door,) = scan([tmp_path], settings=Settings(root=tmp_path, jobs=1)).endpoints
    assert door.verdict(Check.AUTHENTICATION).state == "missing"


@pytest.mark.parametrize(("jobs", "apart"), [(0, False), (2, True)])
def test_many_lines_are_read_in_one_process(
    project: Path, monkeypatch: pytest.MonkeyPatch, jobs: int, *, apart: bool
) -> None:
    """A further process copies the syntax trees that it reads: only `--jobs` allows that for many lines."""
    started: list[int] = []
    in_turn = running._in_turn

    def noted(work: Any, tasks: Any, workers: int) -> Any:
        started.append(workers)
        return in_turn(work, tasks, workers)

    monkeypatch.setattr(running, "_in_turn", noted)
    monkeypatch.setattr(running, "_MANY_LINES", 10)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    report = scan([project], settings=Settings(root=project, jobs=jobs))
    assert report.findings
    assert bool(started) is apart
