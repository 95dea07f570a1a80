"""Headers that a proxy would set are accepted from every client.

What:
    The server refuses a client without a credential. It accepts the client with `X-Forwarded-For: 127.0.0.1`
    or a similar header, with `X-Forwarded-User`, `Remote-User` or another header that names a user, or with a
    header that claims a verified client certificate.

Why:
    An attacker who can connect to the port without the proxy can send these headers.

Fix:
    Accept these headers only from the addresses of the proxy, and let the proxy remove the headers of
    clients.
"""

from __future__ import annotations

from dataclasses import replace

from stormdoor_audit.prober.attempts import Form, each_form
from stormdoor_audit.prober.probe import (
    CREDENTIAL,
    NotTried,
    Result,
    Situation,
    probe,
)
from stormdoor_audit.report.finding import Check, Level

__all__ = ["PROBE"]

_ADDRESSES = (
    "X-Forwarded-For", "X-Real-IP", "X-Client-IP", "True-Client-IP", "CF-Connecting-IP",
    "X-Originating-IP", "X-Cluster-Client-IP",
)  # fmt: skip
_USERS = (
    "X-Forwarded-User", "X-Remote-User", "Remote-User", "X-Auth-Request-User", "X-User", "X-User-Id",
    "X-Username", "X-Authenticated-User", "X-Forwarded-Preferred-Username", "X-Auth-User",
)  # fmt: skip
_CERTIFICATES = (
    ("X-SSL-Client-Verify", "SUCCESS"), ("X-Client-Verify", "SUCCESS"), ("X-SSL-Client-S-DN", "CN=admin"),
    ("X-Client-Cert-Verified", "true"), ("X-SSL-Client-CN", "admin"),
)  # fmt: skip


async def _run(situation: Situation) -> list[Result]:
    if situation.open_to_all:
        return [NotTried(CREDENTIAL)]
    names = [situation.owner.name] if situation.owner is not None else []
    cases = {
        "an address of this machine": [
            *((name, "127.0.0.1") for name in _ADDRESSES),
            ("Forwarded", "for=127.0.0.1"),
        ],
        "that the proxy has verified a certificate": list(_CERTIFICATES),
        **{f"the user {user}": [(name, user) for name in _USERS] for user in [*names, "admin"]},
    }
    return await each_form(
        situation,
        [
            Form(
                claim,
                replace(situation.nobody, headers=tuple(headers)),
                f"A client without a credential that claims {claim} gets in",
                situation.nobody,
            )
            for claim, headers in cases.items()
        ],
        closed="Headers that claim an address or a user change nothing.",
        asked="The probe cannot tell whether headers of a proxy are believed from every client",
    )


PROBE = probe(
    __doc__,
    id="SP104",
    slug="forged-headers",
    level=Level.ERROR,
    threat="direct-connection",
    cwe=(290,),
    asvs=("4.1.3",),
    check=Check.AUTHENTICATION,
    run=_run,
)
