"""The row of an endpoint in the endpoint table: a verdict for each of the five checks."""

import ast

from stormdoor_audit.auditor.interpreter.events import Event, Stage
from stormdoor_audit.auditor.judging.asking import Asking
from stormdoor_audit.auditor.judging.distinctions import distinctions_of
from stormdoor_audit.auditor.judging.endpoint import Endpoint
from stormdoor_audit.auditor.judging.verdicts import Authentication
from stormdoor_audit.auditor.naming.words import words
from stormdoor_audit.report.finding import Check, Finding, Location, State, Verdict

__all__ = ["verdicts"]

_AUTHENTICATION: dict[str, tuple[State, str]] = {
    "guarded": ("guarded", "Required before the 101: {what}."),
    "missing": ("missing", "An unauthenticated client is accepted."),
    "after-accept": ("weak", "The client is authenticated only after the 101: {what}."),
    "frames-pass": ("weak", "open() closes the connection, but its messages are handled."),
    "skippable": (
        "missing",
        "A message authenticates the client, but other messages work without it.",
    ),
    "swallowed": ("missing", "An except clause discards the refusal."),
    "ignored": ("missing", "The result of {what} is not used."),
    "optional": ("weak", "Clients are authenticated only if {setting} is set."),
    "presumed": ("unknown", "It depends on {what}, which was not read."),
    "unreachable": ("unknown", "No path to the 101 was found."),
    "unread": ("unknown", "Its base {base} was not read."),
    "incomplete": ("unknown", "There are too many paths to follow all of them."),
}
_KNOWN = frozenset({"guarded", "presumed", "after-accept", "frames-pass"})
_ABOUT_RIGHTS = frozenset(
    {"dispatch-by-client", "missing-authorization", "object-without-ownership"}
)
_SCHEMAS = words(
    "convert is_valid load model_validate model_validate_json parse_obj parse_raw structure validate "
    "validate_json"
)
_LIMIT_SETTINGS = ("websocket_max_message_size", "max_message_size")


def verdicts(endpoint: Endpoint, findings: list[Finding]) -> dict[Check, Verdict]:
    """Return the verdict of each check."""
    return {
        Check.AUTHENTICATION: _authentication(endpoint, findings),
        Check.ORIGIN: _origin(endpoint, findings),
        Check.AUTHORIZATION: _authorization(endpoint, findings),
        Check.VALIDATION: _validation(endpoint),
        Check.LIMITS: _limits(endpoint),
    }


def _place(event: Event | None) -> Location | None:
    return event.module.location(event.node) if event is not None else None


def _authentication(endpoint: Endpoint, findings: list[Finding]) -> Verdict:
    answer: Authentication = endpoint.authentication
    believed = next((one for one in findings if one.slug == "login-without-proof"), None)
    if believed is not None and not answer.lets_in:
        return Verdict("weak", believed.message, believed.location)
    state, text = _AUTHENTICATION[answer.kind]
    if answer.kind == "presumed" and answer.event is None and answer.base:
        return _as_known(endpoint, answer.base)
    what = answer.event.text if answer.event is not None else "a credential"
    setting = answer.setting.name if answer.setting is not None else "a setting"
    return Verdict(
        state, text.format(what=what, setting=setting, base=answer.base), _place(answer.event)
    )


def _as_known(endpoint: Endpoint, base: str) -> Verdict:
    """Return the known verdict on an unread base, which holds unless a method overrides it."""
    own = next(filter(None, map(endpoint.method, ("prepare", "get", "get_current_user"))), None)
    if own is None:
        return Verdict("guarded", f"Its base {base} is known to refuse unauthenticated clients.")
    place = own.module.location(own.node)
    return Verdict(
        "unknown", f"It depends on its base {base}, which was not read, and on {own.name}().", place
    )


def _origin(endpoint: Endpoint, findings: list[Finding]) -> Verdict:
    answer = endpoint.origins
    own = next((one for one in findings if one.slug == "origin-scheme-or-port"), None)
    if own is not None and answer.kind == "restricted":
        return Verdict("weak", own.message, own.location)
    place = None
    if answer.member is not None:
        method = endpoint.method("check_origin")
        place = method.module.location(method.node) if method is not None else None
    match answer.kind:
        case "default":
            return Verdict("guarded", "Tornado compares the Origin with the Host.")
        case "restricted":
            return Verdict("guarded", "check_origin() refuses foreign origins.", place)
        case "open":
            return Verdict("missing", "check_origin() accepts every origin.", place)
        case "weak":
            return Verdict("weak", f"check_origin() accepts {answer.accepted}.", place)
        case "optional":
            return Verdict("unknown", f"The accepted origins depend on {answer.setting}.", place)
        case _:
            base = f": its base {answer.base} was not read" if answer.base else ""
            return Verdict("unknown", f"The result of check_origin() is not known{base}.", place)


def _authorization(endpoint: Endpoint, findings: list[Finding]) -> Verdict:
    own = next((one for one in findings if one.slug in _ABOUT_RIGHTS), None)
    if own is not None:
        return Verdict("missing", own.message, own.location)
    if endpoint.authentication.kind in _KNOWN:
        asking = Asking(endpoint)
        asked = asking.before_accept or asking.first
        if asked is not None:
            text = endpoint.module.source(asked.node)
            proven = asking.before_accept is not None or (
                endpoint.member.complete and distinctions_of(endpoint).all_guarded
            )
            if proven:
                return Verdict("guarded", f"Asks {text}.", _place(asked))
            return Verdict("unknown", f"Asks {text}, but not on every way.", _place(asked))
    if endpoint.method("on_message") is None:
        return Verdict("not-needed", "The client cannot ask for anything.")
    if endpoint.authentication.kind != "guarded":
        return Verdict("unknown", "No client is authenticated, so the handler can check no right.")
    return Verdict("unknown", "The handler checks no right of an authenticated client.")


def _validation(endpoint: Endpoint) -> Verdict:
    method = endpoint.method("on_message")
    if method is None:
        return Verdict("not-needed", "It handles no messages.")
    if _is_deaf(method.node):
        return Verdict("not-needed", "It does not use the content of messages.")
    names = {
        event.text.rpartition(".")[2]
        for event in endpoint.member.events
        if event.kind == "call" and event.stage == Stage.MESSAGE
    }
    schemas = names & _SCHEMAS
    if schemas:
        return Verdict(
            "guarded", f"{min(schemas)}() validates messages.", method.module.location(method.node)
        )
    if "isinstance" in names:
        return Verdict(
            "weak", "The types of some fields are checked.", method.module.location(method.node)
        )
    return Verdict(
        "missing", "Messages are used without validation.", method.module.location(method.node)
    )


def _is_deaf(node: ast.AST) -> bool:
    """Return True if a method never uses its arguments."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return False
    given = {one.arg for one in node.args.args[1:]}
    if node.args.vararg is not None or node.args.kwarg is not None or not given:
        return False
    return not any(
        isinstance(one, ast.Name) and one.id in {*given, "locals", "super", "vars"}
        for one in ast.walk(node)
    )


def _limits(endpoint: Endpoint) -> Verdict:
    for name in _LIMIT_SETTINGS:
        for module, node in endpoint.project.settings.get(name, ()):
            return Verdict(
                "weak", f"{name} is set; the rate is not limited.", module.location(node)
            )
    return Verdict("missing", "Tornado's defaults apply: 10 MiB a message, and no rate limit.")
