"""The demo's address, and the check of its port that `make demo` runs before the installation.

The check needs only the standard library: `python src/stormdoor/demo/port.py --port 9000`.
"""

from __future__ import annotations

import argparse
import errno
import os
import socket
import sys
from collections.abc import Sequence

__all__ = ["HOST", "PORT", "main", "problem"]

HOST = "127.0.0.1"
PORT = 8765

_FOR_ALL = (errno.EADDRINUSE, errno.EACCES)


def problem(host: str, port: int) -> str | None:
    """Return why the demo cannot listen on a port, such as `Address already in use`; else None.

    Only a port in use and a port without permission are problems here. The demo itself reports a
    name that does not resolve and an address of another machine.

    Args:
        host: Name or address to listen on.
        port: From 1 to 65535; 0 is always free.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, OverflowError):
        return None
    for family, kind, protocol, _, address in found:
        try:
            with socket.socket(family, kind, protocol) as sock:
                # As the demo does: a connection that was closed a moment ago does not keep the port.
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                sock.bind(address)
                sock.listen(1)
        except OSError as error:
            if error.errno in _FOR_ALL:
                return os.strerror(error.errno)
    return None


def main(arguments: Sequence[str]) -> int:
    """Check the port that the arguments of `stormdoor demo` name.

    Args:
        arguments: As on the command line, without the name of the command.

    Returns:
        The exit status: 1 with a message on standard error if the port is not free, else 0.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--host", default=HOST)
    parser.add_argument("--port", default=str(PORT))
    parser.add_argument("--help", "-h", action="store_true")
    try:
        known, _ = parser.parse_known_args(arguments)
        port = int(known.port)
    except (SystemExit, ValueError):
        return 0  # a mistake in the arguments, which the demo explains
    found = None if known.help else problem(known.host, port)
    if found is None:
        return 0
    example = 9000 if port != 9000 else 9001
    sys.stderr.write(
        f"the demo cannot listen on {known.host} port {port}: {found}. Nothing was installed.\n"
        f'Choose another port: make demo ARGS="--port {example}"\n'
    )
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
