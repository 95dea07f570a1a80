"""A script of steps: the requests that a client makes before it connects, where no login form is like it.

Each step is a request; what its answer holds is captured by name, and put where `{name}` stands in the next
ones. Nothing is run: there is a short list of functions, for challenges that are answered with a hash.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import ssl
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode, urljoin

from stormdoor_audit.prober.budget import Budget
from stormdoor_audit.prober.document import BadDocument
from stormdoor_audit.prober.entrance import Entered, fill, named_in
from stormdoor_audit.prober.identity import Identity
from stormdoor_audit.prober.login import LoginFailed
from stormdoor_audit.prober.toml import Table
from stormdoor_audit.prober.web import Page, Web
from stormdoor_audit.prober.wire import Request

__all__ = ["FUNCTIONS", "Step", "Steps", "read_steps"]

_MOST_ROUNDS = 2_000_000
_GAP = re.compile(r"\{([A-Za-z_]\w*)\}")


def _digest(name: str) -> Callable[..., str]:
    return lambda text: hashlib.new(name, text.encode()).hexdigest()


def _hmac(key: str, text: str) -> str:
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()


def _pbkdf2(password: str, salt: str, rounds: str) -> str:
    number = min(int(rounds), _MOST_ROUNDS)
    return hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), number).hex()


FUNCTIONS: Mapping[str, Callable[..., str]] = {
    "md5": _digest("md5"),
    "sha1": _digest("sha1"),
    "sha256": _digest("sha256"),
    "sha512": _digest("sha512"),
    "hmac-sha256": _hmac,
    "pbkdf2-sha256": _pbkdf2,
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64url": lambda text: base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode(),
}
"""Functions that `make` may apply to texts."""


@dataclass(frozen=True, slots=True)
class Step:
    """One request.

    Args:
        method: GET, POST, PUT or DELETE.
        url: Absolute, or relative to the script's `at`.
        kind: How the body is sent: `form`, `json`, `body` or "".
        content: The body, with places for what was captured.
        headers: More headers.
        make: Values to make before it is sent: name, function, and its arguments.
        capture: Values to keep from the answer: name, how it is found, and where.
        expect: The status that it must have; 0 for any below 400.
    """

    method: str
    url: str
    kind: str = ""
    content: Any = None
    headers: tuple[tuple[str, str], ...] = ()
    make: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    capture: tuple[tuple[str, str, str], ...] = ()
    expect: int = 0


def _within(value: Any, captured: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return fill(value, captured)
    if isinstance(value, dict):
        return {name: _within(inner, captured) for name, inner in value.items()}
    return [_within(one, captured) for one in value] if isinstance(value, list) else value


def _found(page: Page, web: Web, how: str, where: str) -> str:
    match how:
        case "pattern":
            match = re.search(where, page.text)
            return "" if match is None else (match[1] if match.re.groups else match[0])
        case "cookie":
            return next((v for n, v in web.cookies if n == where), "")
        case "header":
            return next(iter(page.answer.values(where.lower())), "")
        case "name":
            return named_in(page.text).get(where, "")
    try:
        value = json.loads(page.text)
        for part in where.split("."):
            value = value[int(part)] if isinstance(value, list) else value[part]
    except (ValueError, LookupError, TypeError, RecursionError):
        return ""
    return value if isinstance(value, str) else json.dumps(value)


@dataclass(frozen=True, slots=True)
class Steps:
    """The script.

    Args:
        at: What addresses are relative to.
        steps: In their order.
        secrets: Values that are there from the beginning, by name.
        authorized: Hosts beside this machine that may be asked.
        tls: For https.
    """

    at: str
    steps: tuple[Step, ...]
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    authorized: Collection[str] = ()
    tls: ssl.SSLContext | None = None

    async def enter(self, who: Identity, captured: Mapping[str, str], budget: Budget) -> Entered:
        """Send all of them, with the cookies that were set on the way.

        Raises:
            LoginFailed: A step was answered otherwise than it should be, or something is missing.
            NoAnswer: The server does not answer.
        """
        web = Web(budget, self.tls, self.authorized, who, self.at)
        values = {**captured, **self.secrets}
        for number, step in enumerate(self.steps, start=1):
            for name, function, given in step.make:
                try:
                    values[name] = FUNCTIONS[function](*(fill(one, values) for one in given))
                except (TypeError, ValueError) as error:
                    raise LoginFailed(
                        f"step {number}: {function} does not work: {error}"
                    ) from error
            _complete(step, values, number)
            page = await web.ask(urljoin(self.at, fill(step.url, values)), _request(step, values))
            status = page.answer.status
            if status != step.expect if step.expect else status >= 400:
                raise LoginFailed(f"step {number} ({step.method} {step.url}) was answered {status}")
            for name, how, where in step.capture:
                values[name] = _found(page, web, how, where)
                if not values[name]:
                    raise LoginFailed(f"step {number}: its answer has no {how} `{where}`")
        made = {name: value for name, value in values.items() if name not in self.secrets}
        hidden = frozenset(one for one in values.values() if len(one) >= 4)
        return Entered(replace(who, cookies=web.cookies), made, hidden)


def _complete(step: Step, values: Mapping[str, str], number: int) -> None:
    """Refuse to send a place that nothing fills.

    Raises:
        LoginFailed: There is one.
    """
    texts = [step.url, *(value for _, value in step.headers)]
    if step.kind == "form":
        texts += map(str, step.content.values())
    for text in texts:
        if gap := next((one for one in _GAP.findall(text) if one not in values), ""):
            raise LoginFailed(f"step {number} uses {{{gap}}}, which no step before it has")


def _request(step: Step, values: Mapping[str, str]) -> Request:
    headers = [(name, fill(value, values)) for name, value in step.headers]
    content = _within(step.content, values)
    match step.kind:
        case "form":
            body = urlencode(content)
            headers.append(("Content-Type", "application/x-www-form-urlencoded"))
        case "json":
            body = json.dumps(content)
            headers.append(("Content-Type", "application/json"))
        case _:
            body = str(content or "")
    return Request(tuple(headers), method=step.method, body=body.encode())


_METHODS = ("get", "post", "put", "delete")
_HOW = ("pattern", "cookie", "header", "json", "name")


def _step(table: Table) -> Step:
    methods = [one for one in _METHODS if one in table]
    if len(methods) != 1:
        raise BadDocument(f'{table.name}: write one of get = "…", post = "…", put, delete')
    kinds = [one for one in ("form", "json", "body") if one in table]
    if len(kinds) > 1:
        raise BadDocument(f"{table.name}: form, json and body exclude each other")
    make = []
    for name, given in table.table("make").rest():
        if (
            not isinstance(given, list)
            or len(given) < 2
            or not all(isinstance(one, str) for one in given)
            or given[0] not in FUNCTIONS
        ):
            known = ", ".join(FUNCTIONS)
            raise BadDocument(
                f'{table.name}: write make = {{ {name} = ["sha256", "{{nonce}}"] }}; there are: {known}'
            )
        make.append((name, given[0], tuple(given[1:])))
    capture = []
    for name, given in table.table("capture").rest():
        pairs = list(given.items()) if isinstance(given, dict) else []
        if len(pairs) != 1 or pairs[0][0] not in _HOW or not isinstance(pairs[0][1], str):
            raise BadDocument(
                f'{table.name}: write capture = {{ {name} = {{ cookie = "…" }} }}; there are: '
                f"{', '.join(_HOW)}"
            )
        if pairs[0][0] == "pattern":
            table.pattern(pairs[0][1])
        capture.append((name, *pairs[0]))
    method = methods[0]
    kind = kinds[0] if kinds else ""
    content: Any = table.text("body") if kind == "body" else None
    if kind in {"form", "json"}:
        content = dict(table.table(kind).rest())
    step = Step(
        method.upper(),
        table.text(method),
        kind,
        content,
        table.pairs("header", secret=True),
        tuple(make),
        tuple(capture),
        table.number("expect"),
    )
    table.done()
    return step


def read_steps(
    table: Table, authorized: Collection[str] = (), tls: ssl.SSLContext | None = None
) -> Steps:
    """The script that a TOML table holds.

    Raises:
        BadDocument: Something in it makes no sense.
    """
    at = table.text("at")
    if not at.startswith(("http://", "https://")):
        raise BadDocument(
            f'{table.name}: write at = "http://HOST:PORT", where the steps are sent to'
        )
    steps = tuple(map(_step, table.tables("step")))
    if not steps:
        raise BadDocument(f"{table.name}: there is no [[step]] in it")
    found = Steps(at, steps, dict(table.pairs("secret", secret=True)), tuple(authorized), tls)
    table.done()
    return found
