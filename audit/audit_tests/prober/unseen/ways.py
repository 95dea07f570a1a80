"""Ways to get a credential of each program, as a person's browser does."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from http.client import HTTPException
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlencode

from audit_tests.prober.real.programs import Case, Credential

__all__ = [
    "bokeh",
    "channels",
    "esphome",
    "express",
    "gateway",
    "inspector",
    "litestar",
    "logs_in",
    "marimo",
    "nes",
    "nicegui",
    "nicegui_login",
    "node_red",
    "notes",
    "octoprint",
    "page_token",
    "panel",
    "remi",
    "visdom",
    "visits",
    "vite",
    "wds",
]


@dataclass(slots=True)
class _Browser:
    """A browser that knows cookies and forms."""

    port: int
    jar: CookieJar = field(default_factory=CookieJar)

    def ask(
        self,
        path: str,
        form: dict[str, str] | None = None,
    ) -> str:
        """The page at a path; a form is sent with the token against forgery that the cookie holds."""
        opener = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(self.jar), urllib.request.ProxyHandler({})
        )
        origin = f"http://127.0.0.1:{self.port}"
        request = urllib.request.Request(f"{origin}{path}")  # noqa: S310 - loopback
        if form is not None:
            token = next((str(one.value) for one in self.jar if one.name == "_xsrf"), "")
            request.data = urlencode({**({"_xsrf": token} if token else {}), **form}).encode()
            request.add_header("Origin", origin)
        try:
            with opener.open(request, timeout=30) as answer:
                return str(answer.read().decode("utf-8", "replace"))
        except urllib.error.HTTPError as error:
            return str(error.read().decode("utf-8", "replace"))

    @property
    def cookies(self) -> tuple[tuple[str, str], ...]:
        """Cookies that the browser sends."""
        return tuple((one.name, str(one.value)) for one in self.jar)


def notes(case: Case, port: int, token: str, folder: Path) -> tuple[str, Credential]:
    """The form of `apps/notes.py`."""
    browser = _Browser(port)
    browser.ask("/login")
    browser.ask("/login", {"name": "ada", "password": "lovelace-1815"})
    return case.path, Credential(cookies=browser.cookies)


def bokeh(case: Case, port: int, token: str, folder: Path) -> tuple[str, Credential]:
    """The page of a bokeh application holds a token, which is offered as a subprotocol."""
    return case.path, Credential(protocols=(_bokeh_token(_Browser(port)),))


def _bokeh_token(browser: _Browser) -> str:
    page = browser.ask("/app")
    found = re.search(r'"token":\s*"([^"]+)"', page)
    if found is None:
        raise ValueError(f"there is no token in the page: {page[:200]}")
    return found[1]


def panel(case: Case, port: int, token: str, folder: Path) -> tuple[str, Credential]:
    """The same behind a form for a password."""
    browser = _Browser(port)
    browser.ask("/login")
    browser.ask("/login", {"username": "ada", "password": token})
    found = _bokeh_token(browser)
    return case.path, Credential(cookies=browser.cookies, protocols=(found,))


def gateway(case: Case, port: int, token: str, folder: Path) -> tuple[str, Credential]:
    """A kernel is made by the REST API, with the token in a header."""
    owned = case.credential != "none"
    headers = (("Authorization", f"token {token}"),) if owned else ()
    made = _posted(port, "/api/kernels", {"name": "python3"}, headers)
    return case.path.replace("NAME", str(made["id"])), Credential(headers=headers)


def _posted(
    port: int, path: str, body: dict[str, str], headers: tuple[tuple[str, str], ...] = ()
) -> dict[str, str]:
    kind = ("Content-Type", "application/json")
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", json.dumps(body).encode(), dict([kind, *headers])
    )
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - loopback
        found: dict[str, str] = json.load(answer)
        return found


def esphome(case: Case, port: int, token: str, folder: Path) -> tuple[str, Credential]:
    """A form with a token against forgery."""
    browser = _Browser(port)
    browser.ask("/login")
    browser.ask("/login", {"username": "ada", "password": token})
    return case.path, Credential(cookies=browser.cookies)


def marimo(case: Case, port: int, token: str, folder: Path) -> tuple[str, Credential]:
    """A form for a password; the session is in a cookie."""
    browser = _Browser(port)
    browser.ask("/auth/login", {"password": token})
    return case.path, Credential(cookies=browser.cookies)


def remi(case: Case, port: int, token: str, folder: Path) -> tuple[str, Credential]:
    """HTTP Basic for the page, which sets a cookie."""
    basic = base64.b64encode(f"ada:{token}".encode()).decode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/")
    request.add_header("Authorization", f"Basic {basic}")
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - loopback
        name, _, value = answer.headers["Set-Cookie"].split(";")[0].partition("=")
    return case.path, Credential(
        headers=(("Authorization", f"Basic {basic}"),), cookies=((name, value),)
    )


def octoprint(case: Case, port: int, token: str, folder: Path) -> tuple[str, Credential]:
    """A passive login gives a session, which is shown in the first message."""
    body = {"user": "ada", "pass": token}
    waited = threading.Event()
    for _ in range(60):
        # While it starts, another server answers at this port.
        try:
            browser = _Browser(port)
            browser.ask("/login/")
            cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies)
            forgery = next((value for name, value in browser.cookies if "csrf" in name), "")
            headers = (("Cookie", cookies), ("X-CSRF-Token", forgery))
            found = _posted(port, "/api/login", body, headers)
        except (OSError, HTTPException):
            waited.wait(1.0)
        else:
            break
    else:
        raise ValueError("it does not let anybody log in")
    return case.path, Credential(first=json.dumps({"auth": f"{found['name']}:{found['session']}"}))


def node_red(case: Case, port: int, token: str, folder: Path) -> tuple[str, Credential]:
    """A token of the REST API is shown in the first message."""
    body = {"client_id": "node-red-editor", "grant_type": "password", "scope": "*"}
    found = _posted(port, "/auth/token", {**body, "username": "ada", "password": token})
    return case.path, Credential(first=json.dumps({"auth": found["access_token"]}))


def vite(case: Case, port: int, token: str, folder: Path) -> tuple[str, Credential]:
    """The client's script holds a token, which is put into the address."""
    found = re.search(r'wsToken = "([^"]+)"', _Browser(port).ask("/@vite/client"))
    if found is None:
        raise ValueError("there is no token in the script")
    return case.path, Credential(query=(("token", found[1]),))


def visdom(case: Case, port: int, token: str, folder: Path) -> tuple[str, Credential]:
    """The page hashes the password and sends it as JSON; the answer sets a cookie."""
    hashed = hashlib.sha256(token.encode()).hexdigest()
    body = json.dumps({"username": "ada", "password": hashed}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/", body)
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - loopback
        name, _, value = answer.headers["Set-Cookie"].split(";")[0].partition("=")
    return case.path, Credential(cookies=((name, value),))


def channels(case: Case, port: int, token: str, folder: Path) -> tuple[str, Credential]:
    """Django's own login; its token against forgery is in the form and in a cookie."""
    browser = _Browser(port)
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', browser.ask("/login/"))
    form = {"username": "ada", "password": "lovelace-1815"}
    browser.ask("/login/", {"csrfmiddlewaretoken": found[1] if found else "", **form})
    return case.path, Credential(cookies=browser.cookies)


def litestar(case: Case, port: int, token: str, folder: Path) -> tuple[str, Credential]:
    """A password as JSON; the answer sets a cookie."""
    return case.path, Credential(cookies=(_set(port, "/login", {"password": "lovelace-1815"}),))


def express(case: Case, port: int, token: str, folder: Path) -> tuple[str, Credential]:
    """Log in at the example, which accepts every client."""
    return case.path, Credential(cookies=(_set(port, "/login", {}),))


def _set(port: int, path: str, body: dict[str, str]) -> tuple[str, str]:
    """The cookie that is set by an answer."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", json.dumps(body).encode())
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - loopback
        name, _, value = answer.headers["Set-Cookie"].split(";")[0].partition("=")
        return name, value


def inspector(case: Case, port: int, token: str, folder: Path) -> tuple[str, Credential]:
    """Return the debugger's address from the list that every client can read."""
    listed = json.loads(_Browser(port).ask("/json/list"))
    return f"/{listed[0]['id']}", Credential()


def wds(case: Case, port: int, token: str, folder: Path) -> tuple[str, Credential]:
    """Open the page first, because the server watches only files that a client has requested."""
    browser = _Browser(port)
    browser.ask("/index.html")
    browser.ask("/app.js")
    return case.path, Credential()


def logs_in(case: Case, port: int, token: str, folder: Path) -> tuple[str, Credential]:
    """Log in with the form that the case describes, and return its cookies."""
    browser = _Browser(port)
    fields = dict(case.login["fields"])
    if case.login.get("json"):
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}{case.login['url']}",
            json.dumps(fields).encode(),
            {"Content-Type": "application/json"},
        )
        opener = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(browser.jar), urllib.request.ProxyHandler({})
        )
        opener.open(request, timeout=10).close()
    else:
        browser.ask(case.login["url"])
        browser.ask(case.login["url"], fields)
    return case.path, Credential(cookies=browser.cookies)


def page_token(case: Case, port: int, token: str, folder: Path) -> tuple[str, Credential]:
    """Return the token of the `meta` element that the start page gives to every visitor."""
    found = re.search(r"name=.ws-token. content=.([\w-]+)", _Browser(port).ask("/"))
    if found is None:
        raise ValueError("there is no token in the page")
    return case.path, Credential(query=(("token", found[1]),))


def visits(case: Case, port: int, token: str, folder: Path) -> tuple[str, Credential]:
    """Return the cookies that the start page gives to every visitor."""
    browser = _Browser(port)
    browser.ask("/")
    return case.path, Credential(cookies=browser.cookies)


def nes(case: Case, port: int, token: str, folder: Path) -> tuple[str, Credential]:
    """Log in, and then ask for the cookie that the socket wants."""
    browser = _Browser(port)
    browser.ask("/login", {"username": "ada", "password": "lovelace-1815"})
    browser.ask("/nes/auth")
    return case.path, Credential(cookies=browser.cookies)


def nicegui(case: Case, port: int, token: str, folder: Path) -> tuple[str, Credential]:
    """Return the address that the script of the page builds: the page has made an id for its client."""
    return f"{case.path}&{urlencode(_nicegui_query(_Browser(port)))}", Credential()


def nicegui_login(case: Case, port: int, token: str, folder: Path) -> tuple[str, Credential]:
    """Log in, and open the page that belongs to the user."""
    browser = _Browser(port)
    browser.ask("/login")
    body = json.dumps({"username": "ada", "password": "lovelace-1815"}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/signin", body)
    request.add_header("Content-Type", "application/json")
    urllib.request.build_opener(urllib.request.HTTPCookieProcessor(browser.jar)).open(
        request
    ).close()
    return case.path, Credential(cookies=browser.cookies, query=_nicegui_query(browser))


def _nicegui_query(browser: _Browser) -> tuple[tuple[str, str], ...]:
    found = re.search(r"client_id['\"]?\s*:\s*['\"]([\w-]+)", browser.ask("/"))
    if found is None:
        raise ValueError("the page has no id for its client")
    return (
        ("implicit_handshake", "true"),
        ("client_id", found[1]),
        ("tab_id", "6b1f0c52-7d84-4f0e-9a3c-2e5d7b8c9f10"),
        ("document_id", "0d9e8f7a-1b2c-4d3e-8f4a-5b6c7d8e9f01"),
        ("old_tab_id", ""),
        ("next_message_id", "0"),
    )
