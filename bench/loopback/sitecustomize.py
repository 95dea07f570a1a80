"""On PYTHONPATH of a measured tool: each of its connections to another machine fails at once."""

import ipaddress
import socket

_lookup = socket.getaddrinfo
_connect = socket.socket.connect
_connect_ex = socket.socket.connect_ex


def _is_here(host: object) -> bool:
    if host in {None, "", "localhost", b"localhost"}:
        return True
    try:
        return ipaddress.ip_address(str(host).partition("%")[0]).is_loopback
    except ValueError:
        return False


def _getaddrinfo(host, *rest, **named):  # type: ignore[no-untyped-def]
    if not _is_here(host):
        raise socket.gaierror(socket.EAI_NONAME, f"{host} is not this machine")
    return _lookup(host, *rest, **named)


def _checked(connect):  # type: ignore[no-untyped-def]
    def only_here(self, address):  # type: ignore[no-untyped-def]
        if self.family in {socket.AF_INET, socket.AF_INET6} and not _is_here(address[0]):
            raise ConnectionRefusedError(f"{address[0]} is not this machine")
        return connect(self, address)

    return only_here


socket.getaddrinfo = _getaddrinfo
socket.socket.connect = _checked(_connect)  # type: ignore[method-assign]
socket.socket.connect_ex = _checked(_connect_ex)  # type: ignore[method-assign]
