"""The committed command for the screenshots takes them from the demo."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.demo.running import Running
from tests.docs.screenshots import (
    FOLDER,
    FORBIDDEN_SIZE,
    LOGIN_SIZE,
    PHONE_SIZE,
    SIZE,
    take,
    take_login,
    take_phone,
)

pytestmark = pytest.mark.extended


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_command_takes_the_screenshot(
    browser: Browser, demo: Running, scheme: str, tmp_path: Path
) -> None:
    """It shows the result of all attacks (`take` waits for it), in the size of the committed file."""
    path = take(browser, demo, scheme, tmp_path)
    size = struct.pack("!2I", 2 * SIZE["width"], 2 * SIZE["height"])
    for picture in (path, FOLDER / path.name):
        data = picture.read_bytes()
        assert data.startswith(b"\x89PNG")
        assert data[16:24] == size


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_command_takes_a_phone(
    browser: Browser, demo: Running, scheme: str, tmp_path: Path
) -> None:
    """No page is wider than the screen (`take_phone` looks), and the committed files have its size."""
    size = struct.pack("!2I", 2 * PHONE_SIZE["width"], 2 * PHONE_SIZE["height"])
    for path in take_phone(browser, demo, scheme, tmp_path):
        for picture in (path, FOLDER / path.name):
            assert picture.read_bytes()[16:24] == size


def test_the_command_takes_the_login_and_the_logout(browser: Browser, tmp_path: Path) -> None:
    """Of a program under `stormdoor run`, in the size of the committed files."""
    size = struct.pack("!2I", 2 * LOGIN_SIZE["width"], 2 * LOGIN_SIZE["height"])
    narrow = struct.pack("!2I", 2 * FORBIDDEN_SIZE["width"], 2 * FORBIDDEN_SIZE["height"])
    taken = take_login(browser, tmp_path)
    names = {"login-light.png", "login-dark.png", "logout.png", "forbidden-dark.png"}
    assert {one.name for one in taken} == names
    for picture in [*taken, *(FOLDER / one.name for one in taken)]:
        data = picture.read_bytes()
        assert data.startswith(b"\x89PNG")
        assert data[16:24] == (narrow if picture.name == "forbidden-dark.png" else size)
