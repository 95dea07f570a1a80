"""The prober replays the HAR file that a real browser saves."""

from pathlib import Path

import pytest
from playwright.async_api import async_playwright
from tornado.web import RequestHandler

from audit_tests.prober.servers import ALICE, BOB, serving
from audit_tests.prober.test_matrix import AnyDocument
from stormdoor_audit.prober.engine import Plan, run
from stormdoor_audit.prober.har import read_har
from stormdoor_audit.prober.member import Member

PAGE = """<script>
const socket = new WebSocket(`ws://${location.host}/ws`);
socket.onopen = () => socket.send('{"type":"list"}');
let answers = 0;
socket.onmessage = () => {
  answers += 1;
  if (answers === 1) socket.send('{"type":"read","doc":"4711"}');
  else document.title = "answered";
};
</script>"""


class Page(RequestHandler):
    """Log every visitor in as alice, and open the socket."""

    def get(self) -> None:
        self.set_cookie(*ALICE.cookies[0])
        self.finish(PAGE)


@pytest.mark.extended
@pytest.mark.browser
async def test_browser_session(chromium: str, tmp_path: Path) -> None:
    """Its endpoint, cookie and messages are read, and what another may do is found."""
    file = tmp_path / "session.har"
    async with serving(AnyDocument, ("/in", Page)) as port:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=chromium, args=["--no-sandbox"]
            )
            context = await browser.new_context(record_har_path=file)
            page = await context.new_page()
            await page.goto(f"http://127.0.0.1:{port}/in")
            await page.wait_for_function("document.title === 'answered'")
            await context.close()
            await browser.close()
        session = read_har(file)
        assert session.owner is not None
        assert session.owner.cookies == ALICE.cookies
        report = await run(
            Plan(
                urls=(session.recordings[0].url,),
                owner=session.owner,
                own=Member(session.owner, ids=(("doc", "4711"),)),
                members=(Member(BOB, ids=(("doc", "4712"),)),),
                origin=session.origin,
                recordings=tuple(one.declared(["list", "read"]) for one in session.recordings),
                listen=0.15,
                per_second=1000.0,
            )
        )
    assert {one.slug for one in report.findings} == {"object-of-another"}
