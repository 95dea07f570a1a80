"""A browser as far as a login needs one: it keeps cookies, and says which page it is on."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any

import pyotp
from tornado.httpclient import AsyncHTTPClient

__all__ = ["Answer", "LoginClient"]


@dataclass(frozen=True)
class Answer:
    """Answer of the server."""

    status: int
    body: Any
    headers: dict[str, str]
    set_cookies: tuple[str, ...]


@dataclass
class LoginClient:
    """One browser, with cookies of its own."""

    port: int
    origin: str = "http://127.0.0.1:1"
    cookies: dict[str, str] = field(default_factory=dict)
    prefix: str = "/auth"
    headers: dict[str, str] = field(default_factory=dict)
    """More headers of each request. A GET with `Sec-Fetch-Site` has no Origin, as in browsers."""

    async def send(self, method: str, path: str, body: Any = None, *, form: bool = False) -> Answer:
        """One request, as a page of `origin` sends it."""
        headers = {"Origin": self.origin, **self.headers}
        if method == "GET" and "Sec-Fetch-Site" in headers:
            del headers["Origin"]
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        sent: str | None = None
        if form:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            sent = "&".join(f"{k}={v}" for k, v in body.items())
        elif method == "POST":
            headers["Content-Type"] = "application/json"
            sent = json.dumps(body if body is not None else {})
        answer = await AsyncHTTPClient(force_instance=True).fetch(
            f"http://127.0.0.1:{self.port}{self.prefix}{path}",
            method=method,
            body=sent,
            headers=headers,
            raise_error=False,
            follow_redirects=False,
        )
        set_cookies = tuple(answer.headers.get_list("Set-Cookie"))
        for line in set_cookies:
            for name, morsel in SimpleCookie(line).items():
                if morsel.value:
                    self.cookies[name] = morsel.value
                else:
                    self.cookies.pop(name, None)
        text = answer.body.decode() if answer.body else ""
        return Answer(
            answer.code,
            json.loads(text) if text.startswith("{") else text,
            dict(answer.headers.items()),
            set_cookies,
        )

    async def post(self, path: str, body: Any = None, **options: Any) -> Answer:
        """POST."""
        return await self.send("POST", path, body, **options)

    async def get(self, path: str) -> Answer:
        """GET."""
        return await self.send("GET", path)

    async def delete(self, path: str) -> Answer:
        """DELETE."""
        return await self.send("DELETE", path)

    async def log_in(self, username: str, password: str) -> Answer:
        """Log in with a password."""
        return await self.post("/login", {"username": username, "password": password})

    async def enrol_totp(self, now: float) -> tuple[pyotp.TOTP, list[str]]:
        """Enrol TOTP, and confirm it with the code of `now`. Returns it, and the recovery codes."""
        begun = await self.post("/factors/totp")
        assert begun.status == 200, begun
        device = pyotp.TOTP(begun.body["secret"])
        code = device.at(int(now))
        done = await self.post("/factors/totp/confirm", {"id": begun.body["id"], "code": code})
        assert done.status == 201, done
        return device, done.body["recovery_codes"]
