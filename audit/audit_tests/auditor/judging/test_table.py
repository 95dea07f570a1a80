"""The row of an endpoint in the endpoint table: what a verdict rests on, where no rule says it."""

from pathlib import Path

import pytest

from audit_tests.auditor.sources import HEAD, write
from stormdoor_audit.auditor.scanning.engine import scan
from stormdoor_audit.auditor.scanning.settings import Settings
from stormdoor_audit.report.finding import Check, Verdict

KNOWN = """
[[class]]
socket = ["acme.Members"]
authentication = "guarded"
origin = "guarded"
"""


def verdict(folder: Path, body: str, check: Check) -> Verdict:
    """The verdict on the only handler."""
    write(folder, {"app.py": HEAD + body, "known.toml": KNOWN})
    settings = Settings(root=folder, jobs=1, knowledge=(folder / "known.toml",))
    (endpoint,) = scan([folder], settings=settings).endpoints
    return endpoint.verdict(check)


@pytest.mark.parametrize(
    ("method", "state"),
    [
        ("def on_message(self, message): room.say(message)", "guarded"),
        ("async def get(self): await super().get()", "unknown"),
        ("def prepare(self): super().prepare()", "unknown"),
    ],
)
def test_a_base_that_is_known(tmp_path: Path, method: str, state: str) -> None:
    """Knowledge of an unread base applies unless the subclass interferes."""
    body = f"from acme import Members\nclass Door(Members):\n    {method}\n"
    found = verdict(tmp_path, body, Check.AUTHENTICATION)
    assert found.state == state
    assert "acme.Members" in found.evidence


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        ("urlparse(origin).hostname == 'app.example'", "weak"),
        ("origin == 'https://app.example'", "guarded"),
    ],
)
def test_an_origin_whose_scheme_does_not_matter(tmp_path: Path, answer: str, state: str) -> None:
    """The table does not praise what a rule reports."""
    body = (
        "from urllib.parse import urlparse\nclass Door(WebSocketHandler):\n"
        f"    def check_origin(self, origin):\n        return {answer}\n"
    )
    assert verdict(tmp_path, body, Check.ORIGIN).state == state


@pytest.mark.parametrize(
    ("method", "state"),
    [
        ("def on_message(self, message): pass", "not-needed"),
        ("def on_message(self, _message): self.write_message('pong')", "not-needed"),
        ("def on_message(self, message): room.say(message)", "missing"),
        ("def on_message(self, *all): room.say(all[0])", "missing"),
        ("def on_message(self, message): room.say(**locals())", "missing"),
    ],
)
def test_who_does_not_listen_need_not_validate(tmp_path: Path, method: str, state: str) -> None:
    """A message that is not looked at does no harm."""
    body = f"class Door(WebSocketHandler):\n    {method}\n"
    assert verdict(tmp_path, body, Check.VALIDATION).state == state
