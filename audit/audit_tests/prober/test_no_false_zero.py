"""No endpoint with a hole ends with exit status 0: *open* gives 1, doubt gives 3, nothing to compare 2."""

from __future__ import annotations

import pytest
from tornado.web import Application

from audit_tests.prober.adversary import HOLES, Hole
from audit_tests.prober.servers import listening, probed
from stormdoor_audit.cli.probe_run import exit_status
from stormdoor_audit.prober.engine import CannotProbe


@pytest.mark.sampled(8)
@pytest.mark.parametrize("hole", HOLES, ids=lambda one: one.name)
async def test_a_hole_never_ends_with_zero(hole: Hole) -> None:
    """Probe the server as its operator would."""
    async with listening(Application(hole.make())) as port:
        try:
            report = await probed(port, hole.path, **hole.given(port))
        except CannotProbe:
            return
    assert exit_status(report, "warning", allow_not_determined=False) != 0
    about = [one for one in report.tried if one.rule_id == hole.rule]
    assert {one.outcome for one in about} & {"open", "not-determined"}, about
