"""Actions of moderators, administrators and session owners on the pages."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect
from websockets.sync.client import connect

from tests.browser.conftest import Visit
from tests.demo.running import Running

pytestmark = pytest.mark.extended

_OPEN = "#state[data-state=open]"


def enter(page: Page, room: str) -> None:
    """Go into a room."""
    page.wait_for_selector(_OPEN)
    page.locator("#rooms button", has_text=room).first.click()
    expect(page.locator("#room-name")).to_contain_text(room)
    expect(page.locator("#text")).to_have_attribute("placeholder", f"Write to {room}")


def test_a_moderator_throws_somebody_out(visit: Visit) -> None:
    """A removed member is told, and cannot write in the room until it joins again."""
    bob, mia = visit("bob"), visit("mia")
    enter(bob, "ops")
    enter(mia, "ops")
    mia.get_by_label("Kick bob from ops").click()
    expect(bob.locator("#logs")).to_contain_text("mia removed you from this room")
    expect(bob.locator("#text")).to_have_attribute("placeholder", "Join ops to write")
    bob.fill("#text", "I am still here")
    expect(bob.get_by_role("button", name="Send")).to_be_disabled()
    expect(mia.locator("#member-list")).not_to_contain_text("bob")
    enter(bob, "ops")
    expect(mia.locator("#member-list")).to_contain_text("bob")


def test_members_are_offered_nothing_that_they_may_not(visit: Visit) -> None:
    """No button to throw out or to announce: the page is honest about what the server would refuse."""
    alice, bob = visit("alice"), visit("bob")
    enter(bob, "random")
    enter(alice, "random")
    expect(alice.locator("#member-list")).to_contain_text("bob")
    expect(alice.get_by_text("Kick")).to_have_count(0)
    expect(alice.locator("#announce")).to_be_hidden()


def test_an_administrator_announces(visit: Visit) -> None:
    """Clients in every room see an announcement."""
    alice, ada = visit("alice"), visit("ada")
    enter(alice, "random")
    enter(ada, "lobby")
    ada.fill("#announce-text", "The kettle is on")
    ada.press("#announce-text", "Enter")
    expect(alice.locator("#banners")).to_contain_text("The kettle is on")


def test_too_many_messages_are_said_to_be(visit: Visit) -> None:
    """The page shows which message above the limit was not sent, and why."""
    alice = visit("alice")
    enter(alice, "random")
    # Faster than a person can type, and faster than Playwright can.
    alice.evaluate(
        """() => {
            const field = document.getElementById("text");
            for (let number = 0; number < 20; number += 1) {
                field.value = `message ${number}`;
                field.dispatchEvent(new Event("input"));
                field.form.requestSubmit();
            }
        }"""
    )
    expect(alice.locator("#logs")).to_contain_text("message 19")
    expect(alice.get_by_text(re.compile("too (many|fast)", re.IGNORECASE)).first).to_be_visible()


def test_the_owner_ends_all_other_sessions(visit: Visit) -> None:
    """Every browser is listed; the others end, with what they show."""
    here, there = visit("alice"), visit("alice")
    for page in (here, there):
        page.wait_for_selector(_OPEN)
    here.click("#who")
    here.click("#open-sessions")
    expect(here.locator("#session-list li").nth(1)).to_be_visible()
    here.click("#end-others")
    expect(there.locator("#ending")).to_be_visible()
    expect(here.locator("#session-list li")).to_have_count(1)
    here.keyboard.press("Escape")
    expect(here.locator(_OPEN)).to_be_attached()


def test_a_moderator_sees_rooms_and_is_told_why_no_more(visit: Visit) -> None:
    """The dashboard of a moderator: rooms, and a sentence about the rest."""
    bob, mia = visit("bob"), visit("mia", "/dashboard")
    enter(bob, "ops")
    mia.wait_for_selector(_OPEN)
    expect(mia.locator("#rooms")).to_contain_text("bob")
    expect(mia.locator("#moderator-note")).to_be_visible()
    expect(mia.locator("#connections-now")).to_be_hidden()


def test_who_has_no_role_is_told_so(visit: Visit) -> None:
    """The chat does not open for eve, and the page says why."""
    eve = visit("eve")
    expect(eve.locator("#ending")).to_be_visible()
    expect(eve.locator("#text")).to_have_attribute("placeholder", "Not connected")


def test_guessing_is_slowed_on_the_page(visit: Visit) -> None:
    """After some wrong passwords the form counts down before it takes another."""
    page = visit(None)
    for _ in range(6):
        page.fill("input[name=username]", "carl")
        page.fill("input[name=password]", "not the password")
        page.click("button[type=submit]")
        expect(page.locator("#login-error")).not_to_be_empty()
        expect(page.locator("button[type=submit]")).to_be_enabled()


def test_a_reading_is_drawn(visit: Visit, demo: Running) -> None:
    """A reading of the sensor appears on the administrator's dashboard."""
    ada = visit("ada", "/dashboard")
    ada.wait_for_selector(_OPEN)
    header = {"X-API-Key": demo.sensor_key}
    with connect(f"ws://127.0.0.1:{demo.port}/ws/dashboard", additional_headers=header) as sensor:
        sensor.send('{"type":"reading","name":"boiler","value":71.5}')
    expect(ada.locator("#readings")).to_contain_text("boiler")
    expect(ada.locator("#readings")).to_contain_text("71.5")
