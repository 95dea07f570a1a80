"""The GitHub Action's probe step, with the real program and a server that is running."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from audit_tests.prober.servers import Feed, serving
from tests.support.project import ROOT


class AnyPage(Feed):
    """Asks for the cookie, and accepts a page of every site."""

    def check_origin(self, origin: str) -> bool:
        return True


@pytest.mark.sampled(2)
@pytest.mark.parametrize(("handler", "code"), [(AnyPage, 1), (Feed, 0)])
async def test_the_step_runs_a_probe_file(handler: Any, code: int, tmp_path: Path) -> None:
    """The step reads the file, writes SARIF, names it as its output, and ends as the probe does."""
    step = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))["runs"]["steps"][2]
    program = tmp_path / "stormdoor" / "bin" / "stormdoor-audit"
    program.parent.mkdir(parents=True)
    program.symlink_to(Path(sys.executable).with_name("stormdoor-audit"))
    (tmp_path / "cookie.txt").write_text("alice-session-0123456789")
    async with serving(handler) as port:
        (tmp_path / "probe.toml").write_text(
            f'[probe]\nendpoints = ["ws://127.0.0.1:{port}/ws"]\nlisten = 0.1\nper_second = 500\n'
            '[identity.ada]\ncookie = { session = "@cookie.txt" }\n'
        )
        variables = {"PROBE": "probe.toml", "SARIF": "p.sarif", "PATH": "/usr/bin:/bin"}
        variables |= {"RUNNER_TEMP": str(tmp_path), "GITHUB_OUTPUT": str(tmp_path / "outputs")}
        ended = await asyncio.to_thread(
            subprocess.run,
            ["/bin/bash", "-c", step["run"]],
            cwd=tmp_path,
            env=variables,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert ended.returncode == code, ended.stderr
    assert (tmp_path / "outputs").read_text() == "sarif=p.sarif\n"
    [run] = json.loads((tmp_path / "p.sarif").read_text("utf-8"))["runs"]
    assert [one["ruleId"] for one in run["results"]] == (["SP201"] if code else [])
    assert "alice-session" not in (tmp_path / "p.sarif").read_text("utf-8")
