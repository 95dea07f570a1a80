"""The pages of the built-in login, which work without a script: sign in, second factor, sign out."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from types import MappingProxyType

from tornado.escape import xhtml_escape

__all__ = [
    "PAGE_HEADERS",
    "forbidden_page",
    "login_page",
    "logout_page",
    "second_factor_page",
]

_STYLE = """
:root{color-scheme:light dark;--page:#f4f5f7;--card:#fff;--text:#16191d;--soft:#59616b;--line:#868e99;
--main:#1a5fb4;--on:#fff;--bad:#a51d2d}
@media (prefers-color-scheme:dark){:root{--page:#14171a;--card:#1e2226;--text:#eceef0;--soft:#a8b0b9;
--line:#7b848e;--main:#8ab8f5;--on:#10131a;--bad:#ff9c9c}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:16px;background:var(--page);
color:var(--text);font:16px/1.5 system-ui,sans-serif}
main{width:100%;max-width:22rem;padding:24px;background:var(--card);border-radius:12px;overflow-wrap:anywhere}
h1{margin:0 0 16px;font-size:1.375rem}
p{margin:0 0 12px}
label,summary{display:block;margin:12px 0 4px;font-weight:600}
summary{display:list-item;cursor:pointer;font-weight:400;color:var(--soft)}
input{width:100%;padding:10px;border:1px solid var(--line);border-radius:8px;background:var(--card);
color:var(--text);font:inherit}
button,a.button{display:block;width:100%;margin-top:20px;padding:11px;border:0;border-radius:8px;
background:var(--main);color:var(--on);font:inherit;font-weight:600;text-align:center;text-decoration:none;
cursor:pointer}
button.plain{background:none;border:1px solid var(--line);color:var(--text);margin-top:12px}
:focus-visible{outline:3px solid var(--main);outline-offset:2px}
.error{color:var(--bad)}
"""

_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

PAGE_HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": (
            f"default-src 'none'; style-src 'sha256-{_HASH}'; form-action 'self'; base-uri 'none'; "
            "frame-ancestors 'none'"
        ),
        "X-Frame-Options": "DENY",
        "X-Content-Type-Options": "nosniff",
        # Not "no-referrer": browsers would send "Origin: null" with the forms.
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
    }
)
"""Headers of every page: no script, no frame, no other host (ASVS 3.4)."""

_ERRORS: Mapping[str, str] = MappingProxyType(
    {
        "unauthenticated": "Wrong name or password.",
        "rate-limited": "Too many attempts. Wait a little, then try again.",
        "forbidden": "You are signed in, but you may not open that page. Sign in with another name.",
    }
)
_WRONG_CODE = "That code is not right. Wait for the next one."
_NOT_NOW = "Signing in does not work at the moment. Try again shortly."


def _error(error: str | None, texts: Mapping[str, str] = _ERRORS) -> str:
    if not error:
        return ""
    return f'<p class="error" role="alert">{texts.get(error, _NOT_NOW)}</p>'


def _page(title: str, *parts: str, heading: str = "") -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style></head><body><main><h1>{heading or title}</h1>"
        + "".join(parts)
        + "</main></body></html>\n"
    )


def _form(action: str, *parts: str) -> str:
    return f'<form method="post" action="{xhtml_escape(action)}">{"".join(parts)}</form>'


def login_page(action: str, error: str | None) -> str:
    """Return the page that asks for a name and a password.

    Args:
        action: Address that the form is sent to.
        error: The `error` of the last attempt, from the address of the page; it selects a fixed text.
    """
    return _page(
        "Sign in",
        _error(error),
        _form(
            action,
            '<label for="username">Name</label><input id="username" name="username" '
            'autocomplete="username" autocapitalize="none" spellcheck="false" required autofocus>'
            '<label for="password">Password</label><input id="password" name="password" type="password" '
            'autocomplete="current-password" required><button>Sign in</button>',
        ),
    )


def second_factor_page(action: str, error: str | None) -> str:
    """Return the page that asks for the code of a second factor, or for a recovery code.

    It is the same for every principal, so that it tells nothing about an account. Passkeys need a script.

    Args:
        action: Address that the forms are sent to.
        error: The `error` of the last attempt.
    """
    return _page(
        "Second step",
        _error(error, {**_ERRORS, "unauthenticated": _WRONG_CODE}),
        _form(
            action,
            '<label for="totp">Code of your authenticator app</label><input id="totp" name="totp" '
            'autocomplete="one-time-code" inputmode="numeric" required autofocus>'
            "<button>Sign in</button>",
        ),
        "<details><summary>Use a recovery code</summary>",
        _form(
            action,
            '<label for="recovery">Recovery code</label><input id="recovery" name="recovery_code" '
            'autocomplete="off" autocapitalize="none" spellcheck="false" required>'
            '<button class="plain">Sign in</button>',
        ),
        "</details>",
    )


def logout_page(
    name: str | None, *, logout: str, login: str, continue_at: str | None = None
) -> str:
    """Return the page with the button that signs out.

    Args:
        name: The principal of the session; None if the client has none.
        logout: Address that the form is sent to.
        login: Address of the login page.
        continue_at: Path of the application to go on to, if the page offers that.
    """
    if name is None:
        return _page(
            "Signed out", f'<a class="button" href="{xhtml_escape(login)}">Sign in again</a>'
        )
    onward = (
        ""
        if continue_at is None
        else f'<a class="button" href="{xhtml_escape(continue_at)}">Continue</a>'
    )
    button = (
        "<button>Sign out</button>" if not onward else '<button class="plain">Sign out</button>'
    )
    shown = xhtml_escape(
        name
    )  # a name that is written from right to left must not reorder the heading
    return _page(
        f"Signed in as {shown}",
        onward,
        _form(logout, button),
        heading=f"Signed in as <bdi>{shown}</bdi>",
    )


def forbidden_page(name: str, login: str | None) -> str:
    """Return the page for an account that may not open a page of the application.

    Args:
        name: The principal of the request.
        login: Address of the login page, which asks for another account; None if there is none.
    """
    other = (
        ""
        if login is None
        else f'<a class="button" href="{xhtml_escape(login)}">Sign in with another account</a>'
    )
    return _page(
        "You may not open this page",
        f"<p>You are signed in as <bdi>{xhtml_escape(name)}</bdi>. This account may not open the page.</p>",
        "<p>Ask the operator of this site for access.</p>",
        other,
    )
