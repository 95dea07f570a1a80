"""Work of the next engine grows with the code, not with the number of paths through it."""

from pathlib import Path

import pytest

from audit_tests.auditor.sources import HEAD, write
from stormdoor_audit.analyzer.engine.machine import Engine
from stormdoor_audit.analyzer.lifecycle import tornado
from stormdoor_audit.analyzer.models.loader import load_models
from stormdoor_audit.analyzer.programs.files import Sources
from stormdoor_audit.analyzer.queries import authentication

INDEPENDENT = """
        if self.get_argument("a{n}", ""):
            self.note{n} = {n}
"""
SETTING = """
        if self.settings.get("a{n}"):
            self.note{n} = {n}
"""
KIND = """
        if asked["kind"] == "k{n}":
            self.note{n} = {n}
"""
HANDLER = """
class Door(WebSocketHandler):
    def prepare(self):
        asked = json.loads(self.get_argument("asked"))
{parts}
        if not self.get_signed_cookie("user"):
            raise HTTPError(403)

    def on_message(self, message):
        room.say(message)
"""


def _steps(folder: Path, part: str, number: int) -> int:
    """Return the steps for a handler with a number of equal parts before its check."""
    body = HANDLER.format(parts="".join(part.format(n=n) for n in range(number)))
    write(folder, {"app.py": HEAD + body})
    engine = Engine(load_models(), Sources(folder, [folder / "app.py"]))
    store = tornado.begin(engine, "app")
    engine.steps = 0
    (info,) = engine.classes.values()
    connection = tornado.connect(engine, info, [], store)
    assert authentication.judge(connection).verdict == "guarded"
    return engine.steps


@pytest.mark.parametrize("part", [INDEPENDENT, SETTING, KIND])
def test_twice_as_many_conditions_take_at_most_four_times_the_steps(
    part: str, tmp_path: Path
) -> None:
    """20 and 40 conditions before a check: the steps grow at most by the square, and nothing is cut."""
    few, many = _steps(tmp_path / "few", part, 20), _steps(tmp_path / "many", part, 40)
    assert few < many <= 4 * few
