"""Checks of the permissions that `[protect]` requires."""

import textwrap
from pathlib import Path

from stormdoor.config.check import check_file
from stormdoor.settings.finding import Finding
from tests.config.files import write


def ungranted(folder: Path, text: str) -> list[Finding]:
    """Return the findings about permissions that no role grants."""
    path = write(folder, textwrap.dedent(text))
    return [one for one in check_file(path) if one.id == "ungranted-permission"]


def test_a_permission_that_no_role_grants(tmp_path: Path) -> None:
    """The finding has the place, the nearest grant and the line to write."""
    found = ungranted(
        tmp_path,
        """\
        [protect]
        permission = "app:use"
        pages = "reports:read"
        [protect.permissions]
        "/feed" = "feed:rread"
        "/open" = { public = "prices are published" }
        [[protect.messages]]
        path = "/feed"
        format = "bokeh"
        default = "feed:write"
        permissions = { OK = "feed:none" }
        [[policies.role]]
        name = "member"
        grants = ["app:*"]
        [[policies.permit]]
        permissions = ["feed:read"]
        roles = ["member"]
        """,
    )
    assert [(one.place, one.line) for one in found] == [
        ("protect.pages", 3),
        ("protect.permissions./feed", 5),
        ("protect.messages[0].default", 10),
        ("protect.messages[0].permissions.OK", 11),
    ]
    assert 'did you mean "feed:read"?' in found[1].what
    assert found[0].write == 'grants = ["reports:read"] in a [[policies.role]]'


def test_policies_of_the_application(tmp_path: Path) -> None:
    """Without roles in the file, another finding says so; the application may add its own."""
    assert ungranted(tmp_path, '[protect]\npermission = "app:use"') == []
