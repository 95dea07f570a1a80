"""The page about a store of one's own: its files are written down, and pytest runs them."""

from pathlib import Path

import pytest

from tests.docs.pages import blocks
from tests.docs.test_testing_page import run_pytest
from tests.support.project import ROOT

PAGE = ROOT / "docs" / "how-to" / "write-a-store.md"


def _write(folder: Path, **changes: str) -> None:
    for block in blocks(PAGE):
        if block.caption:
            text = block.text
            for old, new in changes.items():
                text = text.replace(old, new)
            (folder / block.caption).write_text(text, encoding="utf-8")


@pytest.mark.extended
@pytest.mark.slow
def test_the_files_of_the_page(tmp_path: Path) -> None:
    """The engine of the page passes its part of the contract, and the store of stormdoor all of it."""
    _write(tmp_path)
    code, shown = run_pytest(tmp_path, "test_store.py")
    assert code == 0, shown
    code, shown = run_pytest(tmp_path, "test_store.py", "-k", "TestNonces")
    assert "3 passed" in shown


@pytest.mark.extended
def test_an_engine_that_forgets_fails(tmp_path: Path) -> None:
    """INVARIANT: the public suite can fail: an engine that accepts a nonce twice does not pass."""
    _write(tmp_path, **{"            return False\n": "            return True\n"})
    code, shown = run_pytest(tmp_path, "test_store.py", "-k", "TestNonces")
    assert code == 1, shown
    assert "test_nonce_counts_once" in shown
    # The suite registers its modules, so that a failed assertion shows its values.
    assert "assert True is False" in shown


async def test_the_combined_state_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard opens both engines, and a nonce is stored in its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    _write(tmp_path)
    scope: dict[str, object] = {}
    exec((tmp_path / "nonces.py").read_text("utf-8"), scope)  # noqa: S102 - the page
    from stormdoor import Guard

    made = scope["state"]()  # type: ignore[operator]
    async with Guard(store=made, production=False) as guard:
        now = guard.clock.now()
        assert await guard.state.nonces.use_nonce("jti", "v", now)
        assert not await guard.state.nonces.use_nonce("jti", "v", now)
        assert await made.engines[0].use_nonce("jti", "v", now)  # the other engine has not seen it
        assert await guard.state.accounts.accounts() == []
