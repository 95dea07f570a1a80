"""`--python`: what is installed is read, and not judged."""

from pathlib import Path

from audit_tests.auditor.sources import HEAD, write
from stormdoor_audit.auditor.scanning.engine import prepare
from stormdoor_audit.auditor.scanning.settings import Settings


def test_an_environment_resolves_bases_without_being_reported(tmp_path: Path) -> None:
    """`--python`: classes of installed packages are followed, and not judged."""
    write(
        tmp_path / "env/lib/python3.11/site-packages",
        {
            "frame/__init__.py": HEAD + "class Locked(WebSocketHandler):\n    def prepare(self):\n"
            "        if not self.get_signed_cookie('u'):\n            raise HTTPError(401)\n",
        },
    )
    write(
        tmp_path / "own",
        {
            "app.py": "from frame import Locked\n# tornado\nclass Door(Locked):\n"
            "    def on_message(self, message):\n        print(message)\n",
        },
    )
    scene = prepare(
        [tmp_path / "own"], settings=Settings(root=tmp_path, jobs=1, python=tmp_path / "env")
    )
    assert [(one.info.name, one.authentication.kind) for one in scene.endpoints] == [
        ("Door", "guarded")
    ]
