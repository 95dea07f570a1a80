"""Each test of the front runs with `guarded_server`, and with the server of `app.listen`."""

import pytest

from tests.tornado.front import ways


@pytest.fixture(
    autouse=True,
    params=["guarded_server", pytest.param("HTTPServer", marks=pytest.mark.extended)],
)
def kind_of_server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The kind of the servers of the test. `make test` runs those of `guarded_server`."""
    monkeypatch.setattr(ways, "plain", request.param == "HTTPServer")
    return str(request.param)
