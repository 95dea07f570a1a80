"""Without the extra `probe`: what cannot be tried is said, and never called safe."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from audit_tests.prober.servers import probed, serving
from audit_tests.prober.test_word_by_word import SIGNED, Confused, Fixed, Keys, _bearer
from stormdoor_audit.report.finding import Report
from stormdoor_audit.testing import forged_token, without_signature

JWKS = ("/.well-known/jwks.json", Keys)


def _of_forged_tokens(report: Report) -> str:
    [tried] = [one for one in report.tried if one.rule_id == "SP103"]
    return tried.outcome


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment without joserfc."""
    for name in ("joserfc", "joserfc.jwk", "joserfc.errors"):
        monkeypatch.setitem(sys.modules, name, None)


@pytest.mark.parametrize(("handler", "outcome"), [(Fixed, "closed"), (Confused, "open")])
async def test_the_published_key_decides_with_the_extra(handler: Any, outcome: str) -> None:
    """With joserfc the published key is tried: one server takes it for a secret, the other does not."""
    async with serving(handler, JWKS) as port:
        assert _of_forged_tokens(await probed(port, owner=_bearer(SIGNED))) == outcome


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("handler", [Fixed, Confused])
async def test_the_published_key_is_not_determined_without_it(handler: Any) -> None:
    """Without joserfc neither server is called closed, and the result names the extra."""
    async with serving(handler, JWKS) as port:
        report = await probed(port, owner=_bearer(SIGNED))
    assert _of_forged_tokens(report) == "not-determined"
    [tried] = [one for one in report.tried if one.rule_id == "SP103"]
    assert "stormdoor-audit[probe]" in tried.settle


@pytest.mark.usefixtures("alone")
async def test_a_server_without_a_published_key_needs_no_extra() -> None:
    """The other forgeries need the standard library only."""
    async with serving(Fixed) as port:
        assert _of_forged_tokens(await probed(port, owner=_bearer(SIGNED))) == "closed"


@pytest.mark.usefixtures("alone")
def test_forged_token_names_the_extra() -> None:
    """`forged_token` says what to install; `without_signature` needs nothing."""
    with pytest.raises(ImportError, match=r"stormdoor-audit\[probe\]"):
        forged_token(SIGNED, "another key")
    assert without_signature(SIGNED).endswith(".")
