"""A secret that signs no cookie gets a shorter message than one that signs identities."""

from pathlib import Path

import pytest

from audit_tests.auditor.sources import write
from stormdoor_audit.auditor.scanning.engine import scan
from stormdoor_audit.auditor.scanning.settings import Settings
from stormdoor_audit.report.finding import Level

HEAD = "from tornado.web import Application, RequestHandler\n"

SIGNED = """
class Login(RequestHandler):
    def post(self):
        self.set_signed_cookie("user", check(self))
"""

PROGRAMS = {
    ("SD407", "nothing is signed", Level.NOTE): "",
    ("SD407", "a cookie is signed", Level.ERROR): SIGNED,
    (
        "SD407",
        "somebody else may sign one",
        Level.ERROR,
    ): "from pycket.session import SessionMixin\n",
    ("SD407", "it is read", Level.ERROR): (
        "def key(app):\n    return app.settings['cookie_secret']\n"
    ),
    ("SD408", "nothing is signed", Level.NOTE): "",
    ("SD408", "a cookie is signed", Level.ERROR): SIGNED,
}

SECRETS = {"SD407": "p4nRjXh8cVtqyGw2mZbLsKd9", "SD408": "secret"}


@pytest.mark.parametrize(("rule", "how", "level"), PROGRAMS)
def test_it_counts_when_a_cookie_is_signed(
    rule: str, how: str, level: Level, tmp_path: Path
) -> None:
    """Until then it is a note."""
    text = f"app = Application([], cookie_secret={SECRETS[rule]!r})"
    write(tmp_path, {"app.py": f"{HEAD}{PROGRAMS[rule, how, level]}\n{text}\n"})
    report = scan([tmp_path], settings=Settings(root=tmp_path, select=(rule,), jobs=1))
    assert [one.level for one in report.findings] == [level]


@pytest.mark.parametrize(("program", "found"), [("", 0), (SIGNED, 1)])
def test_a_secret_that_can_be_predicted_counts_then(
    program: str, found: int, tmp_path: Path
) -> None:
    """It is said of what is signed only."""
    text = (
        "import random\nSECRET = str(random.random())\napp = Application([], cookie_secret=SECRET)"
    )
    write(tmp_path, {"app.py": f"{HEAD}{program}\n{text}\n"})
    report = scan([tmp_path], settings=Settings(root=tmp_path, select=("SD415",), jobs=1))
    assert len(report.findings) == found


TRIED = """
class Guarded(RequestHandler):
    def post(self):
        self.set_signed_cookie("user", check(self))

if __name__ == "__main__":
    class Page(Guarded):
        def get(self):
            self.write("in")

    {application}
"""


@pytest.mark.parametrize(
    ("program", "tried", "found"),
    [
        ("from guarded import Guarded\nmake(Application([('/', Guarded)]))", "('/', Page)", []),
        ("from guarded import Guarded\nstart(Guarded)", "('/', Page)", ["guarded.py"]),
        ("import other\nmake(Application([('/', Page)]))", "('/', Page)", ["guarded.py"]),
        (
            "from guarded import Guarded\nmake(Application([('/', Guarded)]))",
            "('/', Socket)",
            ["guarded.py"],
        ),
    ],
)
@pytest.mark.parametrize("rule", SECRETS)
def test_what_tries_a_module_out_has_no_secret(
    rule: str, program: str, tried: str, found: list[str], tmp_path: Path
) -> None:
    """Another program imports it and makes an Application; here only pages are served."""
    text = f"Application([{tried}], cookie_secret={SECRETS[rule]!r}).listen(8080)"
    files = {
        "guarded.py": HEAD + TRIED.replace("{application}", text),
        "server.py": f"{HEAD}{program}\n",
    }
    write(tmp_path, files)
    report = scan([tmp_path], settings=Settings(root=tmp_path, select=(rule,), jobs=1))
    assert [one.location.path for one in report.findings] == found
