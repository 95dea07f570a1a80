"""Run the tests on every Python and Tornado that stormdoor supports: `make test-matrix`.

Each pair gets an environment of its own under `.matrix/`: the locked requirements and that Tornado.
All tests run with the last release of each minor version of Tornado, and those of the adapter with every
other release. The browser tests are left out, for the browser does not depend on the interpreter. A Python
that this machine does not have is reported as such. Exit status 1 if the tests failed on any pair.
"""

import argparse
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.installing import commands, variables
from tests.support.tornado_releases import RELEASES

__all__ = ["Row", "find_python", "main"]

ROOT = Path(__file__).resolve().parent.parent
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
LAST = {tuple(release.split(".")[:2]): release for release in RELEASES}
"""The last release of each minor version."""
ADAPTER = ("tests/tornado", "tests/attacks")
PARALLEL = ("-n", "2", "--dist", "loadgroup")
MINUTES = 20


@dataclass(frozen=True, slots=True)
class Row:
    """Result of one pair."""

    python: str
    tornado: str
    result: str
    detail: str


def _candidates(version: str) -> Iterator[str]:
    yield from (path for path in [shutil.which(f"python{version}")] if path)
    versions = Path.home() / ".pyenv" / "versions"
    found = versions.glob(f"{version}.*/bin/python") if versions.is_dir() else []
    yield from map(str, sorted(found, key=_patch_release, reverse=True))


def _patch_release(interpreter: Path) -> list[int]:
    """Return the key to sort by: 3.11.10 is newer than 3.11.7."""
    return [int(number) for number in re.findall(r"\d+", interpreter.parts[-3])]


def find_python(version: str) -> str | None:
    """The path of a working interpreter of this version, or None.

    A candidate is started: a version manager's shim exists whether its Python does or not.
    """
    ask = "import sys; print('%d.%d' % sys.version_info[:2])"
    for candidate in _candidates(version):
        answer = subprocess.run([candidate, "-c", ask], capture_output=True, text=True, check=False)
        if answer.returncode == 0 and answer.stdout.strip() == version:
            return candidate
    return None


def _steps(python: str, tornado: str, home: Path, pytest: Sequence[str]) -> Iterator[list[str]]:
    yield from commands(
        home,
        ["--require-hashes", "--requirement", "requirements/dev.txt"],
        [f"tornado=={tornado}"],
        ["--no-deps", "--no-build-isolation", "--editable", ".", "--editable", "audit"],
        python=python,
    )
    yield [
        str(home / "bin" / "python"),
        "-m",
        "pytest",
        "-m",
        "not browser",
        "-p",
        "no:cacheprovider",
        *pytest,
    ]


def _run(python: str, tornado: str, pytest: Sequence[str]) -> Row:
    if (interpreter := find_python(python)) is None:
        return Row(python, tornado, "skipped", f"no python{python} on PATH or in ~/.pyenv/versions")
    name = f"py{python}-tornado{tornado}"
    home = ROOT / ".matrix" / name
    log = ROOT / ".matrix" / f"{name}.log"
    log.parent.mkdir(exist_ok=True)
    environment = {**variables(), "HYPOTHESIS_STORAGE_DIRECTORY": str(home / "hypothesis")}
    begin = time.monotonic()
    status = 0
    with log.open("w", encoding="utf-8") as out:
        for step in _steps(interpreter, tornado, home, pytest):
            out.write(f"$ {' '.join(step)}\n")
            out.flush()
            try:
                status = subprocess.run(
                    step,
                    cwd=ROOT,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    timeout=60 * MINUTES,
                    check=False,
                ).returncode
            except subprocess.TimeoutExpired:
                return Row(python, tornado, "FAILED", f"no end after {MINUTES} min; see {log}")
            if status:
                break
    text = log.read_text(encoding="utf-8")
    closing = re.findall(r"^=+ (.*\d .* in [\d.:()s ]+) =+$", text, re.MULTILINE)
    seconds = f"{time.monotonic() - begin:.0f} s with set-up"
    if status:
        return Row(python, tornado, "FAILED", f"{(closing or ['set-up'])[-1]}; see {log}")
    return Row(python, tornado, "passed", f"{(closing or ['?'])[-1]}; {seconds}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the matrix and print its table.

    Returns:
        0 if no pair failed, 1 if one did.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.matrix", description=__doc__)
    parser.add_argument("--python", action="append", choices=PYTHONS, help="only this version")
    parser.add_argument("--tornado", action="append", choices=RELEASES, help="only this version")
    options, pytest = parser.parse_known_args(arguments)
    rows = []
    for python in options.python or PYTHONS:
        for tornado in options.tornado or RELEASES:
            chosen = PARALLEL if tornado in LAST.values() else (*PARALLEL, *ADAPTER)
            rows.append(row := _run(python, tornado, pytest or chosen))
            print(f"Python {row.python}, Tornado {row.tornado}: {row.result}", flush=True)
    print(f"\n{'Python':8}{'Tornado':9}{'result':9}detail")
    for row in rows:
        print(f"{row.python:8}{row.tornado:9}{row.result:9}{row.detail}")
    return int(any(row.result == "FAILED" for row in rows))


if __name__ == "__main__":
    sys.exit(main())
