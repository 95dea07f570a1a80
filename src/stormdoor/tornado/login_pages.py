"""The pages of the built-in login, which work without a script: sign in, second factor, sign out."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from tornado.escape import xhtml_escape

from stormdoor.config.appearance import LoginAppearance, contrast, readable_on
from stormdoor.tornado.login_texts import preferred_language, texts_in

__all__ = [
    "LoginPages",
]

_STYLE = """
:root{color-scheme:light dark;--page:#f4f5f7;--card:#fff;--text:#16191d;--soft:#59616b;--line:#868e99;
--main:#1a5fb4;--on:#fff;--edge:#1a5fb4;--bad:#a51d2d}
@media (prefers-color-scheme:dark){:root{--page:#14171a;--card:#1e2226;--text:#eceef0;--soft:#a8b0b9;
--line:#7b848e;--main:#8ab8f5;--on:#10131a;--edge:#8ab8f5;--bad:#ff9c9c}}
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
button,a.button{display:block;width:100%;margin-top:20px;padding:10px;
border:1px solid var(--edge);border-radius:8px;
background:var(--main);color:var(--on);font:inherit;font-weight:600;text-align:center;text-decoration:none;
cursor:pointer}
button.plain,a.plain{background:none;border-color:var(--line);color:var(--text);margin-top:12px}
:focus-visible{outline:3px solid var(--text);outline-offset:2px}
.error{color:var(--bad)}
.app{margin:0 0 4px;color:var(--soft);font-weight:600}
.notice{padding:10px 12px;border-radius:8px;background:var(--page);white-space:pre-line}
.ref{color:var(--soft);font-size:.875rem}
.ref b{font-family:ui-monospace,monospace;letter-spacing:.05em;user-select:all}
ul{margin:0 0 12px;padding-left:20px}
li{margin:0 0 8px}
code{display:block;font:.8125rem/1.5 ui-monospace,monospace;white-space:pre-wrap}
"""
_CARDS = {"": "#fff", "@media (prefers-color-scheme:dark)": "#1e2226"}
"""The ground of the pages, as in `_STYLE`, by the condition for it."""
_LEAST_CONTRAST = 3.0
"""Of the edge of a button and its ground (WCAG 2.2 §1.4.11)."""


@lru_cache(maxsize=32)
def _style(color: str) -> tuple[str, Mapping[str, str]]:
    """Return the style of the pages with a colour of buttons, and the headers of pages with that style.

    No script, no frame, no other host (ASVS 3.4).
    """
    style = _STYLE
    for condition, card in _CARDS.items() if color else ():
        edge = color if contrast(color, card) >= _LEAST_CONTRAST else "var(--line)"
        rule = f":root{{--main:{color};--on:{readable_on(color)};--edge:{edge}}}"
        style += f"{condition}{{{rule}}}\n" if condition else f"{rule}\n"
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return style, {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": (
            f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; base-uri 'none'; "
            "frame-ancestors 'none'"
        ),
        "X-Frame-Options": "DENY",
        "X-Content-Type-Options": "nosniff",
        # Not "no-referrer": browsers would send "Origin: null" with the forms.
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
    }


_ERRORS: Mapping[str, str] = {
    "unauthenticated": "wrong_password",
    "rate-limited": "too_often",
    "forbidden": "other_name",
    "too-late": "too_late",
}
"""The text of each `error` in the address of a page. Every other one has the text `not_now`."""
_PROVIDER_ERRORS: Mapping[str, str] = {"rate-limited": "too_often", "unavailable": "not_now"}
"""Likewise after a login at a provider; every other one has the text `provider_failed`."""
_SETTING = '[sessions]\ncookie = "stormdoor"\ninsecure_plaintext = true'


def _form(action: str, *parts: str) -> str:
    return f'<form method="post" action="{xhtml_escape(action)}">{"".join(parts)}</form>'


@dataclass(frozen=True, slots=True)
class LoginPages:
    """The pages with the appearance of an application, in the language of a browser.

    Attributes:
        appearance: The name, the colour and the notice.
        accepted: The header `Accept-Language` of the browser.
    """

    appearance: LoginAppearance
    accepted: str = ""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of each page."""
        return _style(self.appearance.color)[1]

    @property
    def _texts(self) -> Mapping[str, str]:
        return texts_in(preferred_language(self.accepted))

    def _page(self, title: str, *parts: str, heading: str = "") -> str:
        style = _style(self.appearance.color)[0]
        name = xhtml_escape(self.appearance.name)
        notice = xhtml_escape(self.appearance.notice.strip())
        return (
            f'<!doctype html><html lang="{self._texts["lang"]}"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width,initial-scale=1">'
            f"<title>{title}{name and f' · {name}'}</title><style>{style}</style></head><body><main>"
            + (name and f'<p class="app" dir="auto">{name}</p>')
            + f"<h1>{heading or title}</h1>"
            + (notice and f'<p class="notice" dir="auto">{notice}</p>')
            + "".join(parts)
            + "</main></body></html>\n"
        )

    def _error(self, error: str | None, ref: str, wrong: str = "wrong_password") -> str:
        if not error:
            return ""
        name = wrong if error == "unauthenticated" else _ERRORS.get(error, "not_now")
        return f'<p class="error" role="alert">{self._texts[name]}</p>{self._reference(ref)}'

    def _reference(self, ref: str) -> str:
        """Return the line with the reference of a refusal, which a user can send to the operator."""
        return (
            f'<p class="ref">{self._texts["reference"]} <b>{xhtml_escape(ref)}</b></p>'
            if ref
            else ""
        )

    def _link(self, address: str, name: str) -> str:
        return f'<a class="button" href="{xhtml_escape(address)}">{self._texts[name]}</a>'

    def _with_name(self, text: str, name: str) -> str:
        """Return a text with the name of a principal.

        A name that is written from right to left must not reorder the text.
        """
        return self._texts[text].replace("{name}", f"<bdi>{xhtml_escape(name)}</bdi>")

    def login(
        self,
        action: str | None,
        error: str | None,
        *,
        ref: str = "",
        remark: str = "",
        providers: Mapping[str, str] = MappingProxyType({}),
    ) -> str:
        """Return the page that asks for a name and a password, or leads to a provider.

        Args:
            action: Address that the form is sent to; None for a login at a provider alone.
            error: The `error` of the last attempt, from the address of the page; it selects a fixed text.
            ref: The reference of that failure.
            remark: A remark of this class above the form: `lost_cookie()` or `session_ended()`.
            providers: By the address that begins the login at a provider, its name on the button.
        """
        texts, form, kind = self._texts, "", "button"
        if action is not None:
            form, kind = self._password_form(action), "button plain"
        return self._page(
            texts["sign_in"],
            self._error(error, ref) or remark,
            form,
            *(
                f'<a class="{kind}" href="{xhtml_escape(address)}">'
                f"{self._with_name('sign_in_with', name)}</a>"
                for address, name in providers.items()
            ),
        )

    def _password_form(self, action: str) -> str:
        texts = self._texts
        return _form(
            action,
            f'<label for="username">{texts["name"]}</label><input id="username" name="username" '
            'autocomplete="username" autocapitalize="none" spellcheck="false" required autofocus>'
            f'<label for="password">{texts["password"]}</label><input id="password" name="password" '
            'type="password" autocomplete="current-password" required>'
            f"<button>{texts['sign_in']}</button>",
        )

    def session_ended(self, ref: str = "") -> str:
        """Return the remark that the session of the browser has ended, with the reference of the refusal."""
        return f'<p role="status">{self._texts["session_ended"]}</p>{self._reference(ref)}'

    def lost_cookie(self, *, plain: bool) -> str:
        """Return the remark that the browser did not send back the cookie of the login.

        Args:
            plain: Whether the page came without TLS, and the cookie is for TLS alone.
        """
        texts = self._texts
        lost = f'<p class="error" role="alert">{texts["cookie_lost"]}</p>'
        if not plain:
            return f"{lost}<p>{texts['cookie_blocked']}</p>"
        return (
            f"{lost}<p>{texts['cookie_plain']}</p>"
            f"<ul><li>{texts['cookie_way_tls']} <code>stormdoor run --tls-self-signed</code></li>"
            f"<li>{texts['cookie_way_browser']}</li>"
            f"<li>{texts['cookie_way_setting']} <code>{_SETTING}</code></li></ul>"
        )

    def lost(self, login: str, ref: str) -> str:
        """Return the page after a login at a provider, for a browser that kept no cookie over `http://`.

        Args:
            login: The address that begins the login again.
            ref: The reference of the refusal.
        """
        remark = self.lost_cookie(plain=True) + self._reference(ref)
        return self._page(self._texts["sign_in"], remark, self._link(login, "sign_in_again"))

    def provider_failed(self, error: str, login: str, ref: str) -> str:
        """Return the page after a login at a provider that gave no session.

        Args:
            error: The public word for the failure; it selects a fixed text.
            login: The address that begins the login again.
            ref: The reference of the refusal.
        """
        texts = self._texts
        if error != "forbidden":
            name = _PROVIDER_ERRORS.get(error, "provider_failed")
            said, way = "", self._link(login, "sign_in_again")
        else:
            # The provider may else choose the same account again without a question.
            name, said = "provider_forbids", f"<p>{texts['ask_operator']}</p>"
            way = self._link(f"{login}?prompt=select_account", "other_account")
        alert = f'<p class="error" role="alert">{texts[name]}</p>{self._reference(ref)}'
        return self._page(texts["not_signed_in"], alert, said, way)

    def second_factor(self, action: str, error: str | None, ref: str = "") -> str:
        """Return the page that asks for the code of a second factor, or for a recovery code.

        It is the same for every principal, so that it tells nothing about an account. Passkeys need a script.

        Args:
            action: Address that the forms are sent to.
            error: The `error` of the last attempt.
            ref: The reference of that failure.
        """
        texts = self._texts
        return self._page(
            texts["second_step"],
            self._error(error, ref, "wrong_code"),
            _form(
                action,
                f'<label for="totp">{texts["code"]}</label><input id="totp" name="totp" '
                'autocomplete="one-time-code" inputmode="numeric" required autofocus>'
                f"<button>{texts['sign_in']}</button>",
            ),
            f"<details><summary>{texts['use_recovery']}</summary>",
            _form(
                action,
                f'<label for="recovery">{texts["recovery_code"]}</label><input id="recovery" '
                'name="recovery_code" autocomplete="off" autocapitalize="none" spellcheck="false" required>'
                f'<button class="plain">{texts["sign_in"]}</button>',
            ),
            "</details>",
        )

    def logout(
        self, name: str | None, *, logout: str, login: str, continue_at: str | None = None
    ) -> str:
        """Return the page with the button that signs out.

        Args:
            name: The principal of the session; None if the client has none.
            logout: Address that the form is sent to.
            login: Address of the login page.
            continue_at: Path of the application to go on to, if the page offers that.
        """
        texts = self._texts
        if name is None:
            return self._page(texts["signed_out"], self._link(login, "sign_in_again"))
        plain = "" if continue_at is None else ' class="plain"'
        return self._page(
            texts["signed_in_as"].replace("{name}", xhtml_escape(name)),
            "" if continue_at is None else self._link(continue_at, "go_on"),
            _form(logout, f"<button{plain}>{texts['sign_out']}</button>"),
            heading=self._with_name("signed_in_as", name),
        )

    def forbidden(self, name: str, login: str | None, ref: str = "") -> str:
        """Return the page for an account that may not open a page of the application.

        Args:
            name: The principal of the request.
            login: Address of the login page, which asks for another account; None if there is none.
            ref: The reference of the refusal.
        """
        texts = self._texts
        return self._page(
            texts["may_not_open"],
            f"<p>{self._with_name('account_may_not', name)}</p>",
            f"<p>{texts['ask_operator']}</p>{self._reference(ref)}",
            "" if login is None else self._link(login, "other_account"),
        )
