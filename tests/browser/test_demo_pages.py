"""Login, chat, dashboard and attack page, as a person uses them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.demo.running import Running

_OPEN = "#state[data-state=open]"


@pytest.mark.extended
def test_a_wrong_password_is_said_so(visit: Visit) -> None:
    """The page says that name or password is wrong, and not which."""
    page = visit(None)
    page.fill("input[name=username]", "alice")
    page.fill("input[name=password]", "not the password")
    page.click("button[type=submit], form button")
    expect(page.get_by_text(re.compile("wrong name or password", re.IGNORECASE))).to_be_visible()


@pytest.mark.extended
def test_the_cookie_is_out_of_reach_of_scripts(visit: Visit) -> None:
    """HttpOnly, Secure, `__Host-`: accepted by the browser on loopback, and invisible to the page."""
    page = visit("alice")
    page.wait_for_selector(_OPEN)
    [cookie] = [one for one in page.context.cookies() if one["name"] == "__Host-stormdoor"]
    assert (cookie["httpOnly"], cookie["secure"], cookie["sameSite"]) == (True, True, "Lax")
    assert page.evaluate("document.cookie") == ""


def test_two_people_talk(visit: Visit) -> None:
    """A message arrives in another browser as text, also if it looks like HTML."""
    alice, bob = visit("alice"), visit("bob")
    for page in (alice, bob):
        page.wait_for_selector(_OPEN)
        page.locator("#rooms button", has_text="lobby").first.click()
        expect(page.locator("#room-name")).to_contain_text("lobby")
    text = "<img src=x onerror=alert(1)> & hello"
    alice.fill("#text", text)
    alice.press("#text", "Enter")
    expect(bob.get_by_text(text)).to_be_visible()
    assert bob.locator("#logs img").count() == 0


@pytest.mark.extended
def test_a_reload_keeps_the_messages(visit: Visit) -> None:
    """A reloaded page shows the messages of its rooms, and those that came meanwhile, once each."""
    alice, bob = visit("alice"), visit("bob")
    for page in (alice, bob):
        page.wait_for_selector(_OPEN)
        page.locator("#rooms button", has_text="ops").first.click()
        expect(page.locator("#member-list")).to_contain_text("(you)")
    for page, text in ((alice, "said by alice"), (bob, "said by bob")):
        page.fill("#text", text)
        page.press("#text", "Enter")
        expect(page.locator(".log:visible .text", has_text=text)).to_be_visible()
    expect(alice.locator(".log:visible .text")).to_have_text(["said by alice", "said by bob"])
    chat = alice.url
    alice.goto("about:blank")
    expect(bob.locator("#member-list")).not_to_contain_text("alice")
    bob.fill("#text", "said meanwhile")
    bob.press("#text", "Enter")
    alice.goto(chat)  # not `go_back`, which may show a page that the browser has kept
    alice.wait_for_selector(_OPEN)
    alice.locator("#rooms button", has_text="ops").first.click()
    told = ["said by alice", "said by bob", "said meanwhile"]
    expect(alice.locator(".log:visible .text")).to_have_text(told)
    expect(alice.locator(".log:visible li.own .text")).to_have_text(told[:1])
    expect(alice.locator(".log:visible .pending")).to_have_count(0)
    alice.fill("#text", "after the reload")
    alice.press("#text", "Enter")
    expect(bob.locator(".log:visible .text").last).to_have_text("after the reload")


@pytest.mark.extended
def test_a_new_connection_repeats_no_message(visit: Visit) -> None:
    """A page that connects again shows each message once."""
    page = visit("mia")
    page.wait_for_selector(_OPEN)
    expect(page.locator("#members-title")).not_to_have_text("Not joined")
    page.locator("#rooms button", has_text="random").first.click()
    expect(page.locator("#members-title")).to_have_text("In random")
    page.fill("#text", "only once")
    page.press("#text", "Enter")
    shown = page.locator(".log:visible .text", has_text="only once")
    expect(shown).to_have_count(1)
    expect(page.locator(".log:visible .pending")).to_have_count(0)
    page.context.set_offline(offline=True)
    page.wait_for_selector("#state:not([data-state=open])")
    page.context.set_offline(offline=False)
    page.wait_for_selector(_OPEN)
    expect(page.locator("#member-list")).to_contain_text("(you)")
    expect(shown).to_have_count(1)


@pytest.mark.extended
def test_logging_out_closes_the_other_tab(visit: Visit) -> None:
    """A logout closes the sockets of all tabs."""
    page = visit("alice")
    page.wait_for_selector(_OPEN)
    other = page.context.new_page()
    other.goto(page.url)
    other.wait_for_selector(_OPEN)
    page.click("#who")
    page.click("#log-out")
    expect(other.locator("#ending")).to_be_visible()
    # To the end of what the click began: a context that is closed in the middle of it may hang.
    page.wait_for_selector("#login")


@pytest.mark.extended
def test_an_administrator_sees_the_dashboard(visit: Visit) -> None:
    """Figures of the real server, live."""
    page = visit("ada", "/dashboard")
    page.wait_for_selector(_OPEN)
    expect(page.locator("#connections-now")).to_have_text(re.compile(r"[1-9]\d*"))
    expect(page.locator("#connections tr").first).to_contain_text("ada")


@pytest.mark.extended
def test_a_member_is_told_that_the_dashboard_is_not_for_members(visit: Visit) -> None:
    """The refused handshake is explained, and nothing is shown."""
    page = visit("alice", "/dashboard")
    expect(page.locator("#ending")).to_be_visible()
    expect(page.locator("#live")).to_be_hidden()


def test_every_attack_fails_on_the_demo_and_succeeds_on_its_twin(visit: Visit) -> None:
    """Foreign origin, replayed ticket, forbidden action, oversized message, flood, and three more."""
    page = visit("alice", "/attack")
    page.wait_for_selector("[data-attack]")  # the page's script lists them, all in one turn
    attacks = page.locator("[data-attack]").count()
    assert attacks >= 8
    page.click("#run-all")
    summary = page.locator("#summary")
    expect(summary).to_contain_text(f"This demo: {attacks} refused, 0 succeeded", timeout=60_000)
    expect(summary).to_contain_text(f"Unguarded twin: 0 refused, {attacks} succeeded")
    for side, expected in (("guarded", "Refused"), ("unguarded", "Succeeded")):
        verdicts = page.locator(f"[data-attack] .verdict[data-side={side}]")
        expect(verdicts).to_have_text([expected] * attacks)


@pytest.mark.extended
def test_one_attack_shows_its_evidence(visit: Visit) -> None:
    """Both transcripts are open after a single run, and the trail has the refusal."""
    page = visit("alice", "/attack")
    card = page.locator("[data-attack=forbidden-action]")
    card.get_by_role("button", name="Run").click()
    expect(card.locator(".unguarded .got").first).to_have_text("announced")
    expect(card.locator(".guarded .got").first).to_have_text("error forbidden")
    expect(card.locator(".guarded .trail .refusal").first).to_contain_text("authz_fail")


@pytest.mark.extended
def test_a_foreign_page_hears_nothing(visit: Visit, demo: Running) -> None:
    """A page of another port, with the victim's cookie in the same browser, cannot open the socket."""
    page = visit("alice")
    page.wait_for_selector(_OPEN)
    info = page.evaluate("fetch('/demo/info').then(answer => answer.json())")
    foreign = page.context.new_page()
    foreign.goto(f"{info['foreign_origin']}/foreign.html")
    outcome = foreign.evaluate(
        """url => new Promise(resolve => {
            const socket = new WebSocket(url);
            socket.onopen = () => resolve("open");
            socket.onerror = () => resolve("refused");
        })""",
        f"ws://127.0.0.1:{demo.port}/ws/chat",
    )
    assert outcome == "refused"


@pytest.mark.extended
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "size", [pytest.param((360, 740), id="phone"), pytest.param((1280, 800), id="desktop")]
)
def test_pages_fit_the_screen(
    visit: Visit, tmp_path: Path, scheme: str, size: tuple[int, int]
) -> None:
    """On a phone and on a desktop, in the light and in the dark: nothing sticks out sideways."""
    viewport = {"width": size[0], "height": size[1]}
    page = visit("ada", color_scheme=scheme, viewport=viewport)
    page.wait_for_selector(_OPEN)
    for path in ("/chat", "/dashboard", "/attack"):
        page.goto(page.url.rpartition("/")[0] + path)
        page.wait_for_load_state("networkidle") if path == "/attack" else page.wait_for_selector(
            _OPEN
        )
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= size[0], path
        page.screenshot(path=tmp_path / f"{path[1:]}-{scheme}-{size[0]}.png")
