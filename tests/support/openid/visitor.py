"""A browser without a window: follows redirections between an application and the provider."""

from __future__ import annotations

from typing import Self
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx2

__all__ = ["Browserlike", "query_of"]


def query_of(url: str | httpx2.URL) -> dict[str, str]:
    """The query arguments of an address."""
    return dict(parse_qsl(urlsplit(str(url)).query, keep_blank_values=True))


class Browserlike:
    """Cookies by host and port, redirections one at a time, and a form filled where one is asked for.

    A browser's cookies do not know ports; here each origin has its own jar, which is how a browser treats
    two names. `__Host-` cookies go over loopback without TLS, as in Chromium.
    """

    def __init__(self) -> None:
        self._client = httpx2.AsyncClient(timeout=60.0, trust_env=False)
        self.jars: dict[str, dict[str, str]] = {}
        self.seen: list[str] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    def cookies(self, url: str) -> dict[str, str]:
        """The jar for an address."""
        return self.jars.setdefault(urlsplit(url).netloc, {})

    async def request(
        self, method: str, url: str, *, data: dict[str, str] | None = None, **headers: str
    ) -> httpx2.Response:
        """One request; nothing is followed."""
        jar = self.cookies(url)
        if jar:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in jar.items())
        if method == "POST":
            parts = urlsplit(url)
            headers.setdefault("Origin", f"{parts.scheme}://{parts.netloc}")
        self._client.cookies.clear()
        self.seen.append(url)
        response = await self._client.request(method, url, data=data, headers=headers)
        for line in response.headers.get_list("set-cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            ended = "01 jan 1970" in line.lower() or "max-age=0" in line.lower()
            if ended or not value.strip('"'):
                jar.pop(name, None)
            else:
                jar[name] = value.strip('"')
        return response

    async def get(self, url: str, **headers: str) -> httpx2.Response:
        """GET; nothing is followed."""
        return await self.request("GET", url, data=None, **headers)

    async def follow(self, url: str, *, until: str | None = None, **form: str) -> httpx2.Response:
        """GET, then follow what redirects, and send the provider's forms.

        Args:
            url: Where to begin.
            until: Stop before an address that begins like this; the answer is the redirection to it.
            form: What is typed into the login form: `login`, `password`, `otp`, or `abort`.
        """
        response = await self.get(url)
        for _ in range(12):
            if response.is_redirect:
                url = urljoin(url, response.headers["location"])
                if until is not None and url.startswith(until):
                    return response
                response = await self.get(url)
            elif "/interaction/" in url and response.status_code == 200:
                assert form, "the provider asks for a login"
                response = await self.request("POST", url, data=form)
            else:
                return response
        raise AssertionError(f"redirected in a circle: {self.seen}")

    async def follow_to_form(self, url: str) -> str:
        """GET and follow until the provider asks for a login. Returns the address of its form."""
        for _ in range(8):
            response = await self.get(url)
            if not response.is_redirect:
                return url
            url = urljoin(url, response.headers["location"])
        raise AssertionError(f"redirected in a circle: {self.seen}")
