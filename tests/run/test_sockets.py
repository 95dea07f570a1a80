"""The kernel tells which sockets listen, and whether a connection has been accepted."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from stormdoor.run.processes import listening
from stormdoor.run.sockets import arrival_of, listening_tcp


@pytest.mark.parametrize(
    ("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
)
def test_a_connection_is_accepted_when_its_server_has_it(
    family: socket.AddressFamily, host: str
) -> None:
    """It is not while it waits in the queue of the listener; it is after its server has closed it again."""
    with (
        socket.create_server((host, 0), family=family) as server,
        socket.create_connection(server.getsockname()[:2]) as client,
    ):
        inode = os.fstat(server.fileno()).st_ino
        assert listening_tcp()[inode][:2] == server.getsockname()[:2]
        assert inode in listening()
        assert not arrival_of(client).accepted
        accepted, _ = server.accept()
        with accepted:
            assert arrival_of(client).accepted
        assert arrival_of(client).accepted


def test_a_connection_to_a_unix_socket(tmp_path: Path) -> None:
    """It is accepted when no connection to the same path waits."""
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(str(tmp_path / "socket"))
        server.listen()
        client.connect(server.getsockname())
        assert not arrival_of(client).accepted
        with server.accept()[0]:
            assert arrival_of(client).accepted
