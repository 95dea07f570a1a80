"""Make the transports that a configuration file declares."""

from __future__ import annotations

from stormdoor.config.protection import SessionOf
from stormdoor.tornado.transports.transport import Transport

__all__ = ["transport_of"]


def transport_of(declared: SessionOf) -> Transport:
    """Return the transport with requests that name their session there."""
    match declared.place:
        case "json":
            return Transport.by_json(declared.name)
        case "query":
            return Transport.by_query(declared.name)
        case "path":
            return Transport.by_path()
        case "none":
            return Transport.none()
