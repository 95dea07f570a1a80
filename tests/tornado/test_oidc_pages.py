"""The page of a failed login at a provider: the look and the language of the login's pages."""

from __future__ import annotations

import pytest

from stormdoor import LoginAppearance
from stormdoor.tornado.login_texts import LANGUAGES, texts_in
from stormdoor.tornado.oidc_routes import OpenIdProvider, oidc_routes
from tests.guard.fakes import ORIGIN, make_guard
from tests.tornado.login_client import LoginClient
from tests.tornado.wire import serving

PROVIDER = OpenIdProvider(
    issuer="http://127.0.0.1:1",
    client_id="lab",
    redirect_uri="https://lab.example/auth/oidc/callback",
)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("path", ["callback?code=<i>&state=<i>&error=<i>", "login", "step-up"])
async def test_it_speaks_the_language_of_the_browser(path: str, language: str) -> None:
    """It has the name of the application, a way on, and nothing from the request."""
    guard = make_guard(
        insecure_allow_any_host=True,
        trusted_proxies=["127.0.0.1"],
        oidc=PROVIDER,
        appearance=LoginAppearance(name="Plots of the lab", color="#1a5fb4"),
    )
    async with serving(oidc_routes(guard), guard, "chat:connect") as at:
        client = LoginClient(at.port, origin=ORIGIN, prefix="/auth/oidc/")
        client.headers = {"X-Forwarded-Proto": "https", "Accept-Language": language}
        page = await client.get(path)
    texts = texts_in(language)
    assert page.status == (503 if path == "login" else 401)
    assert texts["not_now" if path == "login" else "provider_failed"] in page.body
    assert f'<a class="button" href="/auth/oidc/login">{texts["sign_in_again"]}</a>' in page.body
    assert f'lang="{texts["lang"]}"' in page.body
    assert "Plots of the lab" in page.body
    assert "<i>" not in page.body
    assert "style-src 'sha256-" in page.headers["Content-Security-Policy"]
    assert page.headers["Referrer-Policy"] == "no-referrer"
