"""The URL of a database: its hosts, and its name in messages."""

import re
from typing import Final
from urllib.parse import parse_qs, urlsplit

from stormdoor.errors import ConfigurationError

__all__ = ["Address"]

_EXAMPLE: Final = "postgresql://user@host/database"
_PLACE: Final = re.compile(r"(?P<before>\w+://(?:[^/?#]*@)?)(?P<hosts>[^/?#]*)")


class Address:
    """Where a database is.

    Args:
        url: The URL as PostgreSQL defines it; it may name several hosts. A password may also be in PGPASSWORD
            or in a password file.

    Attributes:
        url: The URL, with the first of several hosts alone. Python reads none with an address of IPv6 among
            several hosts, in recent releases.
        name: Hosts and database, without user and password, for messages.
        hosts: Arguments of `asyncpg.connect` that select each host in turn; empty to leave that to asyncpg.

    Raises:
        ConfigurationError: It is no URL of a database.
    """

    __slots__ = ("hosts", "name", "url")

    def __init__(self, url: str) -> None:
        place = _PLACE.match(url)
        hosts = place["hosts"] if place else ""
        first, *others = hosts.split(",")
        if place and others:
            url = f"{place['before']}{first}{url[place.end() :]}"
        try:
            parts = urlsplit(url)
            query = parse_qs(parts.query, strict_parsing=bool(parts.query))
        except ValueError as error:
            # The URL may contain a password, so no message repeats it.
            raise ConfigurationError(f"the URL of the store is not like {_EXAMPLE}") from error
        if parts.scheme not in ("postgresql", "postgres"):
            raise ConfigurationError(f"the URL of the store is not like {_EXAMPLE}")
        if "target_session_attrs" in query:
            raise ConfigurationError(
                "remove target_session_attrs from the URL of the store: a node always uses the primary"
            )
        self.url = url
        self.name = f"postgresql://{hosts}{parts.path}"
        self.hosts: list[dict[str, object]] = []
        for one in (first, *others) if others else ():
            host, _, port = (
                one.rpartition(":") if one.rpartition(":")[2].isdigit() else (one, "", "")
            )
            self.hosts.append({"host": host.strip("[]"), "port": int(port or 5432)})
