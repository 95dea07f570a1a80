"""The deployment files, read: the commands in them, and their settings."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from typing import Any

import yaml

from tests.support.project import ROOT

__all__ = [
    "COMPOSE",
    "DEPLOY",
    "ENVIRONMENT",
    "KUBERNETES",
    "UNIT",
    "commands",
    "object_of",
    "option",
    "unit_settings",
]

DEPLOY = ROOT / "deploy"
UNIT = DEPLOY / "systemd" / "stormdoor@.service"

COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose" / "compose.yaml").read_text())
KUBERNETES: list[dict[str, Any]] = list(
    yaml.safe_load_all((DEPLOY / "kubernetes" / "stormdoor.yaml").read_text())
)


def _environment() -> dict[str, str]:
    lines = (DEPLOY / "systemd" / "example.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


ENVIRONMENT = _environment()
"""The example of the environment file of the systemd unit."""


def unit_settings(name: str) -> list[str]:
    """Return the values of a setting of the systemd unit."""
    return re.findall(rf"^{name}=(.*)$", UNIT.read_text(), re.MULTILINE)


def object_of(kind: str) -> dict[str, Any]:
    """Return the one Kubernetes object of that kind."""
    [found] = [one for one in KUBERNETES if one["kind"] == kind]
    return found


def _containers() -> Iterator[tuple[str, dict[str, Any]]]:
    for kind in ("Job", "Deployment"):
        for one in object_of(kind)["spec"]["template"]["spec"]["containers"]:
            yield f"kubernetes {kind}", one


def commands() -> dict[str, list[str]]:
    """Return every command of stormdoor in the files, by its place, without the name of the program."""
    found = {"systemd": shlex.split(unit_settings("ExecStart")[0])}
    for name, value in ENVIRONMENT.items():
        found["systemd"] = [one.replace(f"${{{name}}}", value) for one in found["systemd"]]
    [line] = re.findall(r"^CMD (.*)$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    found["Dockerfile"] = json.loads(line)
    for name, service in COMPOSE["services"].items():
        if "stormdoor" in service.get("command", ()):
            found[f"compose {name}"] = service["command"]
    for place, container in _containers():
        found[place] = container["command"]
    for words in found.values():
        assert words[0].rpartition("/")[2] == "stormdoor"
    return {place: words[1:] for place, words in found.items()}


def option(words: list[str], name: str) -> str:
    """Return the value of an option of a command; 0 if it is not there."""
    return words[words.index(name) + 1] if name in words else "0"
