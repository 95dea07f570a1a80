"""The adapters of Jupyter recognise their programs without an import of Jupyter, and refuse old releases."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from tornado.web import Application

from stormdoor import ConfigurationError
from stormdoor.apps import Setup
from stormdoor.apps.jupyter import adapter, kernel_gateway


def _no_guard() -> None:
    raise AssertionError("nothing is guarded")


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ({"authorizer": 1, "serverapp": 1, "identity_provider": 1}, "jupyter"),
        ({"authorizer": 1, "serverapp": 1}, "jupyter"),  # Jupyter Server 1
        ({"authorizer": 1, "identity_provider": 1, "kg_auth_token": ""}, "kernel-gateway"),
        ({"authorizer": 1, "eg_auth_token": ""}, None),  # Enterprise Gateway
        ({}, None),
    ],
)
def test_the_settings_tell_the_program(settings: dict[str, Any], found: str | None) -> None:
    """A program on Jupyter Server that neither knows is guarded as any application."""
    application = Application(**settings)
    chosen = [
        one.name for one in (kernel_gateway.ADAPTER, adapter.ADAPTER) if one.recognises(application)
    ]
    assert chosen == ([] if found is None else [found])


def test_a_release_that_is_not_claimed_is_refused_by_name() -> None:
    """Here none is installed. An old one lacks modules that the guard needs, so they are imported later."""
    application = Application(authorizer=1, serverapp=1)
    with pytest.raises(ConfigurationError, match="jupyter-server is not installed here"):
        adapter.ADAPTER.guard(application, Setup(_no_guard))  # type: ignore[arg-type]
    code = (
        "import sys, stormdoor.apps.jupyter.adapter, stormdoor.apps.jupyter.kernel_gateway;"
        "assert 'jupyter_server' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
