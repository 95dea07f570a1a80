"""A login without a password or other proof.

What:
    The handler requires a signed cookie. A login page of the same application signs the user name that
    the client sends, without a password or another proof.

Why:
    The signature proves that the server wrote the cookie, not that the client is this user. An attacker
    logs in as any user, and the cookie refuses no client.

Example:
    class Login(RequestHandler):
        def post(self):
            self.set_signed_cookie("user", self.get_argument("name"))

Instead:
    class Login(RequestHandler):
        async def post(self):
            user = await self.users.verify(self.get_argument("name"), self.get_argument("password"))
            if user is None:
                raise HTTPError(403)
            self.set_signed_cookie("user", user.id, httponly=True, secure=True, samesite="Lax")

Fix:
    Verify a password or a token of your identity provider before you set the cookie.
"""

import re
from collections.abc import Iterator

from stormdoor_audit.auditor.facts.logins import believing
from stormdoor_audit.auditor.judging.endpoint import Endpoint
from stormdoor_audit.auditor.rule import Found, rule
from stormdoor_audit.report.finding import Check, Confidence, Level

__all__ = ["RULE"]

_COOKIE = re.compile(r"get_(?:signed|secure)_cookie\('([^']+)'\)")


def _check(endpoint: Endpoint) -> Iterator[Found]:
    cookies = {
        found[1]
        for event in endpoint.anonymous.events
        if event.kind == "check" and (found := _COOKIE.search(event.text))
    }
    for cookie in sorted(cookies):
        for call in believing(endpoint.hierarchy, cookie):
            name = call.subject.rpartition(".")[2]
            yield Found(
                call.module,
                call.node,
                f"{endpoint.info.name} requires the cookie {cookie}, and {name} sets it for any user name "
                "without a proof.",
            )


RULE = rule(
    __doc__,
    id="SD111",
    slug="login-without-proof",
    level=Level.ERROR,
    confidence=Confidence.MEDIUM,
    group="weak authentication",
    cwe=(306, 287),
    asvs=("6.3.4", "4.4.3"),
    threat="session-hijacking",
    check=Check.AUTHENTICATION,
    on_endpoint=_check,
)
