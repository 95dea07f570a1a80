"""Findings about authorization: only with proof, and the same under other local names."""

import ast
import builtins
import random
from pathlib import Path

import pytest

from audit_tests.auditor.judging.pairs_of_rights import PAIRS, SILENT, broken, guarded
from audit_tests.auditor.sources import Make, door, scene_of
from stormdoor_audit.auditor.judging.distinctions import distinctions_of
from stormdoor_audit.auditor.judging.table import verdicts
from stormdoor_audit.auditor.rules import RULES
from stormdoor_audit.report.finding import Check

__all__ = ["door"]

RIGHTS = [rule for rule in RULES if rule.meta.id in {"SD301", "SD303"}]


def found(folder: Path, text: str) -> list[tuple[str, int, str]]:
    """Rule, line and message of each finding about authorization."""
    return [
        (rule.meta.id, one.node.lineno, one.message)
        for endpoint in scene_of(folder, {"app.py": text}).endpoints
        for rule in RIGHTS
        if rule.on_endpoint is not None
        for one in rule.on_endpoint(endpoint)
        if isinstance(one.node, ast.expr | ast.stmt)
    ]


@pytest.mark.parametrize("name", PAIRS)
def test_only_the_broken_program_is_reported(name: str, tmp_path: Path) -> None:
    """One line decides whether the client's right is checked."""
    assert found(tmp_path / "guarded", guarded(PAIRS[name])) == []
    assert len(found(tmp_path / "broken", broken(PAIRS[name]))) == 1


@pytest.mark.parametrize("name", SILENT)
def test_no_finding_without_proof(name: str, tmp_path: Path) -> None:
    """A program that tells no users apart, and an effect on the connection's own state, are no faults."""
    assert found(tmp_path, guarded(SILENT[name])) == []


class Renamed(ast.NodeTransformer):
    """Gives each parameter and each local variable of a function a random name."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.chance = random.Random(7)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Rename what the function binds, and what it passes on under that name."""
        return self._renamed(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        """Rename what the coroutine binds."""
        return self._renamed(node)

    def _renamed(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        before = self.names
        given = [*node.args.args, *node.args.kwonlyargs]
        bound = {one.arg for one in given if not _is_called_by_name(node)}
        bound |= {
            one.id
            for one in ast.walk(node)
            if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)
        }
        bound |= {one.name for one in ast.walk(node) if isinstance(one, ast.MatchAs) and one.name}
        bound -= {"self", "cls", *dir(builtins)}
        word = "".join
        self.names = before | {
            name: word(self.chance.choices("bcdfghjklmnpqrstvwxz", k=9)) for name in sorted(bound)
        }
        self.generic_visit(node)
        self.names = before
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """Rename a use."""
        node.id = self.names.get(node.id, node.id)
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        """Rename a parameter."""
        node.arg = self.names.get(node.arg, node.arg)
        return node

    def visit_MatchAs(self, node: ast.MatchAs) -> ast.AST:
        """Rename what a pattern captures."""
        self.generic_visit(node)
        node.name = self.names.get(node.name, node.name) if node.name else None
        return node


def _is_called_by_name(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether Tornado gives the arguments by their names."""
    return node.name == "initialize"


def lines(findings: list[tuple[str, int, str]]) -> list[tuple[str, int]]:
    """Rules and lines of findings."""
    return [(rule, line) for rule, line, _ in findings]


@pytest.mark.parametrize("name", PAIRS)
def test_local_names_change_no_finding(name: str, tmp_path: Path) -> None:
    """Only the flow of values counts: each local name is replaced by random letters."""
    for side, text in (("guarded", guarded(PAIRS[name])), ("broken", broken(PAIRS[name]))):
        tree = ast.parse(text)
        plain = ast.unparse(tree)
        renamed = ast.unparse(Renamed().visit(tree))
        assert renamed != plain
        before = lines(found(tmp_path / side, plain))
        assert lines(found(tmp_path / f"{side} renamed", renamed)) == before


def test_the_message_names_the_sibling_that_checks(tmp_path: Path) -> None:
    """The reader sees the condition, its line, and what it guards there."""
    ((_, _, message),) = found(tmp_path, broken(PAIRS["sibling asks for a role"]))
    assert message == (
        "`on_message` of Door lets each client change what it names in `store.rooms`: it does not check "
        "`self.role != 'admin'`, as line 23 does before `store.rooms.delete`."
    )


def test_a_guarded_endpoint_is_called_guarded_by_its_condition(door: Make) -> None:
    """Each effect on what the message names stands behind the condition."""
    body = """
class Door(WebSocketHandler):
    def get_current_user(self):
        return self.get_secure_cookie("user")
    @authenticated
    def get(self, *args):
        return super().get(*args)
    def on_message(self, message):
        data = json.loads(message)
        document = db.documents[data["id"]]
        if document.owner != self.current_user:
            return
        document.text = data["text"]
"""
    endpoint = door(body)
    assert distinctions_of(endpoint).all_guarded
    verdict = verdicts(endpoint, [])[Check.AUTHORIZATION]
    assert verdict.state == "guarded"
    assert "document.owner" in verdict.evidence


def test_an_effect_that_is_open_is_not_called_guarded(door: Make) -> None:
    """Where one effect has a condition and another has none, nothing is called guarded."""
    body = """
class Door(WebSocketHandler):
    def get_current_user(self):
        return self.get_secure_cookie("user")
    @authenticated
    def get(self, *args):
        return super().get(*args)
    def on_message(self, message):
        data = json.loads(message)
        if db.may_read(self.current_user, data["room"]):
            self.write_message(db.lines[data["room"]])
        db.topics[data["room"]].name = data["name"]
"""
    assert verdicts(door(body), [])[Check.AUTHORIZATION].state == "unknown"


def test_a_check_of_identity_is_no_answer_about_permission(door: Make) -> None:
    """An endpoint that lets each client in is not called guarded by what it asks afterwards."""
    body = """
class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        if data["token"] == os.environ["TOKEN"]:
            room.note(data)
        db.save(data)
"""
    assert verdicts(door(body), [])[Check.AUTHORIZATION].state == "unknown"
