"""The limits of `guarded_server` count connections and requests of the front as those of Tornado."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.guard.fakes import make_guard
from tests.tornado.front.test_connections import ADMITTED, REFUSED, echo
from tests.tornado.front.ways import exchange, observed, serving
from tests.tornado.wire import until


@pytest.fixture(autouse=True)
def kind_of_server() -> str:
    """The server of `app.listen` has no limits."""
    return "guarded_server"


async def test_the_limit_of_requests_counts_for_the_client_of_a_proxy() -> None:
    """As for Tornado's path: 429 for the one client, and not for the other."""

    def guard() -> Any:
        return make_guard(
            insecure_allow_any_host=True,
            trusted_proxies=["127.0.0.0/8"],
            limits={"requests_per_address": "1/h burst 2"},
        )

    requests = [
        [ADMITTED.replace(b"\r\n", b"\r\nX-Forwarded-For: 203.0.113.%d\r\n" % client, 1)]
        for client in (7, 7, 7, 8)
    ]
    without, _ = await observed(echo, *requests, front=False, guard=guard)
    found, served = await observed(echo, *requests, front=True, guard=guard)
    assert found == without
    assert served == 4
    assert [one[0][0][9:12] for one in found[0]] == [b"101", b"101", b"429", b"101"]


async def test_waiting_connections_are_limited_and_closed() -> None:
    """They count as TCP connections; the oldest idle one makes room; the end of the server closes all."""
    guard = make_guard(insecure_allow_any_host=True, limits={"tcp_per_address": 3})
    async with serving(echo, front=True, guard=guard) as way:
        opened = [await asyncio.open_connection("127.0.0.1", way.port) for _ in range(3)]
        await until(lambda: way.unfinished == 3)
        opened.append(await asyncio.open_connection("127.0.0.1", way.port))
        async with asyncio.timeout(5):
            assert await opened[0][0].read() == b""
        await until(lambda: way.unfinished == 3)
        assert len(way.server.front.tcp) == 3
        way.server.stop()
        await way.server.close_all_connections()
        assert way.unfinished == 0
        assert len(way.server.front.tcp) == 0
        for reader, writer in opened:
            async with asyncio.timeout(5):
                assert await reader.read() == b""
            writer.close()


async def test_open_sockets_do_not_count_as_tcp_connections() -> None:
    """Nor do refused ones, whether their bytes came at once or later."""
    guard = make_guard(insecure_allow_any_host=True, limits={"tcp_per_address": 1})
    async with serving(echo, front=True, guard=guard) as way:
        writers = []
        for pause in (0.0, 0.02, 0.0, 0.02):
            reader, writer = await asyncio.open_connection("127.0.0.1", way.port)
            await asyncio.sleep(pause)
            writer.write(ADMITTED)
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
            writers.append(writer)
            assert (await exchange(way.port, REFUSED)).startswith(b"HTTP/1.1 401 ")
        assert way.unfinished == 0
        assert len(way.guard.registry) == 4
        for writer in writers:
            writer.close()
        await until(lambda: len(way.guard.registry) == 0)
