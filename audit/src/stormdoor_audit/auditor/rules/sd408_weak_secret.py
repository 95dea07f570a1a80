"""A secret that an attacker can guess.

What:
    The secret of signed cookies, of tokens or of an HMAC is short, a well-known word or a placeholder;
    or a default applies if none is configured. It is a note if the secret is for cookies and no code
    signs a cookie.

Why:
    An attacker tries billions of short and well-known secrets a second on a captured cookie, on an own
    machine. A default is public.

Example:
    SECRET = os.environ.get("SECRET", "changeme")
    app = Application(handlers, cookie_secret=SECRET)

Instead:
    app = Application(handlers, cookie_secret=os.environ["SECRET"])

Fix:
    Make a secret with `python -c "import secrets; print(secrets.token_urlsafe(32))"`. Keep it outside
    of the source, without a default.
"""

from collections.abc import Iterator

from stormdoor_audit.auditor.facts.applications import is_trial
from stormdoor_audit.auditor.facts.calls import Call, in_files, on_the_way
from stormdoor_audit.auditor.facts.places import is_test
from stormdoor_audit.auditor.facts.secrets import USERS, is_blank, is_weak, secrets_in
from stormdoor_audit.auditor.facts.signed_cookies import is_for_nothing, noted
from stormdoor_audit.auditor.rule import Found, rule
from stormdoor_audit.report.finding import Confidence, Level

__all__ = ["RULE"]


def _check(call: Call) -> Iterator[Found]:
    if is_test(call.module):
        return
    for secret in secrets_in(call):
        if secret.text is None or is_blank(secret, call) or is_trial(call):
            continue
        if secret.default:
            says = f"The {secret.what} has a default in the source code."
            found = call.found(says, secret.node)
            yield noted(found) if is_for_nothing(call, secret.what) else found
        elif is_weak(secret.text):
            found = call.found(f"The {secret.what} is short or well known.", secret.node)
            yield noted(found) if is_for_nothing(call, secret.what) else found


RULE = rule(
    __doc__,
    id="SD408",
    slug="weak-secret",
    level=Level.ERROR,
    confidence=Confidence.HIGH,
    group="tokens and secrets",
    cwe=(1394, 521),
    asvs=("13.3.1", "11.2.3"),
    threat="secret-leakage",
    on_endpoint=on_the_way(_check, *USERS),
    on_module=in_files(_check, *USERS),
)
