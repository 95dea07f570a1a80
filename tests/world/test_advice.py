"""A host with a server that cannot be guarded: the message at its end names the guide."""

from __future__ import annotations

import contextlib
import socket
from dataclasses import replace

import pytest

from tests.support.ports import free_port
from tests.world.applications import applications
from tests.world.client import FailedError
from tests.world.environment import require
from tests.world.site import log_of, started

pytestmark = [pytest.mark.installs, pytest.mark.slow, pytest.mark.unmeasured]


def test_the_proxy_of_mitmweb() -> None:
    """Without the port in the command, mitmweb ends, at its first proxied request at the latest."""
    require("mitmweb")
    application = applications()["mitmweb"]
    proxy = str(free_port())
    words = [proxy if word == "8080" else word for word in application.guarded.command]
    at = words.index("--insecure-allow-http")
    guarded = replace(application.guarded, command=[*words[:at], *words[at + 2 :]])
    with pytest.raises(FailedError, match="it ended with 125") as raised:
        with started(application, guarded) as site:
            request = f"GET {site.address}/ HTTP/1.1\r\nHost: {site.address[7:]}\r\n\r\n"
            with (
                contextlib.suppress(ConnectionRefusedError),  # it has ended already
                socket.create_connection(("127.0.0.1", int(proxy))) as client,
            ):
                client.sendall(request.encode())
            raise FailedError(f"it ended with {site.process.wait(60)}:\n{log_of(site.folder)}")
    assert "docs/how-to/guard-mitmweb.md" in str(raised.value)
    assert f"--insecure-allow-http 127.0.0.1:{proxy}" in str(raised.value)
