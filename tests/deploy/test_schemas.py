"""The deployment files follow the schemas of Kubernetes and of Compose."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.deploy.files import DEPLOY
from tests.support.installing import importing, install_apart
from tests.support.project import ROOT

pytestmark = pytest.mark.installs

_LOCK = ROOT / "requirements" / "deploy.txt"
_COMPOSE = """
import compose_spec, pathlib, sys
compose_spec.PyCompose.from_yaml(pathlib.Path(sys.argv[1]).read_text())
"""
_COMMANDS = {
    "kubernetes/stormdoor.yaml": ["-m", "kubernetes_validate", "--strict"],
    "compose/compose.yaml": ["-c", _COMPOSE],
}

Problems = Callable[[str, str], str]


@pytest.fixture(scope="module")
def problems(tmp_path_factory: pytest.TempPathFactory) -> Problems:
    """Return a function that checks a text as the file of that name, and returns the errors."""
    digest = hashlib.sha256(_LOCK.read_bytes()).hexdigest()[:16]
    folder = install_apart(f"deploy-{digest}", ["--require-hashes", "-r", str(_LOCK)])

    def check(name: str, text: str) -> str:
        path = Path(tmp_path_factory.mktemp("deploy"), "file.yaml")
        # Without the merge keys of YAML 1.1, which no schema knows.
        path.write_text(yaml.safe_dump_all(yaml.safe_load_all(text)))
        done = subprocess.run(
            [sys.executable, *_COMMANDS[name], path],
            env=importing(folder),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode in (0, 1), done.stderr
        told = done.stdout + done.stderr
        return told if done.returncode or "WARN" in told else ""

    return check


@pytest.mark.parametrize("name", _COMMANDS)
def test_file_follows_its_schema(name: str, problems: Problems) -> None:
    """The schema knows each key, and the type of each value."""
    assert problems(name, (DEPLOY / name).read_text()) == ""


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("kubernetes/stormdoor.yaml", "periodSeconds: 2", "periodSecond: 2"),
        ("kubernetes/stormdoor.yaml", "containerPort: 8888", "containerPort: web"),
        ("kubernetes/stormdoor.yaml", "apiVersion: policy/v1", "apiVersion: policy/v9"),
        ("compose/compose.yaml", "condition: service_healthy", "condition: service_well"),
        ("compose/compose.yaml", "stop_grace_period:", "stop_grace:"),
        ("compose/compose.yaml", "retries: 30", "retries: many"),
    ],
)
def test_error_would_be_found(name: str, right: str, wrong: str, problems: Problems) -> None:
    """The check above finds an unknown key, a wrong type and an unknown value."""
    text = (DEPLOY / name).read_text()
    assert right in text
    assert problems(name, text.replace(right, wrong)) != ""
