"""Use of signed cookies: without any, a secret for them protects nothing."""

from collections.abc import Iterator
from dataclasses import replace

from stormdoor_audit.auditor.facts.calls import Call, calls_in
from stormdoor_audit.auditor.naming.lexicon import words_of
from stormdoor_audit.auditor.naming.stdlib import STDLIB
from stormdoor_audit.auditor.naming.words import words
from stormdoor_audit.auditor.reading.budget import remembered
from stormdoor_audit.auditor.reading.module import Imported, Module
from stormdoor_audit.auditor.reading.project import Project
from stormdoor_audit.auditor.rule import Found
from stormdoor_audit.report.finding import Confidence, Level

__all__ = ["is_for_nothing", "noted", "signs_cookies"]

_SIGNING = (
    *(
        "create_signed_value",
        "decode_signed_value",
        "get_secure_cookie",
        "get_secure_cookie_key_version",
    ),
    *(
        "get_signed_cookie",
        "get_signed_cookie_key_version",
        "set_secure_cookie",
        "set_signed_cookie",
    ),
)
_MAY_SIGN = words(
    """
    auth authentication cookie cookies handler handlers login mixin mixins oauth security session
    sessions sessionhandler
    """
)


def is_for_nothing(call: Call, what: str) -> bool:
    """Return True if a secret is Tornado's for signed cookies, and there are none."""
    return what == "cookie_secret" and not signs_cookies(call.project)


def noted(found: Found) -> Found:
    """A finding about such a secret: it counts when the first cookie is signed."""
    return replace(
        found,
        message=f"{found.message} No code here signs a cookie with it yet.",
        level=Level.NOTE,
        confidence=Confidence.LOW,
    )


@remembered
def signs_cookies(project: Project) -> bool:
    """Return True if the project signs a cookie, reads the secret, or calls foreign code that may."""
    for module in project.inside():
        if next(calls_in(project, module, *_SIGNING), None) is not None:
            return True
        if any('["cookie_secret"]' in line or "['cookie_secret']" in line for line in module.lines):
            return True
        for name in _of_others(project, module):
            if _MAY_SIGN & set(words_of(name)):
                return True
    return False


def _of_others(project: Project, module: Module) -> Iterator[str]:
    """Yield the dotted names that a file imports from unread modules."""
    bindings = [one for bound in module.names.values() for one in bound]
    for binding in (*bindings, *module.stars):
        if not isinstance(binding, Imported) or binding.level:
            continue
        top = binding.module.partition(".")[0]
        if top in STDLIB or top == "tornado":
            continue
        if project.find_module(binding.module, module.file) is None:
            yield f"{binding.module}.{binding.name or ''}"
