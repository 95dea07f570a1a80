"""Authentication that is off until somebody turns it on.

What:
    Whether the endpoint asks for a credential hangs on a setting, a flag, an environment variable or a
    hook, and as shipped it does not ask.

Why:
    Most installations run with the defaults. Nobody who installs the program sees that a door is
    missing.

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
    Make authentication the default, and give the way around it a name that says so.
"""

from collections.abc import Iterator

from stormdoor.auditor.judging.endpoint import Endpoint
from stormdoor.auditor.rule import Found, rule
from stormdoor.report.finding import Check, Confidence, Level

__all__ = ["RULE"]


def _check(endpoint: Endpoint) -> Iterator[Found]:
    answer = endpoint.optional_part or endpoint.authentication
    if answer.kind != "optional" or answer.setting is None:
        return
    setting = answer.setting
    wanted = "is set" if setting.value else "is not set"
    if answer.certain_default:
        text = (
            f"{endpoint.info.name} asks for a credential only if {setting.name} {wanted}, "
            "and as shipped it is not so."
        )
    else:
        text = (
            f"{endpoint.info.name} asks for a credential only if {setting.name} {wanted}; "
            "its default is not in the source."
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
