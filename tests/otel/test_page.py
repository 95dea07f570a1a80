"""The page about logs and traces: its code sends what it says, to a collector on loopback."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import blocks
from tests.otel.test_export import receiver
from tests.support.project import ROOT

PAGE = ROOT / "docs" / "how-to" / "observe.md"
SERVE = """
import asyncio

from tornado.httpclient import AsyncHTTPClient
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets


async def main() -> None:
    sockets = bind_sockets(0, "127.0.0.1")
    server = HTTPServer(app)
    server.add_sockets(sockets)
    port = sockets[0].getsockname()[1]
    async with guard:
        url = f"http://127.0.0.1:{port}/feed/news"
        upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Host": "app.example"}
        upgrade |= {"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "x" * 22 + "=="}
        answer = await AsyncHTTPClient().fetch(url, headers=upgrade, raise_error=False)
        assert answer.code in {401, 403}, answer.code
        await guard.tick()
    server.stop()
    tracers.shutdown()
    metrics.get_meter_provider().shutdown()


asyncio.run(main())
"""


@pytest.mark.extended
@pytest.mark.slow
async def test_the_code_of_the_page(tmp_path: Path) -> None:
    """The log has lines of JSON, and the collector gets a span and metrics."""
    code = [one.text for one in blocks(PAGE, "python") if "sentry" not in one.text]
    script = tmp_path / "page.py"
    script.write_text("\n\n".join([*code, SERVE]), encoding="utf-8")
    with receiver() as (address, received):
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, str(script)],
            env={**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": address},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stderr[-2000:]
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert lines[0]["message"] == "an example"
    assert lines[0]["cause"] == "forbidden"
    assert any(one["logger"] == "stormdoor.refused" and "event_name" in one for one in lines)
    (span,) = received["/v1/traces"][0].resource_spans[0].scope_spans[0].spans
    assert span.name == r"handshake /feed/(\w+)"
    (resource,) = received["/v1/metrics"][-1].resource_metrics
    names = {metric.name for scope in resource.scope_metrics for metric in scope.metrics}
    assert "stormdoor_handshakes_refused" in names
