"""A listener is asked in clear and over TLS, and one that does not answer is asked again."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from stormdoor.run.probe import Probe, Spoken
from stormdoor.run.processes import ListeningSocket, command_of, listeners
from tests.support.certificates import Authority


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextlib.contextmanager
def _answering(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    one, _ = server.accept()
                    with one, contextlib.suppress(OSError):
                        answer(one)

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def _spoken(name: tuple[str, int]) -> Spoken:
    probe = Probe(ListeningSocket(1, "there", name), time.monotonic())
    end = time.monotonic() + 60
    spoken = Spoken.NOT_YET
    while spoken is Spoken.NOT_YET and time.monotonic() < end:
        spoken = probe.step(time.monotonic())
        time.sleep(0.01)
    probe.close()
    return spoken


def test_a_server_of_http_is_found() -> None:
    """Any answer counts, also a refusal."""
    with HTTPServer(("127.0.0.1", 0), _Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert _spoken(("127.0.0.1", server.server_port)) is Spoken.HTTP
        server.shutdown()


def test_a_server_of_http_over_tls_is_found(tmp_path: Path) -> None:
    """A server that answers the request in clear with an alert is asked again over TLS."""
    with HTTPServer(("127.0.0.1", 0), _Page) as server:
        server.socket = (
            Authority(time.time())
            .server_context(tmp_path, ssl.CERT_NONE)
            .wrap_socket(server.socket, server_side=True)
        )
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert _spoken(("127.0.0.1", server.server_port)) is Spoken.HTTP
        server.shutdown()


def test_another_protocol_is_no_http() -> None:
    """A greeting, as ZMQ sends it, is enough."""
    with _answering(lambda one: one.sendall(b"\xff\0\0\0\0\0\0\0\x01\x7f")) as port:
        assert _spoken(("127.0.0.1", port)) is Spoken.OTHER


def test_a_server_that_answers_late_is_found() -> None:
    """One that ends the first connections without an answer is asked again."""
    asked: list[int] = []

    def answer(one: socket.socket) -> None:
        asked.append(1)
        if len(asked) > 4:
            one.recv(1000)
            one.sendall(b"HTTP/1.1 200 OK\r\n\r\n")

    with _answering(answer) as port:
        assert _spoken(("127.0.0.1", port)) is Spoken.HTTP
    assert len(asked) > 4


def test_a_server_that_speaks_first_gets_one_request() -> None:
    """Its answer to the first request may be a greeting: the second connection waits for it."""
    got: list[bytes] = []

    def greet(one: socket.socket) -> None:
        one.sendall(b"\xff\0\0\0\0\0\0\0\x01\x7f")
        one.settimeout(1)
        got.append(one.recv(1000))

    with _answering(greet) as port:
        assert _spoken(("127.0.0.1", port)) is Spoken.OTHER
    assert sum(one.startswith((b"OPTIONS", b"GET")) for one in got) <= 1, got


def test_a_server_without_an_answer_is_asked_less_and_less_often() -> None:
    """It gets each question, in clear and over TLS; the pause between two rounds grows to ten minutes."""
    got: list[bytes] = []
    pauses: list[float] = []
    with _answering(lambda one: got.append(one.recv(10))) as port:
        name = ("127.0.0.1", port)
        probe = Probe(ListeningSocket(1, "there", name), 0.0)
        now = 0.0
        while len(pauses) < 13:
            assert probe.step(now) is Spoken.NOT_YET
            if not probe.asks(now):
                before, now = now, probe.next_at
                pauses.append(now - before)
            time.sleep(0.0005)
        assert probe.unrecognised(now) == "it answers no request at /"
        probe.close()
    assert pauses == [0.5 * 2**one for one in range(11)] + [600.0, 600.0]
    assert [one[:1] for one in got[:6]] == [b"O", b"\x16", b"G", b"\x16", b"G", b"\x16"]


def test_the_listeners_of_a_process(tmp_path: Path) -> None:
    """TCP over both families and Unix sockets are found, with the address to connect to."""
    path = str(tmp_path / "socket")
    with socket.create_server(("127.0.0.1", 0)) as one, socket.socket(socket.AF_UNIX) as other:
        other.bind(path)
        other.listen()
        found = {each.address: each for each in listeners([os.getpid()], {})}
        port = one.getsockname()[1]
        assert found[f"127.0.0.1:{port}"].name == ("127.0.0.1", port)
        assert found[f"127.0.0.1:{port}"].inode == os.fstat(one.fileno()).st_ino
        assert found[f"unix:{path}"].name == os.fsencode(path)
        assert os.getpid() in found[f"unix:{path}"].pids
    assert f"process {os.getpid()} (" in command_of(os.getpid())
    assert "it has ended" in command_of(2**22 + 1)
