"""The page about testing one's own application: its files are written down, and pytest runs them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import blocks
from tests.support.project import ROOT

__all__ = ["run_pytest"]

PAGE = ROOT / "docs" / "how-to" / "test-your-own-application.md"


def run_pytest(folder: Path, *names: str) -> tuple[int, str]:
    """Run pytest in `folder`. Returns its exit status, and all that it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir=.", *names],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        env={name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")},
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.extended
@pytest.mark.slow
def test_the_files_of_the_page(tmp_path: Path) -> None:
    """The hole fails the tests as the page prints it; without `check_origin`, everything passes."""
    for block in blocks(PAGE):
        if block.caption:
            (tmp_path / block.caption).write_text(block.text, encoding="utf-8")
    code, shown = run_pytest(tmp_path, "test_prices.py", "test_in_the_loop.py")
    assert code == 1
    assert "2 failed" in shown
    [printed] = blocks(PAGE, "text")
    for line in printed.text.splitlines():
        assert line.strip() in shown
    # pytest shows the line of the test, and not the inside of the assertion.
    assert "await take_baseline" not in shown
    vulnerable = (tmp_path / "prices.py").read_text("utf-8")
    hole = "    def check_origin(self, origin):\n        return True\n\n"
    assert hole in vulnerable
    (tmp_path / "prices.py").write_text(vulnerable.replace(hole, ""), encoding="utf-8")
    code, shown = run_pytest(tmp_path)
    assert code == 0, shown
    assert "8 passed" in shown
