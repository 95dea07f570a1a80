"""OpenTelemetry by a table of the configuration file, and variables of the environment."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tornado.web import Application

from stormdoor import ConfigurationError, Guard, protect
from stormdoor.otel import instrument_by_environment
from tests.guard.fakes import make_guard
from tests.otel.served import ROUTES
from tests.otel.test_export import receiver
from tests.otel.test_page import SERVE

CONFIG = """
origins = ["https://app.example"]

[[authenticators]]
kind = "session"

[telemetry]
"""
PROGRAM = """
import sys

from opentelemetry import metrics, trace
from tornado.web import Application
from tornado.websocket import WebSocketHandler

from stormdoor import Guard, protect


class Feed(WebSocketHandler):
    pass


guard = Guard.from_config(sys.argv[1])
app = protect(Application([(r"/feed/(\\w+)", Feed)]), guard, "feed:connect")
tracers = trace.get_tracer_provider()
"""


@pytest.mark.slow
async def test_a_configuration_file_is_enough(tmp_path: Path) -> None:
    """The collector that the environment names gets the span and the metrics."""
    config, program = tmp_path / "stormdoor.toml", tmp_path / "program.py"
    config.write_text(CONFIG, "utf-8")
    program.write_text(PROGRAM.replace("\\\\", "\\") + SERVE, "utf-8")
    with receiver() as (address, received):
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, str(program), str(config)],
            env={**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": address},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stderr[-2000:]
    (span,) = received["/v1/traces"][0].resource_spans[0].scope_spans[0].spans
    assert span.name == r"handshake /feed/(\w+)"
    assert received["/v1/metrics"]


def test_without_the_table_nothing_is_set_up() -> None:
    """The guard stays as it is."""
    guard = make_guard()
    instrument_by_environment(guard)
    assert guard.tracing is None


def test_without_the_exporter_the_application_does_not_start(monkeypatch: Any) -> None:
    """The error names the packages."""
    monkeypatch.setitem(sys.modules, "stormdoor.otel.export", None)
    with pytest.raises(ConfigurationError, match="pip install 'stormdoor"):
        protect(Application(ROUTES), make_guard(telemetry=0.5), "chat:connect")


def test_a_share_is_checked() -> None:
    """By the guard itself, too."""
    with pytest.raises(ConfigurationError, match="message_ratio"):
        Guard(telemetry=1.5)
