"""Ask a listener with one request whether it speaks HTTP, without waiting for it.

The request is sent after the server has accepted the connection, at the next step. A guarded server never
gets it, because its report is older than that: no refusal in its log is of this request.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from enum import Enum

from stormdoor.run.hold import count_no_hops
from stormdoor.run.processes import ListeningSocket
from stormdoor.run.sockets import is_accepted

__all__ = ["Probe", "Spoken"]

_REQUESTS = [
    # It concerns the server as a whole (RFC 9110, section 9.3.7), so that no page of the program runs.
    b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    # For a server that ends the connection without an answer.
    b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
]
_PROMPT_SECONDS = 0.2
_SILENT_SECONDS = 10.0
_LONGEST_WAIT = 60.0


class Spoken(Enum):
    """The answer of a listener."""

    HTTP = "HTTP"
    OTHER = "another protocol"
    NOT_YET = "nothing yet"


class Probe:
    """Asks one listener, again and again while it does not answer. `step` never waits.

    Args:
        listener: The listener.
        now: Monotonic seconds.
    """

    def __init__(self, listener: ListeningSocket, now: float) -> None:
        self.listener = listener
        self._socket: socket.socket | None = None
        self._advance: Callable[[], Spoken] = self._connect
        self._begun = now
        self._changed = now
        self._accepted: float | None = None
        self._again_at = now
        self._wait = 0.5
        self._over_tls = False
        self._connections = 0

    def step(self, now: float) -> Spoken:
        """Go on as far as possible, and return what is known.

        Args:
            now: Monotonic seconds.
        """
        if now < self._again_at:
            return Spoken.NOT_YET
        if self._socket is None:
            self._begun = now
            self._advance = self._connect
        before = self._advance
        try:
            spoken = self._advance()
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            spoken = Spoken.NOT_YET
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            self._later(now)
            return Spoken.NOT_YET
        except ssl.SSLError:
            spoken = Spoken.OTHER
        except OSError:
            # Refused, reset, or ended without an answer: a server that is busy does that, too. A server of
            # TLS may reset a connection that begins in clear.
            if self._advance == self._receive and not self._over_tls:
                self.close()
                self._over_tls = True
            else:
                self._later(now)
            return Spoken.NOT_YET
        if self._advance != before:
            self._changed = now
            if before == self._await_acceptance and self._accepted is None:
                self._accepted = now
        if spoken is not Spoken.NOT_YET:
            self.close()
        elif self._socket is not None and now - self._begun > _SILENT_SECONDS:
            self._later(now)
        return spoken

    def asks(self, now: float) -> bool:
        """Return whether an answer may come at any moment: something has happened a moment ago.

        Args:
            now: Monotonic seconds.
        """
        return self._socket is not None and now - self._changed < _PROMPT_SECONDS

    def silent_seconds(self, now: float) -> float:
        """Return how long the server has not answered since it accepted the first connection.

        Args:
            now: Monotonic seconds.
        """
        return 0.0 if self._accepted is None else now - self._accepted

    def close(self) -> None:
        """Let go of the connection."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _later(self, now: float) -> None:
        self.close()
        self._over_tls = False
        self._again_at = now + self._wait
        self._wait = min(self._wait * 2, _LONGEST_WAIT)

    def _connect(self) -> Spoken:
        target = self.listener.target
        if isinstance(target, str):
            family = socket.AF_UNIX
        else:
            family = socket.AF_INET6 if ":" in target[0] else socket.AF_INET
        self.close()
        self._socket = one = socket.socket(family, socket.SOCK_STREAM)
        self._connections += 1
        one.setblocking(False)
        count_no_hops(one)
        self._advance = self._await_acceptance
        one.connect(target)
        return Spoken.NOT_YET

    def _await_acceptance(self) -> Spoken:
        plain = self._socket
        if plain is None:
            return Spoken.NOT_YET
        plain.getpeername()  # raises while it is not connected
        if is_accepted(plain):
            self._advance = self._encrypt if self._over_tls else self._send
        return Spoken.NOT_YET

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
        # In clear, then over TLS, each with the first request; after a pause with the other one.
        self._socket.send(_REQUESTS[(self._connections - 1) // 2 % len(_REQUESTS)])
        self._advance = self._receive
        return self._receive()

    def _receive(self) -> Spoken:
        if self._socket is None:
            return Spoken.NOT_YET
        received = self._socket.recv(64)
        if received.startswith(b"HTTP/"):
            return Spoken.HTTP
        if self._over_tls:
            if not received:
                raise ConnectionResetError
            return Spoken.OTHER
        # An alert of TLS, an end without an answer, or a greeting of another protocol.
        if not received or received[0] == 0x15:
            self._over_tls = True
            self._advance = self._connect
            return self._connect()
        return Spoken.OTHER
