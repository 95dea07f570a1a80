"""The HTTPS client for providers: bounded in time and size, without redirects.

The guard trusts a provider to identify users, but not to be available, to be fast or to send short answers.
It trusts no other server on the network path.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from stormdoor.auth.jose.jws import json_object
from stormdoor.auth.oauth.library import httpx2
from stormdoor.core.address import is_loopback_host
from stormdoor.core.malformed import Malformed
from stormdoor.errors import ConfigurationError

__all__ = ["ProviderAnswer", "ProviderClient", "Unanswered", "check_url", "is_local"]

MAX_BYTES = 256 * 1024
"""Bytes of an answer. Discovery documents and key sets have a few thousand."""

_READ = (200, 400, 401)
_JSON = ("application/json", "application/jwk-set+json")


@dataclass(frozen=True, slots=True)
class ProviderAnswer:
    """The answer of a provider: an HTTP status, and the JSON object if there was one.

    Attributes:
        status: HTTP status.
        body: The object, or None if the status is not 200.
        error: The error code of an OAuth endpoint beside 400 or 401 (RFC 6749 §5.2), or empty.
    """

    status: int
    body: Mapping[str, Any] | None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Unanswered:
    """The provider gave no usable answer.

    Attributes:
        reason: For the operator; contains nothing of the request.
        retry_after: Whole seconds until another attempt makes sense.
    """

    reason: str
    retry_after: int = 5


def is_local(url: str) -> bool:
    """Return whether `url` is on this machine, so that no other machine can read the traffic."""
    return is_loopback_host(urlsplit(url).hostname or "")


def check_url(url: object, what: str, *, local: bool = False) -> str:
    """Return the URL if a secret or a key may be sent over it.

    Args:
        url: The configured URL.
        what: Its name, for the message.
        local: Whether `http://` to this machine is allowed.

    Raises:
        ConfigurationError: It is not an absolute https URL, or contains a user name, a password or a
            fragment.
    """
    if not isinstance(url, str) or not url.isascii() or not url.isprintable() or " " in url:
        raise ConfigurationError(f"{what} is not a URL")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ConfigurationError(f"{what} is not a URL") from None
    if not parts.hostname or port == 0 or "\\" in url:
        raise ConfigurationError(f"{what} is not a URL")
    if "@" in parts.netloc or parts.fragment or url.endswith("#"):
        raise ConfigurationError(f"{what} must hold no user name, password or fragment")
    if parts.scheme != "https" and not (local and parts.scheme == "http" and is_local(url)):
        raise ConfigurationError(
            f"{what} is not an https:// URL; an attacker on the wire could change it"
        )
    return url


class ProviderClient:
    """Sends requests to a provider. One for all its endpoints, so that connections are reused.

    Args:
        seconds: Seconds for one request, from the first byte sent to the last one read.
        tls: Settings for the check of its certificate, or None for the authorities of this machine.

    Raises:
        ConfigurationError: `seconds` is not greater than 0.
    """

    def __init__(self, *, seconds: float = 5.0, tls: ssl.SSLContext | None = None) -> None:
        if not 0.0 < seconds <= 60.0:
            raise ConfigurationError(f"timeout must be 0 to 60 seconds, not {seconds}")
        self._seconds = seconds
        self._tls = tls
        self._client: httpx2.AsyncClient | None = None

    def _http(self) -> httpx2.AsyncClient:
        if self._client is None:
            self._client = httpx2.AsyncClient(
                verify=self._tls or ssl.create_default_context(),
                timeout=self._seconds,
                # No answer and no environment variable may redirect a request with a secret.
                follow_redirects=False,
                trust_env=False,
                limits=httpx2.Limits(max_connections=None, max_keepalive_connections=16),
                headers={"Accept": "application/json", "Accept-Encoding": "identity"},
            )
        return self._client

    async def get(
        self, url: str, *, auth: httpx2.Auth | None = None, listed: bool = False
    ) -> ProviderAnswer | Unanswered:
        """Fetch a document.

        Args:
            url: Address of the document.
            auth: Credential for the `Authorization` header.
            listed: Whether the document is a list. It is then the member `list` of the answer.
        """
        answer = await self._ask("GET", url, listed=listed, auth=auth)
        body = answer.body if listed and isinstance(answer, ProviderAnswer) else None
        if body is not None and (body.keys() != {"list"} or not isinstance(body["list"], list)):
            return Unanswered(f"{urlsplit(url).hostname} answered something that is not a list")
        return answer

    async def post(
        self, url: str, form: Mapping[str, str], *, auth: httpx2.BasicAuth | None = None
    ) -> ProviderAnswer | Unanswered:
        """Send a form.

        Args:
            url: Address of the endpoint.
            form: Names and values.
            auth: Credential for the `Authorization` header.
        """
        return await self._ask("POST", url, data=dict(form), auth=auth)

    async def _ask(self, method: str, url: str, **more: Any) -> ProviderAnswer | Unanswered:
        where = urlsplit(url).hostname
        try:
            # httpx2 bounds each read only; an occasional byte would keep the caller waiting forever.
            async with asyncio.timeout(self._seconds):
                return await self._answer(method, url, **more)
        except TimeoutError:
            return Unanswered(f"{where} did not answer in {self._seconds:g} s")
        except (httpx2.HTTPError, httpx2.InvalidURL, ssl.SSLError, OSError) as error:
            # Not its text, which may quote the request.
            return Unanswered(f"{where} cannot be asked: {type(error).__name__}")

    async def _answer(
        self, method: str, url: str, *, listed: bool = False, **more: Any
    ) -> ProviderAnswer | Unanswered:
        where = urlsplit(url).hostname
        async with self._http().stream(method, url, **more) as response:
            status = response.status_code
            if status not in _READ:
                return ProviderAnswer(status, None)
            kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
            if kind not in _JSON:
                if status != 200:
                    return ProviderAnswer(status, None)
                return Unanswered(f"{where} answered something that is not JSON")
            if "content-encoding" in response.headers:
                # A few compressed bytes could become very many.
                return Unanswered(f"{where} answered in an encoding that was not requested")
            data = bytearray()
            async for chunk in response.aiter_raw():
                data += chunk
                if len(data) > MAX_BYTES:
                    return Unanswered(f"{where} answered more than {MAX_BYTES} bytes")
        body = json_object(
            b'{"list":%b}' % bytes(data) if listed and status == 200 else bytes(data)
        )
        if status != 200:
            error = None if isinstance(body, Malformed) else body.get("error")
            return ProviderAnswer(status, None, error[:64] if isinstance(error, str) else "")
        if isinstance(body, Malformed):
            return Unanswered(f"{where} answered something unreadable: {body.reason}")
        return ProviderAnswer(200, body)

    async def close(self) -> None:
        """Close the connections. Safe to call twice; the next request opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()
