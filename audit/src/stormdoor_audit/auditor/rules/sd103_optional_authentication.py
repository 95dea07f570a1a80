"""Authentication that is off by default.

What:
    A setting, a flag, an environment variable or a hook turns authentication on. With the default, the
    endpoint accepts unauthenticated clients.

Why:
    Most installations run with the defaults, and an operator does not notice that authentication is
    off.

Example:
    class Events(WebSocketHandler):
        def prepare(self):
            if self.settings.get("auth_enabled", False) and self.current_user is None:
                raise HTTPError(401)

Instead:
    class Events(WebSocketHandler):
        def prepare(self):
            if not self.settings.get("insecure_no_auth", False) and self.current_user is None:
                raise HTTPError(401)

Fix:
    Make authentication the default. Name the setting that turns it off after the risk.
"""

from collections.abc import Iterator

from stormdoor_audit.auditor.judging.endpoint import Endpoint
from stormdoor_audit.auditor.rule import Found, rule
from stormdoor_audit.report.finding import Check, Confidence, Level

__all__ = ["RULE"]


def _check(endpoint: Endpoint) -> Iterator[Found]:
    answer = endpoint.optional_part or endpoint.authentication
    if answer.kind != "optional" or answer.setting is None:
        return
    setting = answer.setting
    wanted = "is set" if setting.value else "is not set"
    if answer.certain_default:
        text = (
            f"{endpoint.info.name} authenticates clients only if {setting.name} {wanted}; "
            "with the default it does not."
        )
    else:
        text = (
            f"{endpoint.info.name} authenticates clients only if {setting.name} {wanted}; "
            "the source does not show the default."
        )
    yield Found(
        setting.module,
        setting.node,
        text,
        steps=endpoint.steps(answer.event),
        confidence=Confidence.HIGH if answer.certain_default else Confidence.LOW,
        level=Level.ERROR if answer.certain_default else Level.WARNING,
    )


RULE = rule(
    __doc__,
    id="SD103",
    slug="optional-authentication",
    level=Level.ERROR,
    confidence=Confidence.MEDIUM,
    group="optional authentication",
    cwe=(306, 1188),
    asvs=("4.4.3", "13.4.2"),
    threat="direct-connection",
    check=Check.AUTHENTICATION,
    on_endpoint=_check,
)
