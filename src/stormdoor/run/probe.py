"""Ask a listener with requests whether it speaks HTTP, without waiting for it.

A request is sent after the server has accepted the connection, at the next step. A guarded server never
gets one, because its report is older than that: no refusal in its log is of this request.
"""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Callable, Container
from enum import Enum

from stormdoor.run.connect import connect, open_file
from stormdoor.run.processes import ListeningSocket
from stormdoor.run.sockets import arrival_of

__all__ = ["Probe", "Spoken"]

_QUESTIONS = [
    # It concerns the server as a whole (RFC 9110, section 9.3.7), so that no page of the program runs.
    "OPTIONS * HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n",
    # For servers that do not know this request.
    "GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n",
    # For servers that answer handshakes alone.
    (
        "GET / HTTP/1.1\r\nHost: {host}\r\nOrigin: {scheme}://{host}\r\nConnection: Upgrade\r\n"
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: c3Rvcm1kb29yIHJ1biBhcw==\r\n\r\n"
    ),
]
"""Each one is sent in clear, and over TLS to a server that ends the connection without an answer."""
_PROMPT_SECONDS = 0.2
_PATIENCE_SECONDS = 3.0
"""A server of HTTP answers before that. Other protocols may be silent, and their clients wait."""
_FIRST_SECONDS, _LATER_SECONDS = 1.0, 10.0
"""The time for an answer to one question, in the first round and in later ones."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 600.0
_HTTP = b"HTTP/"
_ALERT = 0x15
"""The first byte of an alert of TLS."""
_GREETING_SECONDS = 0.2
"""Time to wait for a greeting, before a server is asked again that has answered something else than HTTP."""
_ATTEMPTS = 32
"""Connections that other listeners may get in a row."""


class Spoken(Enum):
    """The answer of a listener."""

    HTTP = "HTTP"
    OTHER = "another protocol"
    NOT_YET = "nothing yet"


class Probe:
    """Asks one listener all questions, again and again while it is not recognised. `step` never waits.

    Args:
        listener: The listener.
        now: Monotonic seconds.
        file: The descriptor of the file of a Unix socket, if it is open already. The probe closes it.
        guarded: The inodes of guarded listeners, now and later.

    Attributes:
        next_at: Monotonic seconds of the next step that does something, after a round without a result.
    """

    def __init__(
        self,
        listener: ListeningSocket,
        now: float,
        *,
        file: int | None = None,
        guarded: Container[int] = (),
    ) -> None:
        self.listener = listener
        self._guarded = guarded
        self._file = file
        self._socket: socket.socket | None = None
        self._advance: Callable[[], Spoken] = self._connect
        self._now = self._began = self._asked = self._changed = self.next_at = now
        self._accepted: float | None = None
        self._unreachable: str | None = None
        self._pause = _FIRST_PAUSE
        self._rounds = self._question = self._other_answers = 0
        self._attempt = 0
        self._attempts_left = _ATTEMPTS
        self._over_tls = False
        self._answer = b""

    def step(self, now: float) -> Spoken:
        """Go on as far as possible, and return what is known.

        Args:
            now: Monotonic seconds.
        """
        if now < self.next_at:
            return Spoken.NOT_YET
        self._now = now
        before = self._advance
        try:
            spoken = self._advance()
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            spoken = Spoken.NOT_YET
        except OSError as error:
            if before == self._connect:
                return self._after_failure(error)
            spoken = self._after_no_answer()
        if self._advance != before:
            self._changed = self._asked = now
            if before == self._await_acceptance and self._accepted is None:
                self._accepted = now
        if spoken is Spoken.HTTP:
            self.close()
        elif spoken is Spoken.OTHER:
            self._other_answers += 1
            return self._next_question()
        elif self._socket is not None and self._accepted is not None and self._is_late():
            return self._next_question()
        return spoken

    def asks(self, now: float) -> bool:
        """Return whether an answer may come at any moment: something has happened a moment ago.

        Args:
            now: Monotonic seconds.
        """
        return self.next_at <= now < self._changed + _PROMPT_SECONDS

    def unrecognised(self, now: float) -> str | None:
        """Return why the listener is not recognised; None as long as it may still be.

        Args:
            now: Monotonic seconds.
        """
        since = self._began if self._accepted is None else self._accepted
        if self._rounds == 0 or now - since <= _PATIENCE_SECONDS:
            return None
        if self._accepted is not None:
            return "it answers no request at /"
        return self._unreachable and f"it cannot be asked, because {self._unreachable}"

    def close(self) -> None:
        """Let go of the connection and of the file."""
        self._disconnect()
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _is_late(self) -> bool:
        return self._now - self._asked > (_LATER_SECONDS if self._rounds else _FIRST_SECONDS)

    def _disconnect(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._advance = self._connect

    def _after_failure(self, error: OSError) -> Spoken:
        """Connect in another way: other listeners may have got the connection."""
        self._unreachable = error.strerror or str(error)
        self._attempts_left -= 1
        has_ways = isinstance(self.listener.name, tuple) and not isinstance(error, TimeoutError)
        if not has_ways or self._attempts_left <= 0:
            self._end_round()
        return Spoken.NOT_YET

    def _after_no_answer(self) -> Spoken:
        """Ask the same over TLS, then the next question."""
        if self._over_tls:
            return self._next_question()
        self._disconnect()
        self._over_tls = True
        return Spoken.NOT_YET

    def _next_question(self) -> Spoken:
        """Go on. Return OTHER if each question had an answer that is no HTTP."""
        self._disconnect()
        self._changed = self._now
        self._over_tls = False
        self._question += 1
        if self._other_answers >= len(_QUESTIONS):
            self.close()
            return Spoken.OTHER
        if self._question == len(_QUESTIONS):
            self._end_round()
        return Spoken.NOT_YET

    def _end_round(self) -> None:
        self._rounds += 1
        self._question = self._other_answers = 0
        self._attempts_left = _ATTEMPTS
        self.next_at = self._changed = self._now + self._pause
        self._pause = min(self._pause * 2, _LONGEST_PAUSE)

    # -- the steps, in their order ---------------------------------------------------------------

    def _connect(self) -> Spoken:
        name = self.listener.name
        if self._file is None and isinstance(name, bytes) and not name.startswith(b"\0"):
            self._file = open_file(self.listener)
        self._attempt += 1
        self._socket = connect(self.listener, self._attempt - 1, self._file, self._guarded)
        self._unreachable = None
        self._attempts_left = _ATTEMPTS
        self._advance = self._await_acceptance
        return Spoken.NOT_YET

    def _await_acceptance(self) -> Spoken:
        if self._socket is not None and arrival_of(self._socket).accepted:
            self._advance = self._encrypt if self._over_tls else self._await_greeting
        return Spoken.NOT_YET

    def _await_greeting(self) -> Spoken:
        """Wait for a server that speaks first, so that its protocol gets no second request in its log."""
        if self._socket is not None and self._other_answers:
            try:
                greeting = self._socket.recv(64, socket.MSG_PEEK)
            except BlockingIOError:
                if self._now - self._asked < _GREETING_SECONDS:
                    raise
            else:
                if greeting and not greeting.startswith(_HTTP[: len(greeting)]):
                    self._other_answers = len(_QUESTIONS)
                    return Spoken.OTHER
        self._advance = self._send
        return self._send()

    def _encrypt(self) -> Spoken:
        plain = self._socket
        if plain is None:
            return Spoken.NOT_YET
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # it asks whether HTTP is spoken, and sends no secret
        context.set_alpn_protocols(["http/1.1"])
        self._socket = context.wrap_socket(
            plain, do_handshake_on_connect=False, server_hostname="localhost"
        )
        self._advance = self._greet
        return self._greet()

    def _greet(self) -> Spoken:
        if isinstance(self._socket, ssl.SSLSocket):
            self._socket.do_handshake()
        self._advance = self._send
        return self._send()

    def _send(self) -> Spoken:
        if self._socket is None:
            return Spoken.NOT_YET
        request = _QUESTIONS[self._question].format(
            host=_authority(self._socket), scheme="https" if self._over_tls else "http"
        )
        self._socket.send(request.encode())
        self._answer = b""
        self._advance = self._receive
        return self._receive()

    def _receive(self) -> Spoken:
        if self._socket is None:
            return Spoken.NOT_YET
        received = self._socket.recv(64)
        self._answer += received
        if self._answer.startswith(_HTTP):
            return Spoken.HTTP
        if not received or (self._answer[0] == _ALERT and not self._over_tls):
            raise ConnectionResetError
        return Spoken.NOT_YET if _HTTP.startswith(self._answer) else Spoken.OTHER


def _authority(connection: socket.socket) -> str:
    if connection.family == socket.AF_UNIX:
        return "localhost"
    host, port = connection.getpeername()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
