"""The pages about scanning, the action and the hooks: what they say is run."""

import json
import os
import re
import shlex
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from audit_tests.report.sample import REPORT
from stormdoor_audit.auditor.scanning.configuration import Configuration
from stormdoor_audit.cli.main import run
from stormdoor_audit.report.as_json import SCHEMA, as_json
from stormdoor_audit.report.baseline import SCHEMA as BASELINE_SCHEMA
from tests.docs.pages import blocks, commands
from tests.support.project import ROOT

HOW_TO = ROOT / "docs" / "how-to"
PROJECT, CI = HOW_TO / "scan-a-project.md", HOW_TO / "scan-in-ci.md"
REFERENCE = ROOT / "docs" / "reference" / "scan.md"


@dataclass(frozen=True)
class Done:
    """Exit code and output of a command."""

    code: int
    out: str
    err: str


Called = Callable[[str], Done]


def script(folder: Path, text: str, **environment: str) -> int:
    """Run a script of the shell, and return how it ended."""
    done = subprocess.run(
        ["bash", "-euc", text], cwd=folder, env={**os.environ, **environment}, check=False
    )
    return done.returncode


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The project of the page, with its settings, below a repository of its own."""
    for block in blocks(PROJECT):
        if block.caption:
            (tmp_path / block.caption).write_text(block.text, encoding="utf-8")
    (tmp_path / ".git").mkdir()
    return tmp_path


@pytest.fixture
def called(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Called:
    """Runs a command of a page in the project; in this process, since there are many."""
    monkeypatch.chdir(project)
    monkeypatch.setenv("XDG_CACHE_HOME", str(project / ".cache"))
    monkeypatch.setenv("NO_COLOR", "1")

    def command(line: str) -> Done:
        capsys.readouterr()
        name, *arguments = shlex.split(line)
        assert name == "stormdoor-audit"
        code = run(arguments)
        return Done(code, *capsys.readouterr())

    return command


def test_commands_of_the_project_page(project: Path, called: Called) -> None:
    """Each command of the page runs; those that scan find the open endpoint."""
    for command in commands(PROJECT):
        scans = not re.search(r"--(rules|explain)", command)
        assert called(command).code == int(scans), command
    assert (project / "report.html").read_text("utf-8").startswith("<!doctype html>")
    shown = called("stormdoor-audit scan . --diff").out
    assert 'return origin in {"https://app.example"}' in shown


def test_suppression_of_the_project_page(project: Path, called: Called) -> None:
    """The comment on the page is one that is understood."""
    [block] = [one for one in blocks(PROJECT, "python") if not one.caption]
    text = "from tornado.websocket import WebSocketHandler\n\n\n" + block.text
    (project / "app.py").write_text(text)
    report = json.loads(called("stormdoor-audit scan . --format json").out)
    assert [one["finding"]["rule_id"] for one in report["suppressed"]] == ["SD101"]
    assert "SD101" not in {one["rule_id"] for one in report["findings"]}


def test_commands_of_the_ci_page(project: Path, called: Called) -> None:
    """A baseline makes the second scan quiet; the settings of the page are read."""
    (project / "src").mkdir()
    (project / "app.py").rename(project / "src" / "app.py")
    (project / "pyproject.toml").unlink()
    assert [called(command).code for command in commands(CI)] == [1, 1, 0, 0]
    (settings,) = blocks(CI, "toml")
    (project / settings.caption).write_text(settings.text, encoding="utf-8")
    done = called("stormdoor-audit scan")
    assert (done.code, done.err) == (0, "")


def test_workflows_are_yaml() -> None:
    """The workflows of the page parse, and use only inputs that the action has."""
    inputs = set(action()["inputs"])
    named: set[str] = set()

    def steps(found: Any) -> None:
        match found:
            case {"uses": str() as uses, "with": dict() as given} if "stormdoor@" in uses:
                named.update(given)
            case dict():
                for one in found.values():
                    steps(one)
            case list():
                for one in found:
                    steps(one)

    for block in blocks(CI, "yaml"):
        steps(yaml.safe_load(block.text))
    assert named
    assert named <= inputs
    text = CI.read_text("utf-8")
    assert {one for one in inputs if f"`{one}`" not in text} <= {"python"}


def action() -> Any:
    """The action at the root."""
    return yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))


STAND_IN = """#!/usr/bin/env bash
printf '%s\\n' "$@" >"$TOLD"
exit "$CODE"
"""


@pytest.mark.parametrize(
    ("inputs", "arguments"),
    [
        ({}, []),
        ({"FAIL_ON": "never", "BASELINE": "b c"}, ["--fail-on=never", "--baseline=b c"]),
        ({"SINCE": "main", "ENVIRONMENT": ".venv"}, ["--since=main", "--python=.venv"]),
        ({"PATHS": "a b\n--help\n$(touch ran)\n"}, ["--", "a b", "--help", "$(touch ran)"]),
        ({"HTML": "`touch ran`"}, ["--output=`touch ran`"]),
        ({"ALLOWED": "true"}, ["--allow-not-analysed"]),
    ],
)
@pytest.mark.parametrize("code", [0, 1, 2])
def test_action(tmp_path: Path, inputs: dict[str, str], arguments: list[str], code: int) -> None:
    """The action passes its inputs on as they are, and takes none of them for a command."""
    step = action()["runs"]["steps"][1]
    assert "${{" not in step["run"]
    program = tmp_path / "stormdoor" / "bin" / "stormdoor-audit"
    program.parent.mkdir(parents=True)
    program.write_text(STAND_IN)
    program.chmod(0o755)
    variables = dict.fromkeys(step["env"], "") | {"SARIF": "stormdoor.sarif"} | inputs
    files = {"TOLD": str(tmp_path / "told"), "GITHUB_OUTPUT": str(tmp_path / "outputs")}
    ended = script(
        tmp_path, step["run"], RUNNER_TEMP=str(tmp_path), CODE=str(code), **files, **variables
    )
    assert ended == code
    told = (tmp_path / "told").read_text().splitlines()
    assert told[:4] == ["scan", "--quiet", "--output=stormdoor.sarif", "--format=sarif"]
    assert set(arguments) <= set(told[4:])
    # What is no option comes after `--`: nothing in it can become one.
    at = told.index("--")
    assert [one for one in arguments if not one.startswith("--") or one == "--help"] == told[
        at + 1 :
    ]
    assert (tmp_path / "outputs").read_text().splitlines() == [
        "sarif=stormdoor.sarif",
        f"findings={'true' if code == 1 else 'false'}",
        "not-analysed=false",
    ]
    assert not (tmp_path / "ran").exists()


NOT_COMPLETE = """#!/usr/bin/env bash
echo '"executionSuccessful": false' >stormdoor.sarif
[[ " $* " == *" --allow-not-analysed "* ]]
"""


@pytest.mark.parametrize(("allowed", "code"), [("", 1), ("true", 0)])
def test_action_fails_where_something_was_not_analysed(
    tmp_path: Path, allowed: str, code: int
) -> None:
    """A scan without findings that left a file out fails the job, and the outputs tell the two apart."""
    step = action()["runs"]["steps"][1]
    program = tmp_path / "stormdoor" / "bin" / "stormdoor-audit"
    program.parent.mkdir(parents=True)
    program.write_text(NOT_COMPLETE)
    program.chmod(0o755)
    variables = dict.fromkeys(step["env"], "") | {"SARIF": "stormdoor.sarif", "ALLOWED": allowed}
    ended = script(
        tmp_path,
        step["run"],
        RUNNER_TEMP=str(tmp_path),
        GITHUB_OUTPUT=str(tmp_path / "outputs"),
        **variables,
    )
    assert ended == code
    assert (tmp_path / "outputs").read_text().splitlines()[1:] == [
        "findings=false",
        "not-analysed=true",
    ]


@pytest.mark.parametrize("code", [0, 1, 3])
def test_action_probes(tmp_path: Path, code: int) -> None:
    """The last step runs the probe of the file that the input names, and ends as the probe does."""
    step = action()["runs"]["steps"][2]
    assert "${{" not in step["run"]
    assert "inputs.probe != ''" in step["if"]
    program = tmp_path / "stormdoor" / "bin" / "stormdoor-audit"
    program.parent.mkdir(parents=True)
    program.write_text(STAND_IN)
    program.chmod(0o755)
    files = {"TOLD": str(tmp_path / "told"), "GITHUB_OUTPUT": str(tmp_path / "outputs")}
    variables = {"RUNNER_TEMP": str(tmp_path), "PROBE": "$(touch ran)", "SARIF": "p.sarif"}
    assert script(tmp_path, step["run"], CODE=str(code), **files, **variables) == code
    told = (tmp_path / "told").read_text().splitlines()
    assert told == ["probe", "--quiet", "--config=$(touch ran)", "--output=p.sarif"]
    assert (tmp_path / "outputs").read_text().splitlines() == ["sarif=p.sarif"]
    assert not (tmp_path / "ran").exists()


def test_options_of_the_action_exist(project: Path, called: Called) -> None:
    """The command understands what the action writes."""
    line = "stormdoor-audit scan --quiet --output=a.sarif --format=sarif --output=b.html --fail-on=never"
    assert called(f"{line} -- app.py").code == 0
    assert called(f"{line} -- ").code == 0
    assert called(f"{line} -- --help").code == 2
    assert json.loads((project / "a.sarif").read_text("utf-8"))["version"] == "2.1.0"


def test_hooks(project: Path, called: Called) -> None:
    """The entries of the hooks are commands that work in a repository."""
    (project / ".git").rmdir()
    git = "git -c user.name=t -c user.email=t@e.org"
    assert script(project, f"git init -q; {git} commit -q --allow-empty -m x") == 0
    for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8")):
        done = called(hook["entry"])
        assert (done.code, done.err) == (1, "")
        assert "SD101" in done.out


def test_reference_lists_every_setting_and_field() -> None:
    """A setting, a field of the JSON or a schema that the page does not name fails this."""
    text = REFERENCE.read_text("utf-8")
    names = {name.replace("_", "-") for name in Configuration.__struct_fields__}
    names |= {SCHEMA, BASELINE_SCHEMA}
    document = json.loads(as_json(REPORT))
    names |= set(document) - {"schema"}
    for part in (
        document["findings"][0],
        document["findings"][0]["location"],
        document["endpoints"][0],
        document["coverage"],
        document["suppressed"][0],
    ):
        names |= set(part)
    assert {name for name in names if f"`{name}`" not in text} == set()
