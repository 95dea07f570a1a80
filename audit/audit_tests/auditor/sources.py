"""Small projects for tests of the auditor: files by name, and what is said of an endpoint in them."""

import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from stormdoor_audit.auditor.judging.endpoint import Endpoint
from stormdoor_audit.auditor.scanning.engine import Scene, prepare, scan
from stormdoor_audit.auditor.scanning.settings import Settings
from stormdoor_audit.report.finding import Check

__all__ = ["HEAD", "Make", "door", "scene_of", "states_of", "write"]

HEAD = """
import asyncio, functools, hmac, json, os
import jwt
from tornado import gen, web, websocket
from tornado.options import define, options
from tornado.web import Application, HTTPError, RequestHandler, authenticated
from tornado.websocket import WebSocketHandler
from elsewhere import clients, db, room, sessions
"""

Make = Callable[..., Endpoint]


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Write the files of a project."""
    for name, text in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(textwrap.dedent(text), encoding="utf-8")


def scene_of(folder: Path, files: Mapping[str, str], python: Path | None = None) -> Scene:
    """A project, resolved."""
    write(folder, files)
    return prepare([folder], settings=Settings(root=folder, jobs=1, python=python))


@pytest.fixture
def door(tmp_path: Path) -> Make:
    """Return a function that makes the endpoint of the class Door."""

    def make(body: str, **files: str) -> Endpoint:
        others = {name.replace("__", "/") + ".py": text for name, text in files.items()}
        scene = scene_of(tmp_path, {"app.py": HEAD + textwrap.dedent(body), **others})
        return next(one for one in scene.endpoints if one.info.name == "Door")

    return make


def states_of(
    folder: Path, bodies: Mapping[str, str], frame: str, check: Check = Check.AUTHENTICATION
) -> dict[str, str]:
    """Return the verdict of one scan for many handlers, each in a file of its own.

    Args:
        folder: Folder for the files.
        bodies: The differing statements of each handler, by the name of the case.
        frame: The rest of the file; `{}` is the place of the statements.
        check: The check to return.
    """
    files = {f"case{at}.py": name for at, name in enumerate(bodies)}
    for file, name in files.items():
        text = frame.replace("{}", textwrap.indent(bodies[name], " " * 8))
        (folder / file).write_text(HEAD + text, encoding="utf-8")
    report = scan([folder], settings=Settings(root=folder, jobs=1))
    states = {
        files[one.location.path]: one.verdict(check).state
        for one in report.endpoints
        if one.subject.endswith("Door")
    }
    return {name: states.get(name, "no endpoint") for name in bodies}
