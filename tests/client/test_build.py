"""The script that the package serves is what its source makes, small, and typed as it says."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tests.client.clients import SCRIPT
from tests.support import js_client

MOST = 5_000
"""Bytes, compressed."""


@pytest.fixture(scope="module")
def checkout() -> Path:
    """The source of the client with its tools."""
    return js_client.checkout()


@pytest.mark.installs
def test_what_is_served_is_what_the_source_makes(checkout: Path) -> None:
    """If this fails: `cd clients/js && npm ci && npm run build`, and commit the copy."""
    done = js_client.run(["npm", "run", "--silent", "build"], checkout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (checkout / "dist" / "stormdoor.js").read_bytes() == SCRIPT.read_bytes()


@pytest.mark.installs
def test_the_types_hold(checkout: Path) -> None:
    """Commands, replies and events have the types that the application gives them."""
    done = js_client.run(["npm", "run", "--silent", "types"], checkout)
    assert done.returncode == 0, done.stdout


def test_it_is_small_and_asks_for_nothing() -> None:
    """No dependency at run time, and less than a picture."""
    script = SCRIPT.read_bytes()
    assert len(gzip.compress(script, 9)) < MOST
    assert b"import" not in script.replace(b"export", b"")
