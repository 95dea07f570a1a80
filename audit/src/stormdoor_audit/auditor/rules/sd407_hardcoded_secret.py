"""A secret in the source code.

What:
    The secret of signed cookies, of tokens or of an HMAC is a literal. It is a note if the secret is for
    cookies and no code signs a cookie.

Why:
    An attacker who has read the source in a repository, an image or a backup forges sessions and tokens
    of any user. Every installation has the same secret.

Example:
    app = Application(handlers, cookie_secret="p4nRjXh8cVtqyGw2mZbLsKd9")

Instead:
    app = Application(handlers, cookie_secret=os.environ["COOKIE_SECRET"])

Fix:
    Read a new secret from a file or from the environment, and do not start without it:
    `os.environ["COOKIE_SECRET"]`.
"""

from collections.abc import Iterator

from stormdoor_audit.auditor.facts.applications import is_trial
from stormdoor_audit.auditor.facts.calls import Call, in_files, on_the_way
from stormdoor_audit.auditor.facts.places import is_test
from stormdoor_audit.auditor.facts.secrets import USERS, is_weak, secrets_in
from stormdoor_audit.auditor.facts.signed_cookies import is_for_nothing, noted
from stormdoor_audit.auditor.rule import Found, rule
from stormdoor_audit.report.finding import Confidence, Level

__all__ = ["RULE"]


def _check(call: Call) -> Iterator[Found]:
    if is_test(call.module):
        return
    for secret in secrets_in(call):
        if secret.text is None or secret.default or is_weak(secret.text):
            continue
        if not is_trial(call):
            found = call.found(f"The {secret.what} is a literal.", secret.node)
            yield noted(found) if is_for_nothing(call, secret.what) else found


RULE = rule(
    __doc__,
    id="SD407",
    slug="hardcoded-secret",
    level=Level.ERROR,
    confidence=Confidence.HIGH,
    group="tokens and secrets",
    cwe=(798, 321),
    asvs=("13.3.1",),
    threat="secret-leakage",
    on_endpoint=on_the_way(_check, *USERS),
    on_module=in_files(_check, *USERS),
)
