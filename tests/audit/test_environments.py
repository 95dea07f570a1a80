"""Each package in an environment of its own, as users install it: it does what the pages say."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from tests.support.environments import Environment, build, install
from tests.support.installing import NotInstalledError, missing
from tests.support.project import AUDIT, ROOT

pytestmark = [pytest.mark.installs, pytest.mark.slow, pytest.mark.xdist_group("environments")]

_PATIENCE = 60.0
EXAMPLE = ROOT / "examples" / "chat.py"
OPEN = """\
from tornado.web import Application
from tornado.websocket import WebSocketHandler


class Chat(WebSocketHandler):
    def check_origin(self, origin):
        return True


app = Application([("/chat", Chat)])
"""


def _or_skip(make: Callable[[], Environment]) -> Environment:
    """Make an environment; where its packages cannot be had, skip the test, and fail where CI=true."""
    try:
        return make()
    except (NotInstalledError, subprocess.SubprocessError) as error:
        told = str(getattr(error, "stderr", "") or error).strip()[-600:]
        missing(f"the environment cannot be made: {told}")


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment with `stormdoor` alone."""
    folder = tmp_path_factory.mktemp("door")
    return _or_skip(lambda: install(folder / "env", [build(ROOT, folder)], compiled=True))


@pytest.fixture(scope="module")
def scanner(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment with `stormdoor-audit` alone."""
    folder = tmp_path_factory.mktemp("scanner")
    return _or_skip(lambda: install(folder / "env", [build(AUDIT, folder)], compiled=True))


@pytest.fixture
def served(door: Environment, tmp_path: Path) -> Iterator[int]:
    """The example of JSON Web Tokens, started with `stormdoor` alone; the port that it listens on."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    program = tmp_path / "chat.py"
    program.write_text(EXAMPLE.read_text("utf-8").replace("8888", str(port)), "utf-8")
    process = subprocess.Popen(
        [door.python, "-I", "-u", program], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("export TOKEN=")
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield port
    finally:
        process.kill()
        process.communicate()


def test_the_scanner_alone_judges_the_example_that_the_door_alone_runs(
    scanner: Environment, served: int
) -> None:
    """Its source has no open endpoint for the scanner, and its server admits no client of the prober."""
    scanned = scanner.run("stormdoor-audit", "scan", EXAMPLE, "--isolated", "--format", "json")
    report = json.loads(scanned.stdout)
    assert scanned.returncode == 0, scanned.stderr
    [endpoint] = report["endpoints"]
    assert endpoint["verdicts"]["authentication"]["state"] == "guarded"
    probed = scanner.run(
        *("stormdoor-audit", "probe", f"ws://127.0.0.1:{served}/chat", "--listen", "0.2"),
        *("--format", "json", "--allow-not-determined"),
    )
    assert probed.returncode == 0, probed.stderr
    [endpoint] = json.loads(probed.stdout)["endpoints"]
    assert endpoint["verdicts"]["authentication"]["state"] == "guarded"


def test_the_scanner_alone_finds_an_open_endpoint(scanner: Environment, tmp_path: Path) -> None:
    """A scanner that finds nothing anywhere would pass the test above."""
    (tmp_path / "app.py").write_text(OPEN, "utf-8")
    done = scanner.run("stormdoor-audit", "scan", "app.py", "--isolated", folder=tmp_path)
    assert done.returncode == 1
    assert "SD101" in done.stdout


@pytest.mark.parametrize("command", ["scan", "probe"])
@pytest.mark.parametrize("more", [[], ["src"], ["--help"], ["--format", "json", "x"]])
def test_the_door_alone_says_what_to_install(
    door: Environment, command: str, more: list[str]
) -> None:
    """Without stormdoor-audit, the commands that moved there name it, and end with 2."""
    done = door.run("stormdoor", command, *more)
    assert (done.returncode, done.stdout) == (2, "")
    assert "pip install path/to/stormdoor/audit" in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_door_alone_lists_and_completes_its_commands(door: Environment) -> None:
    """`--help` and the completion of the shell need no stormdoor-audit."""
    assert re.search(r"│ scan +Find missing", door.run("stormdoor", "--help").stdout)
    assert "principals" in door.run("stormdoor", "completion", "bash").stdout


def test_the_demo_of_the_door_alone_names_no_prober(door: Environment, tmp_path: Path) -> None:
    """It prints the command that operates it, and none that is not installed."""
    with subprocess.Popen(
        [door.python, "-I", "-u", "-m", "stormdoor", "demo", "--port", "0"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        printed: list[str] = []
        for line in process.stdout:
            printed.append(line)
            if line.startswith("ready "):
                break
        process.kill()
    assert any(line.startswith("Operate it: ") for line in printed), printed
    assert "probe" not in "".join(printed)


def test_names_that_moved_say_where_they_are(door: Environment) -> None:
    """An import of the assertions from `stormdoor.testing` names the package that has them."""
    done = door.run("python", "-c", "from stormdoor.testing import assert_guarded")
    assert "from stormdoor_audit.testing import assert_guarded" in done.stderr


def test_size_of_the_door(door: Environment) -> None:
    """At most 33 MB and 20 packages (docs/reference/installation.md)."""
    assert door.megabytes() <= 33
    assert len(door.packages()) <= 20, door.packages()


def test_size_of_the_scanner(scanner: Environment) -> None:
    """At most 15 MB and 12 packages; neither cryptography nor Tornado, nor the door."""
    packages = scanner.packages()
    assert scanner.megabytes() <= 15
    assert len(packages) <= 12, packages
    assert not {"cryptography", "tornado", "stormdoor"} & set(packages)


def test_processor_time_of_help(door: Environment, scanner: Environment) -> None:
    """At most 0.15 seconds on a processor, of which Python takes 0.02 for itself."""
    assert door.cpu_seconds("stormdoor", "--help") <= 0.15
    assert scanner.cpu_seconds("stormdoor-audit", "scan", "--help") <= 0.15


def _clone(into: Path) -> Path:
    """A clone as a hook or an action gets it, with the changes that are not committed yet."""
    ignored = shutil.ignore_patterns("__pycache__", "audit_tests")
    for name in ("src", "audit"):
        shutil.copytree(ROOT / name, into / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, into / name)
    return into


def test_a_hook_installs_and_runs_from_a_clone(tmp_path: Path) -> None:
    """pre-commit installs the root of the clone with the additional dependencies, and runs the entry."""
    clone = _clone(tmp_path / "clone")
    project = tmp_path / "project"
    project.mkdir()
    (project / "app.py").write_text(OPEN, "utf-8")
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for command in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "first"]):
        subprocess.run([*git, *command], cwd=project, check=True)
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
    [added] = {tuple(hook["additional_dependencies"]) for hook in hooks}
    made = _or_skip(lambda: install(tmp_path / "env", [".", *added], folder=clone))
    for hook in hooks:
        done = made.run(*hook["entry"].split(), folder=project)
        assert (done.returncode, done.stderr) == (1, "")
        assert "SD101" in done.stdout


def test_the_action_installs_and_runs_from_a_clone(tmp_path: Path) -> None:
    """Its first step installs the scanner with pip, and its second one scans with what it installed."""
    steps = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))["runs"]["steps"]
    (tmp_path / "app.py").write_text(OPEN, "utf-8")
    shared = {
        **os.environ,
        "RUNNER_TEMP": str(tmp_path),
        "GITHUB_OUTPUT": str(tmp_path / "outputs"),
    }
    given = {"PYTHON": sys.executable, "GITHUB_ACTION_PATH": str(_clone(tmp_path / "clone"))}
    given["PIP_NO_COMPILE"] = "1"  # nothing here is started often

    def step(number: int, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["/bin/bash", "-c", steps[number]["run"]],
            cwd=tmp_path,
            env={**shared, **variables},
            capture_output=True,
            text=True,
            check=False,
        )

    def installed() -> Environment:
        step(0, given).check_returncode()
        return Environment(tmp_path / "stormdoor")

    assert "stormdoor_audit" in _or_skip(installed).packages()
    variables = dict.fromkeys(steps[1]["env"], "") | {"SARIF": "a.sarif", "PATHS": "app.py"}
    done = step(1, variables)
    assert done.returncode == 1, done.stderr
    assert "findings=true" in (tmp_path / "outputs").read_text()
    [run] = json.loads((tmp_path / "a.sarif").read_text("utf-8"))["runs"]
    assert "SD101" in {one["ruleId"] for one in run["results"]}
