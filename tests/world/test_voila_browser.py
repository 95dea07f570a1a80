"""Voila in Chromium: log in, see the output of the notebook, log out. A viewer sees none."""

from __future__ import annotations

from dataclasses import replace

import pytest
from playwright.sync_api import expect

from tests.world.applications import applications
from tests.world.environment import require
from tests.world.jupyter_pages import MILLISECONDS, Sockets, launched
from tests.world.jupyter_site import notebook_of
from tests.world.screenshots import log_in
from tests.world.site import started

pytestmark = [pytest.mark.installs, pytest.mark.slow, pytest.mark.unmeasured]


def test_log_in_see_the_output_and_log_out(chromium: str) -> None:
    """A member sees what the kernel prints; a logout ends its socket. A viewer has no permission."""
    require("voila")
    application = applications()["voila"]
    files = {"notebook.ipynb": notebook_of("print('six times seven is', 6 * 7)")}
    recipe = replace(application.guarded, files=files)
    with started(application, recipe) as site, launched(chromium) as browser:
        member = browser.new_context(viewport={"width": 720, "height": 400}).new_page()
        member.set_default_timeout(MILLISECONDS)
        sockets = Sockets(member)
        log_in(member, f"{site.address}/", "alice")
        expect(member.get_by_text("six times seven is 42")).to_be_visible(timeout=MILLISECONDS)
        sockets.until_open(member, "channels")
        viewer = browser.new_context().new_page()
        log_in(viewer, f"{site.address}/", "victor")
        expect(viewer.get_by_text("This account may not open the page.")).to_be_visible()
        assert "six times seven" not in viewer.content()
        other = member.context.new_page()
        other.goto(f"{site.address}/auth/logout")
        other.click("form button")
        sockets.until_closed(member, "channels")
        member.goto(f"{site.address}/")
        expect(member.locator("input[name=username]")).to_be_visible(timeout=MILLISECONDS)
