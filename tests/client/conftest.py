"""Runtimes of the client, and their requirements."""

from collections.abc import Iterator

import pytest

from tests.client.clients import find_node, one_chromium
from tests.support.browser import find_chromium
from tests.support.installing import missing

_NODE = "no node of version 20.10 or newer is on PATH"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One after the other: each has processes of its own."""
    for item in items:
        if "tests/client" in str(item.path):
            item.add_marker(pytest.mark.xdist_group("client"))


@pytest.fixture(scope="package")
def _one_chromium() -> Iterator[None]:
    with one_chromium():
        yield


# In the browser `make test` runs the tests that name it, because each takes seconds of it.
@pytest.fixture(params=["node", pytest.param("chromium", marks=pytest.mark.extended)])
def kind(request: pytest.FixtureRequest) -> str:
    """Runtime of the client."""
    kind = str(request.param)
    if kind == "node" and find_node() is None:
        missing(_NODE)
    if kind == "chromium":
        if find_chromium() is None:
            missing("no Chromium is on PATH")
        request.getfixturevalue("_one_chromium")
    return kind
