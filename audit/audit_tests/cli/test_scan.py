"""`stormdoor scan`, from source code to what it prints, writes and ends with."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from audit_tests.cli.result import Result
from audit_tests.report.sarif_schema import faults
from stormdoor_audit.cli.main import run

Scan = Callable[..., Result]

OPEN = """\
from tornado.web import Application
from tornado.websocket import WebSocketHandler

ROOM = set()


class Chat(WebSocketHandler):
    def check_origin(self, origin):
        return True

    def open(self):
        ROOM.add(self)

    def on_message(self, message):
        for member in ROOM:
            member.write_message(message)


def make_app():
    return Application([(r"/chat", Chat)])
"""

NOTHING = "x = 1\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory to scan, with no repository above it."""
    top = tmp_path / "project"
    top.mkdir()
    (top / ".git").mkdir()
    monkeypatch.chdir(top)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    return top


@pytest.fixture
def scan(project: Path, capsys: pytest.CaptureFixture[str]) -> Scan:
    """Runs the command in the project."""

    def command(*arguments: str) -> Result:
        capsys.readouterr()
        code = run(["scan", *arguments])
        out, err = capsys.readouterr()
        return Result(code, out, err)

    return command


def ids(result: Result) -> list[str]:
    """The rules of the findings in JSON."""
    return [one["rule_id"] for one in result.json["findings"]]


def test_open_endpoint(scan: Scan, project: Path) -> None:
    """The scan reports an endpoint without authentication, with its route, its line and a fix."""
    (project / "app.py").write_text(OPEN)
    result = scan(".")
    assert result.code == 1
    assert result.out.startswith("app.Chat ─")
    assert "app.py:7  /chat" in result.out
    assert "error SD101 missing-authentication" in result.out
    assert "7 │ class Chat(WebSocketHandler):" in result.out
    assert "Looked at 1 file, 1 WebSocket handler and 1 route" in result.out
    assert result.err == ""


def test_nothing_to_find(scan: Scan, project: Path) -> None:
    """A project without sockets is clean: 0."""
    (project / "app.py").write_text(NOTHING)
    result = scan()
    assert (result.code, result.out.splitlines()[0]) == (0, "No findings.")


def test_nothing_to_look_at(scan: Scan, project: Path) -> None:
    """A scan without a file, or with all files excluded, analysed nothing: 1."""
    result = scan(".")
    assert (result.code, "No Python file was found." in result.out) == (1, True)
    (project / "app.py").write_text(OPEN)
    result = scan(".", "--exclude", "*")
    assert (result.code, "all are excluded" in result.out) == (1, True)
    assert scan(".", "--exclude", "*", "--allow-not-analysed").code == 0


def test_only_files_that_cannot_be_parsed(scan: Scan, project: Path) -> None:
    """A scan in which no file can be parsed analysed nothing, also without a word of Tornado: 1."""
    (project / "lone.py").write_text("def x(:\n")
    for place in (".", "lone.py"):
        result = scan(place)
        assert (result.code, "syntax error" in result.out) == (1, True)
    (project / "fine.py").write_text("x = 1\n")
    assert scan(".").code == 0


def test_formats(scan: Scan, project: Path) -> None:
    """The same report for people, scripts, sites and browsers."""
    (project / "app.py").write_text(OPEN)
    found = ids(scan(".", "--format", "json"))
    assert "SD101" in found
    sarif = json.loads(scan(".", "--format", "sarif").out)
    assert [one["ruleId"] for one in sarif["runs"][0]["results"]] == found
    assert faults(sarif) == []
    page = scan(".", "--format", "html").out
    assert page.startswith("<!doctype html>")
    assert "<h1>project</h1>" in page


def test_output_files(scan: Scan, project: Path) -> None:
    """Several files at once, each in the format of its name; people still see text."""
    (project / "app.py").write_text(OPEN)
    names = ["r.json", "r.sarif", "r.html", "r.txt", "r"]
    result = scan(".", *(f"--output={name}" for name in names), "--format", "sarif")
    assert "error SD101" in result.out
    texts = {name: Path(name).read_text("utf-8") for name in names}
    assert json.loads(texts["r.json"])["schema"] == "stormdoor-report/2"
    assert json.loads(texts["r.sarif"])["version"] == json.loads(texts["r"])["version"] == "2.1.0"
    assert texts["r.html"].startswith("<!doctype html>")
    assert "error SD101 missing-authentication\n" in texts["r.txt"]
    assert scan(".", "--output=no/such/place.json").code == 2


def test_endpoints(scan: Scan, project: Path) -> None:
    """Every endpoint with its five verdicts, in text and in JSON."""
    (project / "app.py").write_text(OPEN)
    result = scan(".", "--endpoints")
    assert "✗ authentication  missing" in result.out
    assert result.code == 1
    (one,) = scan(".", "--endpoints", "--format", "json").json["endpoints"]
    assert one["subject"] == "app.Chat"
    assert one["verdicts"]["origin"]["state"] == "missing"


@pytest.mark.parametrize(("level", "code"), [("error", 1), ("note", 1), ("never", 0), ("all", 2)])
def test_level_that_counts(scan: Scan, project: Path, level: str, code: int) -> None:
    """From which level on a finding is a failure can be chosen."""
    (project / "app.py").write_text(OPEN)
    assert scan(".", "--fail-on", level).code == code


def test_selection(scan: Scan, project: Path) -> None:
    """Rules are chosen by id, beginning or slug; one that does not exist is an error."""
    (project / "app.py").write_text(OPEN)
    assert set(ids(scan(".", "--select", "SD101", "--format", "json"))) == {"SD101"}
    left = ids(scan(".", "--ignore", "SD1", "--ignore", "origin-disabled", "--format", "json"))
    assert not any(one.startswith("SD1") or one == "SD201" for one in left)
    result = scan(".", "--ignore", "SD9999")
    assert (result.code, result.out) == (2, "")
    assert "there is no rule 'SD9999'" in result.err


def test_exclude(scan: Scan, project: Path) -> None:
    """`--exclude` leaves files out of the scan."""
    (project / "old").mkdir()
    (project / "old" / "app.py").write_text(OPEN)
    assert scan(".").code == 1
    result = scan(".", "--exclude", "old/*", "--format", "json")
    assert (result.code, result.json["coverage"]["files"]) == (1, 0)
    (project / "new.py").write_text(NOTHING)
    result = scan(".", "--exclude", "old/*", "--format", "json")
    assert (result.code, result.json["coverage"]["files"]) == (0, 1)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x = 1", "only [[class]]"),
        ("[[class]]\nsocket = 'a.B'", "list of dotted names"),
        ("[[class]]\nsocket = ['a.B']\nauthentication = 'yes'", "one of guarded"),
        ("[[class]]\nsocket = ['a.B']\nauthentcation = 'guarded'", "no authentcation"),
    ],
)
def test_knowledge_that_is_none(scan: Scan, project: Path, text: str, says: str) -> None:
    """A mistake in a file about bases is one of the caller, and is said."""
    (project / "known.toml").write_text(text)
    result = scan("--knowledge", "known.toml")
    assert result.code == 2
    assert says in result.err


def test_no_rule_is_left(scan: Scan, project: Path) -> None:
    """A scan without any rule is an error."""
    (project / "app.py").write_text(OPEN)
    result = scan("--select", "SD101", "--ignore", "SD1")
    assert result.code == 2
    assert "no rule is left" in result.err
    assert scan("--jobs", "-1").code == 2


def test_baseline(scan: Scan, project: Path) -> None:
    """A baseline hides known findings and shows new ones, and repaired ones leave the file."""
    app = project / "app.py"
    app.write_text(OPEN)
    assert scan(".", "--write-baseline", "known.json").code == 0
    known = scan(".", "--baseline", "known.json")
    assert known.code == 0
    assert "in the baseline" in known.out
    app.write_text("# moved\n\n" + OPEN)
    assert scan(".", "--baseline", "known.json").code == 0
    (project / "more.py").write_text(OPEN.replace("Chat", "Talk"))
    result = scan(".", "--baseline", "known.json", "--format", "json")
    assert {one["subject"] for one in result.json["findings"]} == {"more", "more.Talk"}
    app.write_text(NOTHING)
    scan(".", "--baseline", "known.json", "--write-baseline", "known.json")
    assert "app.Chat" not in Path("known.json").read_text()


@pytest.mark.parametrize("text", [None, "no json", "{}"])
def test_baseline_that_is_none(scan: Scan, project: Path, text: str | None) -> None:
    """A baseline that cannot be read is an error: nothing may be quiet by accident."""
    if text is not None:
        (project / "known.json").write_text(text)
    result = scan(".", "--baseline", "known.json")
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("stormdoor-audit: known.json: ")


def test_suppression(scan: Scan, project: Path) -> None:
    """A comment with a reason silences; without one, or where nothing is, it is a finding itself."""
    head = "class Chat(WebSocketHandler):"
    app = project / "app.py"
    app.write_text(OPEN.replace(head, f"{head}  # stormdoor: ignore[SD101] a public square"))
    result = scan(".", "--format", "json")
    assert "SD101" not in ids(result)
    reasons = [one["reason"] for one in result.json["suppressed"]]
    assert reasons == ["a public square"]
    app.write_text(OPEN.replace(head, f"{head}  # stormdoor: ignore[SD101]"))
    assert {"SD101", "SD002"} <= set(ids(scan(".", "--format", "json")))
    app.write_text(OPEN.replace("ROOM = set()", "ROOM = set()  # stormdoor: ignore[SD101] why"))
    assert {"SD101", "SD001"} <= set(ids(scan(".", "--format", "json")))
    assert "SD001" not in ids(scan(".", "--format", "json", "--ignore", "SD001"))
    assert set(ids(scan(".", "--format", "json", "--select", "SD101"))) == {"SD101"}


def test_settings_of_the_project(scan: Scan, project: Path) -> None:
    """pyproject.toml says what every scan does; --isolated does not listen to it."""
    (project / "src").mkdir()
    (project / "src" / "app.py").write_text(OPEN)
    (project / "other.py").write_text(OPEN)
    (project / "pyproject.toml").write_text(
        '[tool.stormdoor.scan]\npaths = ["src"]\nselect = ["SD101"]\nfail-on = "never"\n'
    )
    result = scan("--format", "json")
    assert (result.code, set(ids(result)), result.json["coverage"]["files"]) == (0, {"SD101"}, 1)
    assert scan("--fail-on", "error").code == 1
    result = scan("--isolated", "--format", "json")
    assert result.json["coverage"]["files"] == 2
    (project / "pyproject.toml").write_text("[tool.stormdoor.scan]\npath = []\n")
    result = scan()
    assert (result.code, "path" in result.err) == (2, True)


def test_settings_from_below(scan: Scan, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Called in a directory of the project, its settings count; paths in them are relative to it."""
    (project / "src").mkdir()
    (project / "src" / "app.py").write_text(OPEN)
    (project / "pyproject.toml").write_text('[tool.stormdoor.scan]\npaths = ["src"]\n')
    (project / "docs").mkdir()
    monkeypatch.chdir(project / "docs")
    result = scan("--format", "json")
    assert result.json["coverage"]["files"] == 1


def test_diff_and_fix(scan: Scan, project: Path) -> None:
    """--diff shows, --fix changes, and what is mended is gone from the report."""
    app = project / "app.py"
    app.write_text(OPEN)
    (project / "pyproject.toml").write_text(
        '[tool.stormdoor.scan]\norigins = ["https://app.example"]\n'
    )
    shown = scan(".", "--diff")
    assert '+        return origin in {"https://app.example"}' in shown.out
    assert "can be fixed" in shown.err
    assert (shown.code, app.read_text()) == (1, OPEN)
    fixed = scan(".", "--fix", "--format", "json")
    mended = OPEN.replace("return True", 'return origin in {"https://app.example"}')
    assert app.read_text() == mended.replace(
        '(r"/chat", Chat)])',
        '(r"/chat", Chat)], websocket_max_message_size=65536, websocket_ping_interval=30)',
    )
    assert "SD201" not in ids(fixed)
    assert "SD101" in ids(fixed)
    assert "+        return origin in" in fixed.err
    assert scan(".", "--fix", "--diff").code == 2


def test_changed(scan: Scan, project: Path) -> None:
    """Only what concerns files that changed, among them a base class that lives elsewhere."""
    (project / ".git").rmdir()

    def git(*arguments: str) -> None:
        command = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *arguments]
        subprocess.run(command, cwd=project, check=True, capture_output=True)

    git("init", "-q", "-b", "main")
    (project / "app.py").write_text(OPEN)
    git("add", ".")
    git("commit", "-q", "-m", "first")
    assert scan(".", "--changed").code == 0
    (project / "new.py").write_text(OPEN.replace("Chat", "Talk"))
    result = scan(".", "--changed", "--format", "json")
    assert {one["subject"] for one in result.json["findings"]} == {"new", "new.Talk"}
    assert scan(".", "--since", "main").code == 1
    result = scan(".", "--since", "nothing")
    assert (result.code, "'nothing' is no commit" in result.err) == (2, True)


BASE = """\
from tornado.web import HTTPError
from tornado.websocket import WebSocketHandler
from rights import known


class Base(WebSocketHandler):
    def prepare(self):
        if not known(self):
            raise HTTPError(401)
"""
RIGHTS = """\
def known(handler):
    return handler.get_signed_cookie("user") is not None
"""
HEIR = """\
from base import Base


class Door(Base):
    def on_message(self, message):
        self.write_message(message)
"""


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("base.py", BASE[: BASE.index("    def")] + "    pass\n"),
        ("rights.py", RIGHTS.replace('handler.get_signed_cookie("user") is not None', "True")),
    ],
)
def test_changed_elsewhere(scan: Scan, project: Path, file: str, text: str) -> None:
    """A check that is taken out of a base, or out of what it asks, opens a handler that did not change."""
    (project / ".git").rmdir()
    for name, content in (("base.py", BASE), ("rights.py", RIGHTS), ("door.py", HEIR)):
        (project / name).write_text(content)
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "first"]):
        git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *command]
        subprocess.run(git, cwd=project, check=True, capture_output=True)
    assert scan("--changed").code == 0
    (project / file).write_text(text)
    result = scan("--changed", "--format", "json")
    assert "SD101" in ids(result)
    assert "SD603" not in ids(result)
    assert {"door.py", file} <= set(result.json["endpoints"][0]["files"])


def test_the_way_through_the_classes(scan: Scan, project: Path) -> None:
    """A finding in a base shows the way to it, and SD101 the methods that refuse no client."""
    (project / "base.py").write_text(
        OPEN[: OPEN.index("    def open")].replace("class Chat", "class Base")
    )
    (project / "door.py").write_text(HEIR)
    shown = scan().out
    assert "way 1. Door derives from Base  door.py:4" in shown
    assert "way 1. Door.on_message() acts for every client  door.py:5" in shown
    assert not any(line.endswith(" ") for line in shown.splitlines())


def test_installed_package(scan: Scan, project: Path) -> None:
    """An installed package is scanned by its name; bases in the environment are found."""
    packages = project / "env" / "lib" / "python3.11" / "site-packages"
    packages.mkdir(parents=True)
    (packages / "chatty.py").write_text(OPEN)
    result = scan("chatty", "--python", "env", "--format", "json")
    assert "SD101" in ids(result)
    assert scan("missing", "--python", "env").code == 2
    assert "no environment" in scan(".", "--python", "nowhere").err
    assert "--python ENVIRONMENT" in scan("chatty").err


def test_explain(scan: Scan) -> None:
    """The page of each rule can be read in the terminal, by id or slug."""
    by_id = scan("--explain", "sd101")
    assert by_id.code == 0
    assert by_id.out.startswith("SD101 missing-authentication")
    assert scan("--explain", "missing-authentication").out == by_id.out
    assert "there is no rule" in scan("--explain", "SD9999").err


def test_rules(scan: Scan) -> None:
    """All rules are listed, those about comments, too."""
    result = scan("--rules")
    assert result.code == 0
    assert {"SD001", "SD101"} <= set(result.out.split())
    assert max(map(len, result.out.splitlines())) <= 80


def test_files_that_cannot_be_read(scan: Scan, project: Path) -> None:
    """A file that cannot be parsed fails the scan, in each format, unless that is allowed."""
    (project / "old.py").write_text("from tornado import websocket\nprint 'hello'\n")
    result = scan(".")
    assert result.code == 1
    assert "1 place not analysed" in result.out
    assert "old.py" in result.out
    assert "--allow-not-analysed" in result.err
    sarif = scan(".", "--format", "sarif", "--fail-on", "never")
    assert sarif.code == 1
    invocation = json.loads(sarif.out)["runs"][0]["invocations"][0]
    assert invocation["executionSuccessful"] is False
    (told,) = invocation["toolExecutionNotifications"]
    assert (told["descriptor"]["id"], told["level"]) == ("not-analysed", "error")
    assert json.loads(scan(".", "--format", "json").out)["summary"]["complete"] is False
    assert "1 place not analysed" in scan(".", "--format", "html").out
    assert scan(".", "--allow-not-analysed").code == 0
    (project / "pyproject.toml").write_text("[tool.stormdoor.scan]\nallow-not-analysed = true\n")
    assert scan(".").code == 0
    (project / "old.py").write_text("from tornado import websocket\nprint('hello')\n")
    (project / "pyproject.toml").unlink()
    assert scan(".").code == 0


def test_an_endpoint_beyond_the_budget_fails_the_scan(scan: Scan, project: Path) -> None:
    """An endpoint that takes more steps than it may is named with its class, and its verdicts are unknown."""
    (project / "app.py").write_text(OPEN)
    result = scan(".", "--steps", "3", "--format", "json")
    assert result.code == 1
    report = json.loads(result.out)
    (gap,) = report["coverage"]["not_analysed"]
    assert gap["path"] == "app.py"
    assert gap["reason"].startswith("app.Chat: the analysis takes more than 3 steps")
    assert {one["state"] for one in report["endpoints"][0]["verdicts"].values()} == {"unknown"}
    assert not json.loads(scan(".", "--format", "json").out)["coverage"]["not_analysed"]
    assert scan(".", "--steps", "0").code == 2


def test_crash_is_seventy(scan: Scan, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scanner that breaks is not mistaken for one that found something."""

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr("stormdoor_audit.auditor.scanning.engine.scan", broken)
    result = scan(".")
    assert result.code == 70
    assert "RuntimeError: boom" in result.err


def test_output_is_utf8_everywhere(project: Path) -> None:
    """JSON is UTF-8 and text is readable, in every encoding of the terminal."""
    (project / "app.py").write_text(OPEN.replace("ROOM", "RÄUME"), encoding="utf-8")
    program = [
        sys.executable,
        "-c",
        "from stormdoor_audit.cli.main import main; main()",
        "scan",
        ".",
    ]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    text = subprocess.run(program, env=environment, capture_output=True, check=False)
    assert text.returncode == 1
    assert b"x authentication" in text.stdout
    done = subprocess.run(
        [*program, "--format", "json"], env=environment, capture_output=True, check=False
    )
    assert json.loads(done.stdout.decode("utf-8"))["summary"]["error"] >= 1


def test_a_scan_of_the_same_files_is_kept(project: Path, scan: Scan, tmp_path: Path) -> None:
    """It gives the same answer, is kept where it is asked to, and not at all if so asked."""
    (project / "app.py").write_text(OPEN)
    kept = tmp_path / "kept"

    def said(*arguments: str) -> tuple[int, str]:
        done = scan(*arguments)
        return done.code, re.sub(r"in [0-9.]+ s", "in a moment", done.out)

    first = said("--cache", str(kept))
    (entry,) = kept.glob("*.scan")
    written = entry.stat().st_ino
    assert said("--cache", str(kept)) == first
    assert [one.stat().st_ino for one in kept.iterdir()] == [written]  # written anew, it is another
    assert said("--no-cache") == first
    entry.unlink()
    assert said("--no-cache") == first
    assert list(kept.iterdir()) == []


def test_a_cache_that_cannot_be_used(
    project: Path, scan: Scan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unusable `--cache` is an error, and a missing default directory is not."""
    (project / "app.py").write_text(OPEN)
    (tmp_path / "kept").write_text("")
    refused = scan("--cache", str(tmp_path / "kept"))
    assert refused.code == 2
    assert "cannot hold the cache" in refused.err
    assert scan("--cache", "x", "--no-cache").code == 2
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "kept"))
    assert scan().code == 1


def test_the_preview_of_the_next_engine(scan: Scan, project: Path) -> None:
    """`--engine new` judges authentication and origins, and says that it judges nothing else."""
    (project / "app.py").write_text(OPEN)
    result = scan(".", "--engine", "new", "--format", "json", "--no-cache")
    assert (result.code, ids(result)) == (1, ["SD101", "SD201"])
    (endpoint,) = result.json["endpoints"]
    assert endpoint["verdicts"]["authorization"]["state"] == "unknown"
    asked = "    def prepare(self):\n        if not self.current_user:\n            raise HTTPError(403)\n"
    guarded = OPEN.replace("    def check_origin(self, origin):\n        return True\n", asked)
    (project / "app.py").write_text(
        guarded.replace("import Application", "import Application, HTTPError")
    )
    result = scan(".", "--engine", "new", "--format", "json", "--no-cache")
    assert (result.code, ids(result)) == (0, [])
    (endpoint,) = result.json["endpoints"]
    assert endpoint["verdicts"]["authentication"]["state"] == "guarded"


@pytest.mark.parametrize(
    "option", [["--jobs", "3"], ["--steps", "9"], ["--python", sys.executable]]
)
def test_options_that_the_next_engine_does_not_have(
    scan: Scan, project: Path, option: list[str]
) -> None:
    """An option without an effect is refused, and named."""
    (project / "app.py").write_text(OPEN)
    result = scan(".", "--engine", "new", *option)
    assert (result.code, f"leave out {option[0]}" in result.err) == (2, True)


def test_a_file_that_the_next_engine_cannot_parse(scan: Scan, project: Path) -> None:
    """A file that may have a handler and cannot be parsed fails the scan."""
    (project / "app.py").write_text("from tornado import websocket\ndef x(:\n")
    result = scan(".", "--engine", "new", "--no-cache")
    assert (result.code, "syntax error" in result.out) == (1, True)
