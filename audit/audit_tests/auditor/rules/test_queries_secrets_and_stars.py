"""Rules about tokens in the address, secrets with a default, and origin checks with a configurable star."""

from pathlib import Path

import pytest

from audit_tests.auditor.rules import configurable_origins, default_secrets, query_reads
from audit_tests.auditor.sources import HEAD, write
from stormdoor_audit.auditor.scanning.engine import scan
from stormdoor_audit.auditor.scanning.settings import Settings

ALL = {**configurable_origins.CASES, **query_reads.CASES, **default_secrets.CASES}
NOT_YET = {
    "helper": "the keys of a table made by a comprehension over an unknown table are not followed",
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            one,
            marks=[pytest.mark.xfail(strict=True, reason=NOT_YET[one])] if one in NOT_YET else [],
        )
        for one in ALL
    ],
)
def test_a_rule_reports_it_or_is_silent(name: str, tmp_path: Path) -> None:
    """`+SD401` must be reported, `-SD401` must not; of `+SD407|SD408` one is enough."""
    wanted, body, files = ALL[name]
    write(tmp_path, {"app.py": HEAD + body, **files})
    report = scan([tmp_path], settings=Settings(root=tmp_path, jobs=1))
    found = {one.rule_id for one in report.findings}
    for one in wanted.split():
        assert bool(found & set(one[1:].split("|"))) is one.startswith("+"), one


def test_the_finding_names_the_endpoint_and_the_parameter(tmp_path: Path) -> None:
    """The finding names the endpoint that reads the token from its URL."""
    _, body, files = ALL["request.query"]
    write(tmp_path, {"app.py": HEAD + body, **files})
    report = scan([tmp_path], settings=Settings(root=tmp_path, jobs=1, select=("SD401",)))
    (found,) = report.findings
    assert (found.subject, "Door reads the credential 'token'" in found.message) == (
        "app.Door",
        True,
    )


def test_sd201_names_an_origin_of_a_library(tmp_path: Path) -> None:
    """A base from a library accepts every origin: the finding says which one was tried."""
    body = """
import sockjs.tornado
class Door(sockjs.tornado.SockJSConnection):
    def check_origin(self, origin):
        return True
router = sockjs.tornado.SockJSRouter(Door, "/echo")
"""
    write(tmp_path, {"app.py": HEAD + body})
    report = scan([tmp_path], settings=Settings(root=tmp_path, jobs=1, select=("SD201",)))
    (found,) = report.findings
    assert found.message.endswith(" allows https://attacker.example.")
