"""Run tests with the lowest and with the highest allowed versions of what is installed: `make bounds`.

Each gets an environment under `build/bounds/`. The lowest versions are those that `pyproject.toml` and
`audit/pyproject.toml` name; what they need themselves is of the newest version. The chosen tests use each
library at least once. Exit status 1 if an installation or a test fails.
"""

import argparse
import subprocess
import sys
from collections.abc import Iterator, Sequence

from tests.support.installing import commands, uv, variables
from tests.support.project import ROOT

__all__ = ["RESOLUTIONS", "TESTS", "main"]

RESOLUTIONS = ("lowest-direct", "highest")
EXTRAS = ("bcrypt", "oidc", "otel", "sanitize", "second-factor", "uvloop", "probe", "yaml")
PROJECTS = ("pyproject.toml", "audit/pyproject.toml")
BESIDE = "requirements/otlp.in"
"""Requirements of the tests of an extra, in versions that fit it."""
TOOLS = (
    "coverage",
    "pytest",
    "pytest-xdist",
    "hypothesis",
    "jsonschema",
    "psutil",
    "pyjwt",
    "websockets",
)
"""Packages that the tests need beside the libraries, in the versions of `requirements/dev.txt`."""

TESTS = (
    "audit/audit_tests/cli/test_main.py",
    "tests/auth/factors",
    "tests/auth/jose/test_jwt_key.py",
    "tests/auth/jwt",
    "tests/auth/oauth/test_jwks.py",
    "tests/auth/oidc/test_oidc.py",
    "tests/auth/password",
    "tests/cli/test_main.py",
    "tests/cli/test_principals.py",
    "tests/config/test_file.py",
    "tests/core/test_message.py",
    "tests/otel",
    "tests/test_sanitize.py",
    "tests/tornado/test_guarded_handler.py",
)


def _steps(resolution: str, pytest: Sequence[str]) -> Iterator[list[str]]:
    home = ROOT / "build" / "bounds" / resolution
    inside, pins = str(home / "bin" / "python"), str(home / "pins.txt")
    extras = [word for name in EXTRAS for word in ("--extra", name)]
    venv, *install = commands(
        home,
        ["--requirement", pins, *_tools(), "hatchling", "editables"],
        ["--no-deps", "--no-build-isolation", "--editable", ".", "--editable", "audit"],
    )
    yield venv
    yield [
        *uv("pip", "compile", "--quiet", "--no-header", "--no-annotate", "--python", inside),
        *("--resolution", resolution, *extras, "--no-emit-package", "stormdoor-audit"),
        *("--output-file", pins, *PROJECTS, BESIDE),
    ]
    yield from install
    yield uv("pip", "freeze", "--quiet", "--python", inside)
    yield [inside, "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", *pytest]


def _tools() -> list[str]:
    """Return the requirements of the tests, with the versions that are locked."""
    lock = (ROOT / "requirements" / "dev.txt").read_text(encoding="utf-8").splitlines()
    found = [line.removesuffix(" \\").split(" ")[0] for line in lock if "==" in line]
    return [pin for pin in found if pin.partition("==")[0] in TOOLS]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tests in both environments.

    Returns:
        0 if all passed, 1 if one did not.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.bounds", description=__doc__)
    parser.add_argument("--resolution", action="append", choices=RESOLUTIONS, help="only this one")
    options, pytest = parser.parse_known_args(arguments)
    failed = False
    for resolution in options.resolution or RESOLUTIONS:
        print(f"\n--- {resolution} ---", flush=True)
        for step in _steps(resolution, pytest or TESTS):
            if subprocess.run(step, cwd=ROOT, env=variables(), check=False).returncode:
                print(f"{resolution}: FAILED at: {' '.join(step[:6])} ...", flush=True)
                failed = True
                break
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
