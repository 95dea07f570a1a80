"""Configuration files for tests: one that is good, and ways to spoil it."""

from pathlib import Path

__all__ = ["GOOD", "TRAIL_KEY", "write"]

TRAIL_KEY = "0123456789abcdef0123456789abcdef"

GOOD = """\
store = "sqlite:door.db"
origins = ["https://app.example"]
trail_key = { env = "TRAIL_KEY" }
trail_days = 365

[[authenticators]]
kind = "session"

[[policies.role]]
name = "member"
grants = ["chat:connect", "chat:say"]

[[policies.role]]
name = "moderator"
inherits = ["member"]

[[policies.permit]]
permissions = ["chat:kick"]
roles = ["moderator"]
when = "resource.id in principal.moderates"
"""


def write(
    folder: Path, text: str = GOOD, *, name: str = "stormdoor.toml", mode: int = 0o600
) -> Path:
    """A file in `folder`."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path
