"""A connection leads to the listener that is meant, or to none."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from stormdoor.run.connect import connect, open_file
from stormdoor.run.processes import ListeningSocket, listeners


def _listener(one: socket.socket) -> ListeningSocket:
    inode = os.fstat(one.fileno()).st_ino
    return next(each for each in listeners([os.getpid()], {}) if each.inode == inode)


def _sharing(port: int = 0) -> socket.socket:
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    one.bind(("127.0.0.1", port))
    one.listen()
    one.setblocking(False)
    return one


def test_a_listener_that_shares_its_address() -> None:
    """A plain connection reaches either one of two; these reach the one that is asked, or fail."""
    with _sharing() as one, _sharing(one.getsockname()[1]) as other:
        reached = 0
        for attempt in range(40):
            try:
                with connect(_listener(one), attempt, None, ()), one.accept()[0]:
                    reached += 1
            except OSError:  # another listener has its address
                other.accept()[0].close()
        assert 0 < reached < 40
        assert one.getsockopt(socket.IPPROTO_IP, 49) == 1  # as before


def test_without_a_duplicate_a_shared_port_is_out_of_reach() -> None:
    """Where the kernel forbids duplicates, a connection counts only if no guarded listener has the port."""
    with _sharing() as one:
        port = one.getsockname()[1]
        alone = ListeningSocket(os.fstat(one.fileno()).st_ino, "there", ("127.0.0.1", port))
        connect(alone, 0, None, ()).close()
        with _sharing(port) as other:
            connect(alone, 0, None, ()).close()
            with pytest.raises(OSError, match="a guarded listener has its port"):
                connect(alone, 0, None, {os.fstat(other.fileno()).st_ino})


def test_a_listener_that_takes_no_connection() -> None:
    """A full queue is no answer, and the caller does not wait for it."""
    with socket.socket() as one, socket.socket() as first, socket.socket() as second:
        one.bind(("127.0.0.1", 0))
        one.listen(0)
        for client in (first, second):
            client.setblocking(False)
            client.connect_ex(one.getsockname())
        with pytest.raises(TimeoutError, match="takes no connection"):
            connect(_listener(one), 0, None, ())


def test_a_file_is_found_by_its_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a duplicate, the folders of its path are searched; another file with its name is refused."""
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as one, socket.socket(socket.AF_UNIX) as other:
        one.bind("s")
        one.listen()
        (tmp_path / "s").rename(tmp_path / "moved")
        other.bind("s")
        other.listen()
        inode = (tmp_path / "moved").stat().st_ino
        for name in (b"s", bytes(tmp_path / "s")):
            file = open_file(ListeningSocket(1, "there", name, file=inode))
            assert Path(f"/proc/self/fd/{file}").readlink() == tmp_path / "moved"
            os.close(file)
        (tmp_path / "moved").unlink()
        with pytest.raises(OSError, match="its file is not found"):
            open_file(ListeningSocket(1, "there", b"s", file=inode))


def test_a_deleted_file_is_found_through_the_socket(tmp_path: Path) -> None:
    """The kernel gives the file to administrators."""
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(tmp_path / "s"))
        one.listen()
        (tmp_path / "s").unlink()
        try:
            file = open_file(_listener(one))
        except OSError:
            pytest.skip("it takes the rights of an administrator")
        with connect(_listener(one), 0, file, ()), one.accept()[0]:
            os.close(file)


def test_proc_tells_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `sock_diag`, the listeners are read from `/proc`."""
    with socket.create_server(("127.0.0.1", 0)) as one, socket.socket(socket.AF_UNIX) as other:
        other.bind(str(tmp_path / "a socket "))
        other.listen()
        told = [_listener(one), _listener(other)]

        def refused() -> None:
            raise OSError

        monkeypatch.setattr("stormdoor.run.processes.listening_tcp", refused)
        read = [_listener(one), _listener(other)]
        assert [(each.name, each.address) for each in told] == [
            (each.name, each.address) for each in read
        ]
