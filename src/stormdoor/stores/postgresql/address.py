"""The URL of a database: its hosts, and its name in messages."""

from typing import Final
from urllib.parse import parse_qs, urlsplit

from stormdoor.errors import ConfigurationError

__all__ = ["Address"]

_EXAMPLE: Final = "postgresql://user@host/database"


class Address:
    """Where a database is.

    Args:
        url: The URL as PostgreSQL defines it; it may name several hosts. A password may also be in PGPASSWORD
            or in a password file.

    Attributes:
        url: The URL.
        name: Hosts and database, without user and password, for messages.
        hosts: Arguments of `asyncpg.connect` that select each host in turn; empty to leave that to asyncpg.

    Raises:
        ConfigurationError: It is no URL of a database.
    """

    __slots__ = ("hosts", "name", "url")

    def __init__(self, url: str) -> None:
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
        netloc = parts.netloc.rpartition("@")[2]
        self.url = url
        self.name = f"postgresql://{netloc}{parts.path}"
        self.hosts: list[dict[str, object]] = []
        if "," in netloc:
            for one in netloc.split(","):
                host, _, port = (
                    one.rpartition(":") if one.rpartition(":")[2].isdigit() else (one, "", "")
                )
                self.hosts.append({"host": host.strip("[]"), "port": int(port or 5432)})
