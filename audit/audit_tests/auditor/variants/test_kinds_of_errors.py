"""Kinds of programs about which the auditor was once wrong, each in several styles, guarded and broken."""

from pathlib import Path

import pytest

from audit_tests.auditor.sampling import chosen
from audit_tests.auditor.sources import HEAD, scene_of
from audit_tests.auditor.variants import (
    absent_users,
    bases_behind,
    closed_in_open,
    login_messages,
    passed_settings,
    rate_limits,
    session_tables,
    stored_roles,
    switched_off,
    tickets,
)

TABLES = {
    "absent_users": absent_users.CASES,
    "bases_behind": bases_behind.CASES,
    "closed_in_open": closed_in_open.CASES,
    "login_messages": login_messages.CASES,
    "passed_settings": passed_settings.CASES,
    "rate_limits": rate_limits.CASES,
    "session_tables": session_tables.CASES,
    "stored_roles": stored_roles.CASES,
    "switched_off": switched_off.CASES,
    "tickets": tickets.CASES,
}
NOT_YET = {
    ("bases_behind", "check that is asked of it"): (
        "a method of an unread base may raise, whatever its name; the engine follows names only"
    ),
    (
        "bases_behind",
        "unread metaclass",
    ): "an unread metaclass is taken for one that changes nothing",
    ("passed_settings", "required by a comprehension"): (
        "the items of a comprehension are not tables of settings by name"
    ),
    ("passed_settings", "initialize kwargs"): (
        "a route whose keyword arguments are a parameter gives its handler nothing"
    ),
    ("absent_users", "on message through property"): (
        "what an unread look-up gives for no user may be an object for guests"
    ),
    ("absent_users", "on message session"): (
        "what an unread look-up gives for no session may be an object for guests"
    ),
    ("stored_roles", "has_permission of a stored thing"): (
        "an unread method that is called like a check of the client is taken for one"
    ),
}


@pytest.mark.parametrize(
    ("table", "name"),
    [
        pytest.param(
            table,
            name,
            marks=[pytest.mark.xfail(strict=True, reason=NOT_YET[table, name])]
            if (table, name) in NOT_YET
            else [],
        )
        for table, rows in TABLES.items()
        for name in chosen(rows)
    ],
)
def test_the_verdict_on_authentication(table: str, name: str, tmp_path: Path) -> None:
    """The kind of the verdict on the class that is called Door."""
    wanted, body, files = TABLES[table][name]
    scene = scene_of(tmp_path, {"app.py": HEAD + "import time\n" + body, **files})
    (endpoint,) = [one for one in scene.endpoints if one.info.name == "Door"]
    assert endpoint.authentication.kind in wanted.split("|")
