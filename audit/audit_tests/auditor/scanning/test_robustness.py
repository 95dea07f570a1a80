"""The scanner survives any input, and says what it did not read."""

import ast
import os
import random
import textwrap
from pathlib import Path

import pytest

from audit_tests.auditor.judging.test_authentication import GUARDED, MISSING, OTHER, acting
from audit_tests.auditor.sources import HEAD, scene_of, write
from audit_tests.project import TESTS
from stormdoor_audit.auditor.scanning.engine import scan
from stormdoor_audit.auditor.scanning.settings import Settings

BROKEN = {
    "python2.py": "import tornado\nexec 'websocket' in\n",
    "bytes.py": "# tornado \x00\n",
    "deep.py": "x = " + "(" * 5000 + ")" * 5000 + "  # tornado\n",
    "nested.py": "import tornado\nx = " + "-" * 20000 + "1\n",
    "unfinished.py": "from tornado.websocket import WebSocketHandler\nclass X(WebSocketHandler\n",
}


def test_what_does_not_parse_is_reported(tmp_path: Path) -> None:
    """Each file that could not be read is named, with the reason, and the others are judged."""
    write(tmp_path, {**BROKEN, "good.py": HEAD + acting(MISSING["nothing"])})
    report = scan([tmp_path], settings=Settings(root=tmp_path, jobs=1))
    assert {one.path for one in report.coverage.not_analysed} == set(BROKEN)
    assert all(one.reason for one in report.coverage.not_analysed)
    assert [one.subject for one in report.endpoints] == ["good.Door"]


def test_what_is_no_text_of_python_is_reported(tmp_path: Path) -> None:
    """Archives of code and notebooks that speak of handlers are named, found or given; others are not."""
    write(tmp_path, {"talk.ipynb": '{"cells": ["WebSocketHandler"]}', "sums.ipynb": "{}"})
    for name in ("old.egg", "run.pyz", "data.zip"):
        (tmp_path / name).write_bytes(b"PK")
    found = scan([tmp_path], settings=Settings(root=tmp_path, jobs=1)).coverage.not_analysed
    assert {one.path for one in found} == {"old.egg", "run.pyz", "talk.ipynb"}
    (tmp_path / "page.html").write_text("<script>x</script>")
    os.mkfifo(tmp_path / "pipe.py")
    for name, why in (
        ("data.zip", "an archive"),
        ("sums.ipynb", "a notebook"),
        ("pipe.py", "not a"),
    ):
        report = scan([tmp_path / name], settings=Settings(root=tmp_path, jobs=1))
        assert [one.reason[: len(why)] for one in report.coverage.not_analysed] == [why]
        assert report.coverage.files == 0
    page = scan([tmp_path / "page.html"], settings=Settings(root=tmp_path, jobs=1)).coverage
    assert (page.files, page.not_analysed) == (0, ())


def test_what_is_no_file_is_reported(tmp_path: Path) -> None:
    """Pipes, links to nowhere, in circles or away, and what is too large: named, never waited for."""
    top, away = tmp_path / "top", tmp_path / "away"
    write(top, {"good.py": HEAD + acting(MISSING["nothing"]), "inner/x.py": "x = 1\n"})
    write(away, {"hidden.py": "import tornado\n"})
    os.mkfifo(top / "pipe.py")
    (top / "nowhere.py").symlink_to(top / "gone.py")
    (top / "circle.py").symlink_to(top / "circle.py")
    (top / "away").symlink_to(away)
    (top / "again").symlink_to(top / "inner")
    (top / "up").symlink_to(top)
    with (top / "huge.py").open("wb") as stream:
        stream.truncate(100 * 1024 * 1024)  # a hole: it takes no space
    literal = "# tornado\nDATA = b'" + "x" * (3 * 1024 * 1024) + "'\n"
    write(top, {"literal.py": literal, "utf16.py": ""})
    (top / "utf16.py").write_bytes("import tornado\n".encode("utf-16"))
    report = scan([top], settings=Settings(root=top, jobs=1))
    reasons = {one.path: one.reason for one in report.coverage.not_analysed}
    assert "null bytes" in reasons.pop("utf16.py")
    assert reasons == {
        "pipe.py": "not a file",
        "nowhere.py": "No such file or directory",
        "circle.py": "Too many levels of symbolic links",
        "away": "a link to a directory elsewhere, which is not followed",
        "huge.py": "larger than 4 MiB",
    }
    assert [one.subject for one in report.endpoints] == ["good.Door"]
    # Followed are links to files, not to directories: nothing is counted twice, nothing goes on for ever.
    assert report.coverage.files == 5


def test_circles_end(tmp_path: Path) -> None:
    """Modules that import each other, classes and functions that need themselves."""
    scene = scene_of(
        tmp_path,
        {
            "a.py": "from b import *\nfrom b import X as Y\nimport tornado\n",
            "b.py": "from a import *\nfrom a import Y as X\n"
            "from tornado.websocket import WebSocketHandler\n"
            "class Door(WebSocketHandler, X):\n"
            "    def prepare(self):\n        return self.prepare()\n"
            "    def open(self):\n        while True:\n            self.open()\n"
            "class Self(Self, WebSocketHandler):\n    pass\n",
        },
    )
    for endpoint in scene.endpoints:
        assert endpoint.authentication.kind
        assert endpoint.origins.kind


@pytest.mark.unmeasured
@pytest.mark.parametrize("seed", range(40))
def test_mutated_programs_do_not_break_it(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Handlers with statements and expressions swapped at random are still judged, without a crash."""
    monkeypatch.setenv("STORMDOOR_SCAN_DEBUG", "1")
    chance = random.Random(seed)
    bodies = [*GUARDED.values(), *MISSING.values(), *(body for _, body in OTHER.values())]
    tree = ast.parse(HEAD + "".join(acting(body) for body in chance.sample(bodies, 3)))
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.expr)]
    fields = [
        (parent, name, at)
        for parent in ast.walk(tree)
        for name, value in ast.iter_fields(parent)
        if isinstance(value, list)
        for at, one in enumerate(value)
        if isinstance(one, ast.expr | ast.stmt)
    ]
    for _ in range(12):
        parent, name, at = chance.choice(fields)
        held = getattr(parent, name)
        if at < len(held) and isinstance(held[at], ast.expr) and name in {"args", "values", "elts"}:
            held[at] = chance.choice(nodes)
        elif at < len(held) and len(held) > 1 and isinstance(held[at], ast.stmt):
            held[at], held[0] = held[0], held[at]
    try:
        text = ast.unparse(tree)
    except (ValueError, RecursionError):  # an expression that holds itself is no program any more
        text = HEAD
    write(tmp_path, {"app.py": text})
    report = scan([tmp_path], settings=Settings(root=tmp_path, jobs=1))
    assert report.coverage.files == 1


@pytest.mark.parametrize("seed", range(20))
def test_random_text_does_not_break_it(tmp_path: Path, seed: int) -> None:
    """Lines of Python cut and joined at random are either judged or reported as not analysed."""
    chance = random.Random(seed)
    source = (TESTS / "prober/servers.py").read_text(encoding="utf-8")
    lines = (HEAD + acting(MISSING["nothing"]) + source).splitlines()
    picked = [chance.choice(lines)[: chance.randrange(60)] for _ in range(40)]
    write(tmp_path, {"app.py": "# tornado\n" + "\n".join(picked)})
    report = scan([tmp_path], settings=Settings(root=tmp_path, jobs=1))
    assert report.coverage.files == 1


ITSELF = {
    "by type": ("", "type('Door', (Mixin, Door), {})"),
    "by new_class": ("import types\n", "types.new_class('Door', (Mixin, Door))"),
    "by a function": (
        "def made(cls):\n    return type('Made', (cls,), {})\n",
        "made(Door)",
    ),
}


@pytest.mark.parametrize("name", ITSELF)
def test_a_class_made_of_itself(name: str, tmp_path: Path) -> None:
    """`A = type('A', (Mixin, A), {})` ends no scan; a file that the analysis cannot follow is named."""
    before, made = ITSELF[name]
    text = f"""
{before}
class Mixin:
    pass
class Door(WebSocketHandler):
    def on_message(self, message):
        self.write_message(message)
Door = {made}
"""
    write(tmp_path, {"itself.py": HEAD + text, "good.py": HEAD + acting(MISSING["nothing"])})
    report = scan([tmp_path], settings=Settings(root=tmp_path, jobs=1))
    assert "good.Door" in [one.subject for one in report.endpoints]
    judged = {one.location.path for one in report.endpoints}
    assert "itself.py" in judged | {one.path for one in report.coverage.not_analysed}


def test_two_files_that_make_a_class_of_each_other(tmp_path: Path) -> None:
    """A class that two files make of each other's ends no scan."""
    text = "from {} import Door\nDoor = type('Door', (Door,), {{}})\n"
    write(tmp_path, {"a.py": HEAD + text.format("b"), "b.py": HEAD + text.format("a")})
    write(tmp_path, {"good.py": HEAD + acting(MISSING["nothing"])})
    report = scan([tmp_path], settings=Settings(root=tmp_path, jobs=1))
    assert [one.subject for one in report.endpoints] == ["good.Door"]


def test_a_base_that_needs_a_next_class(tmp_path: Path) -> None:
    """A base with an `on_message` that calls Tornado's, which raises, is no endpoint until it is routed."""
    text = """
    class {}(WebSocketHandler):
        def on_message(self, message):
            return super().on_message(message){}
    """
    write(
        tmp_path,
        {
            "base.py": HEAD + textwrap.dedent(text.format("Filter", "")),
            "served.py": HEAD
            + textwrap.dedent(text.format("Served", ""))
            + "application = Application([('/ws', Served)])\n",
        },
    )
    report = scan([tmp_path], settings=Settings(root=tmp_path, jobs=1))
    assert [one.subject for one in report.endpoints] == ["served.Served"]
