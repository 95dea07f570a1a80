"""The examples of devices, certificates, proxies and bound tokens do what they say at their top."""

from pathlib import Path

import pytest

from tests.docs.pages import Program
from tests.support.project import ROOT

EXPECTED = {
    "device.py": [
        "the same handshake again: 401",
        '{"type":"noted","device":"boiler-7","value":70.0}',
        '{"type":"noted","device":"boiler-7","value":70.1}',
    ],
    "certificate.py": [
        "welcome, boiler-7",
        "its certificate was revoked: 1 socket closed, 3000",
        "refused: 401",
        "refused by TLS: ",
        "refused: 401",
    ],
    "identity_proxy.py": [
        "the proxy: welcome, alice; the handler sees of the proxy: []",
        "somebody else: 401",
        "with another secret: 401",
        "past the proxy, in another spelling: 401",
        "a hostile page through the proxy: 403",
    ],
    "service.py": [
        "the server wants a nonce in the proof",
        "billing said: three crates of apples",
        "the same token with another key: 401",
    ],
}


@pytest.mark.sampled(4)
@pytest.mark.parametrize("name", EXPECTED)
def test_an_example(tmp_path: Path, name: str) -> None:
    """The example prints which clients are accepted and which are refused."""
    text = (ROOT / "examples" / name).read_text(encoding="utf-8")
    with Program(tmp_path, text, name) as server:
        for expected, line in zip(EXPECTED[name], server.lines(), strict=False):
            assert line.startswith(expected)
