"""What the README says about a scan, done as it says."""

import os
import subprocess
import sysconfig
from pathlib import Path

from tests.docs.test_readme import README
from tests.support.project import ROOT


def test_a_scan_takes_two_commands() -> None:
    """One installs this very checkout, outside of what is committed; the other scans with it."""
    text = README.read_text(encoding="utf-8").partition("## Find missing checks")[2]
    install, scan = text.partition("    python3 -m venv ")[2].splitlines()[:2]
    place, _, rest = install.partition(" && ")
    assert rest == f"{place}/bin/pip install --quiet ./audit"
    assert scan.strip() == f"{place}/bin/stormdoor-audit scan path/to/your/project"
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert f"/{place.partition('/')[0]}/" in ignored


def test_the_excerpt_of_a_scan_is_real() -> None:
    """The README shows the present output of the command."""
    source = "lab/threats/cross_site_websocket_hijacking/vulnerable.py"
    program = Path(sysconfig.get_path("scripts"), "stormdoor-audit")
    command = [str(program), "scan", source, "--isolated"]
    environment = {**os.environ, "COLUMNS": "80", "NO_COLOR": "1"}
    printed = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    ).stdout
    lines = "\n".join(line.rstrip() for line in printed.splitlines())
    text = README.read_text(encoding="utf-8")
    _, _, rest = text.partition("among other things:\n\n")
    block, _, _ = rest.partition("\n\nMore than")
    excerpt = "\n".join(line.removeprefix("    ") for line in block.splitlines())
    assert "SD201" in excerpt
    assert excerpt in lines
