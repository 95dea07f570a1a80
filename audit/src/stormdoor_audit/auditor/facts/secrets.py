"""Uses of a secret, and secrets that stand in the source."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from stormdoor_audit.auditor.classes.stores import kept_by, parameters_of
from stormdoor_audit.auditor.facts.calls import Call, is_cut
from stormdoor_audit.auditor.facts.places import is_test, last_name
from stormdoor_audit.auditor.naming.words import words
from stormdoor_audit.auditor.reading.module import Assigned, Defined, Module
from stormdoor_audit.auditor.reading.project import Meaning

__all__ = ["USERS", "Secret", "is_blank", "is_weak", "secrets_in"]

USERS = words(
    """
    Application decode encode new dict digest TimestampSigner URLSafeSerializer
    URLSafeTimedSerializer create_signed_value decode_signed_value update setdefault
    __init__
    """
)
"""Last names of the functions that are given secrets."""

_PLACES: dict[str, tuple[int, str, str]] = {
    "jwt.decode": (1, "key", "key of the tokens"),
    "jwt.encode": (1, "key", "key of the tokens"),
    "jose.jwt.decode": (1, "key", "key of the tokens"),
    "jose.jwt.encode": (1, "key", "key of the tokens"),
    "authlib.jose.jwt.decode": (1, "key", "key of the tokens"),
    "authlib.jose.jwt.encode": (2, "key", "key of the tokens"),
    "hmac.new": (0, "key", "key of the HMAC"),
    "hmac.digest": (0, "key", "key of the HMAC"),
    "itsdangerous.TimestampSigner": (0, "secret_key", "key of the signatures"),
    "itsdangerous.URLSafeSerializer": (0, "secret_key", "key of the signatures"),
    "itsdangerous.URLSafeTimedSerializer": (0, "secret_key", "key of the signatures"),
    "tornado.web.create_signed_value": (0, "secret", "cookie_secret"),
    "tornado.web.decode_signed_value": (0, "secret", "cookie_secret"),
}
_WEAK = re.compile(
    r"change.?me|change.?this|replace.?(me|this|with)|secret|password|passwd|default|example|"
    r"todo|fixme|xxx|test|dev(elopment)?.?(only|key)|insecure|generate.?your|your.?(own|key|secret)|"
    r"placeholder|dummy|supersecret|123456",
    re.IGNORECASE,
)
_PUBLIC = re.compile(r"BEGIN (PUBLIC KEY|CERTIFICATE|RSA PUBLIC)|^ssh-|^https?://")
_SHORTEST = 16
"""Characters; fewer hold less than 96 bits even if they are random."""


@dataclass(frozen=True, slots=True)
class Secret:
    """One secret that a call is given.

    Args:
        what: What it is for.
        node: The argument.
        text: The literal; None where it is none.
        default: Whether the literal counts only where nothing is configured.
    """

    what: str
    node: ast.expr
    text: str | None
    default: bool = False


def is_weak(text: str) -> bool:
    """Return True if an attacker can guess it."""
    return len(text) < _SHORTEST or _WEAK.search(text) is not None or len(set(text)) < 6


def is_blank(secret: Secret, call: Call) -> bool:
    """Return True if it stands for a request-signing key that the operator gets from another service.

    `API_SECRET = "YYYY"` is to be filled in, and guards nothing where its digest is compared with nothing.
    """
    if secret.text is None or len(set(secret.text)) > 1 or call.function is None:
        return False
    return secret.what == "key of the HMAC" and not any(
        _compares(node) for node in ast.walk(call.function)
    )


def _compares(node: ast.AST) -> bool:
    """Return True if a digest may be compared: not with a literal, which it never is."""
    match node:
        case ast.Compare(left=left, comparators=others):
            return not any(isinstance(one, ast.Constant) for one in (left, *others))
        case ast.Call(func=func):
            return last_name(func) in {"compare_digest", "constant_time_compare"}
        case _:
            return False


def secrets_in(call: Call) -> Iterator[Secret]:
    """The secrets that a call is given and that are literals, or have one as a default."""
    for name in call.names:
        place = _PLACES.get(name)
        if place is not None:
            at, word, what = place
            given = call.argument(at, word)
            if given is not None and not is_cut(call):
                yield from _judged(call, given, what)
            return
    given = call.words.get("cookie_secret")
    if given is not None:
        yield from _judged(call, given, "cookie_secret")


def _judged(call: Call, given: ast.expr, what: str) -> Iterator[Secret]:
    text = call.text(given)
    if text is not None:
        if text and not _PUBLIC.search(text):
            yield Secret(what, given, text)
        return
    fallback = _fallback(call, given)
    if fallback:
        yield Secret(what, given, fallback, default=True)


def _fallback(call: Call, given: ast.expr) -> str | None:
    """Return the default for a missing configuration: `environ.get(name, this)`, `... or this`."""
    match call.literal(given):
        case ast.Call(func=ast.Attribute(value=inner, attr="encode")):
            return _fallback(call, inner)
        case ast.Call() as found:
            names = set(call.named(found.func))
            if names & {"os.environ.get", "os.getenv", "environ.get"} and len(found.args) == 2:
                return call.text(found.args[1])
            for word in found.keywords:
                if word.arg == "default" and names & {
                    "os.getenv",
                    "decouple.config",
                    "os.environ.get",
                }:
                    return call.text(word.value)
            return None
        case ast.BoolOp(op=ast.Or(), values=values):
            return call.text(values[-1])
        case ast.IfExp(orelse=orelse):
            return call.text(orelse)
        case ast.Name() | ast.Attribute() as held:
            return next(filter(None, _defaults(call, held)), None)
        case _:
            return None


def _defaults(call: Call, held: ast.Name | ast.Attribute) -> Iterator[str | None]:
    """Texts that a parameter, what a constructor keeps of one, a field or an option has by default."""
    name = last_name(held)
    around = call.function
    match held:
        case ast.Attribute(value=ast.Name(id="self")):
            for owner in (one for one in call.scopes if isinstance(one, ast.ClassDef)):
                yield call.text(kept_by(owner).get(name))
        case ast.Attribute(value=ast.Name(id=holder)):
            for module, fields in _fields_of(call, holder):
                inner = replace(call, module=module, scopes=())
                yield from (inner.text(one.value) for one in fields.get(name, ()))
            yield from _of_options(call, name)
        case ast.Name() if around is not None:
            given = dict(parameters_of(around))
            yield call.text(given.get(name))
            if name in given and around.decorator_list:
                yield from _of_options(call, name)
        case _:
            pass


def _of_options(call: Call, name: str) -> Iterator[str | None]:
    """Defaults of the options of this name: `define`, `add_argument`, `click.option`."""
    for module, value in call.project.settings.get(name, ()):
        if not is_test(module):
            yield replace(call, module=module, scopes=()).text(value)


def _fields_of(call: Call, holder: str) -> Iterator[tuple[Module, dict[str, list[Assigned]]]]:
    """The fields of the class that a parameter is annotated with: `config: Config`."""
    for one in ast.walk(call.function.args) if call.function else ():
        if isinstance(one, ast.arg) and one.arg == holder and one.annotation is not None:
            for found in call.project.resolve(call.module, one.annotation):
                match found:
                    case Meaning(module, Defined(ast.ClassDef() as made)):
                        fields, _ = call.project.scope(made)
                        yield (
                            module,
                            {
                                name: [one for one in bound if isinstance(one, Assigned)]
                                for name, bound in fields.items()
                            },
                        )
                    case _:
                        pass
