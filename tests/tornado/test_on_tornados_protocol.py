"""The tests of the fast protocol on Tornado's own protocol, for sockets that cannot be detached."""

from __future__ import annotations

from types import ModuleType

import pytest

from tests.tornado import test_endings, test_first_message_attacks, test_guarded_handler, wire


@pytest.fixture(autouse=True)
def _slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stormdoor.tornado.guarded_class.fits_handler", lambda *_: False)


def _again(module: ModuleType, prefix: str) -> dict[str, object]:
    return {
        f"test_{prefix}_{name.removeprefix('test_')}": one
        for name, one in vars(module).items()
        if name.startswith("test_")
    }


globals().update(_again(test_endings, "endings"))
globals().update(_again(test_guarded_handler, "handler"))
globals().update(_again(test_first_message_attacks, "first"))


async def test_they_are_not_on_the_fast_one() -> None:
    """Otherwise this file would prove nothing."""
    told: list[str] = []
    seen: list[object] = []

    class Asking(test_endings.Told):
        def open(self) -> None:
            super().open()
            seen.append(type(self.ws_connection).__name__)

    async with test_endings.guarded(Asking, told) as (at, _):
        async with await wire.connect(at.port, "/ws", test_endings.ALICE) as ws:
            await ws.close()
    assert seen == ["TornadoProtocol"]
