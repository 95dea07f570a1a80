"""Hosts and origins that are refused with a status: proof needs the right client before and after."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from tornado.web import HTTPError, RequestHandler

from audit_tests.prober.servers import ALICE, Feed, probed, serving
from audit_tests.prober.test_four_results import outcomes

pytestmark = pytest.mark.sampled(4)


class Hosts(Feed):
    """An open feed that answers other hosts with a status."""

    status: ClassVar[int] = 403
    hosts: ClassVar[tuple[str, ...]] = ("127.0.0.1",)

    def prepare(self) -> None:
        if self.request.host_name not in self.hosts:
            raise HTTPError(self.status)

    def check_origin(self, origin: str) -> bool:
        return True


class AnyHost(Hosts):
    """The twin with a hole: it looks at no host."""

    def prepare(self) -> None:
        """Refuse no host."""


class Silent(Hosts):
    """Sends nothing; its page is for every visitor."""

    def open(self, *args: str, **kwargs: str) -> None:
        """Send nothing."""


class AnyHostSilent(Silent):
    """Its twin with a hole."""

    def prepare(self) -> None:
        """Refuse no host."""


class Limited(Hosts):
    """Refuses every client after the first one with another host."""

    over: ClassVar[bool] = False

    def prepare(self) -> None:
        if self.request.host_name not in self.hosts:
            type(self).over = True
        if self.over:
            raise HTTPError(self.status)


class Page(RequestHandler):
    """A page for every visitor."""

    def get(self) -> None:
        self.write("<body><script>new WebSocket(`ws://${location.host}/ws`)</script></body>")


@pytest.mark.parametrize("owner", [None, ALICE], ids=["alone", "owner"])
@pytest.mark.parametrize("status", [403, 404, 421, 429, 503])
@pytest.mark.parametrize("kind", [Hosts, Silent])
async def test_a_host_list(kind: type[Hosts], status: int, owner: Any) -> None:
    """The own host is accepted before and after, and the other host refused: that is proof."""
    handler = type("Listed", (kind,), {"status": status})
    async with serving(handler, ("/", Page)) as port:
        report = await probed(port, owner=owner)
    if outcomes(report, "SP101") == {"open"}:
        assert outcomes(report, "SP202") == {"closed"}


@pytest.mark.parametrize("kind", [AnyHost, AnyHostSilent])
async def test_no_host_list(kind: type[Hosts]) -> None:
    """Every host is accepted: that is the hole."""
    async with serving(kind, ("/", Page)) as port:
        report = await probed(port)
    assert outcomes(report, "SP202") == {"open"}


@pytest.mark.parametrize("status", [403, 429, 503])
async def test_a_limit_is_no_host_list(status: int) -> None:
    """The right client is refused by then, too."""
    handler = type("Late", (Limited,), {"status": status, "over": False})
    async with serving(handler, ("/", Page)) as port:
        report = await probed(port)
    assert outcomes(report, "SP202") == {"not-determined"}


class Origins(Feed):
    """Answers foreign origins with a status, behind a session."""

    status: ClassVar[int] = 403

    def prepare(self) -> None:
        if self.request.headers.get("Origin", self._own()) != self._own():
            raise HTTPError(self.status)
        super().prepare()

    def _own(self) -> str:
        return f"http://{self.request.host}"


@pytest.mark.parametrize("status", [400, 403, 404, 429, 503])
async def test_an_origin_check(status: int) -> None:
    """Any status but 101 refuses the foreign page while the own page is accepted."""
    handler = type("Checked", (Origins,), {"status": status})
    async with serving(handler) as port:
        report = await probed(port, owner=ALICE)
    assert outcomes(report, "SP201") == {"closed"}
