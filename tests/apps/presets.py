"""Real libraries guarded by their adapter and its preset, with a member and a viewer."""

from __future__ import annotations

from pathlib import Path

from tornado.web import Application

from stormdoor import Guard
from stormdoor.apps import Setup, choose_adapter

__all__ = ["ORIGIN", "PASSWORD", "Cookie", "guard_by_preset", "log_in"]

ORIGIN = "http://127.0.0.1:1"
PASSWORD = "correct horse battery"
Cookie = tuple[str, str]


def guard_by_preset(application: Application, name: str, folder: Path, text: str = "") -> Guard:
    """Guard `application` with the adapter and the preset `name`.

    Args:
        application: The application.
        name: Of the adapter, and of its preset.
        folder: For the configuration file.
        text: More tables of the file.
    """
    adapter = choose_adapter(application)
    assert (adapter.name, adapter.preset) == (name, name)
    file = folder / "stormdoor.toml"
    file.write_text(
        f'preset = "{name}"\nstore = "memory:"\norigins = ["{ORIGIN}"]\nhosts = ["127.0.0.1"]\n{text}',
        "utf-8",
    )
    setup = Setup(lambda: Guard.from_config(file))
    adapter.guard(application, setup)
    return setup.guard()


async def log_in(guard: Guard) -> dict[str, Cookie]:
    """Add a member and a viewer, and return their cookies."""
    cookies = {}
    for name, role in (("alice", "member"), ("victor", "viewer")):
        await guard.admin.add_principal(name, password=PASSWORD, roles=[role])
        secret = (await guard.sessions.create(name)).secret
        cookies[name] = ("Cookie", f"{guard.sessions.cookie.name}={secret}")
    return cookies
