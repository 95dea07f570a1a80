"""The same question in many spellings: what is a check, what only looks like one, and when it comes."""

import ast
import copy
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from audit_tests.auditor.sampling import chosen, merged
from audit_tests.auditor.sources import HEAD, scene_of
from audit_tests.auditor.variants import (
    acting,
    actions,
    afterwards,
    aimed,
    answered,
    as_shipped,
    asked_later,
    authentication,
    authorization,
    barred,
    beside,
    classes,
    configuration,
    deeds,
    doors,
    entering,
    everyday,
    farther,
    gates,
    handed_out,
    hostile_actions,
    hostile_checks,
    hostile_origins,
    kept_for,
    kept_under,
    kin,
    late,
    left_empty,
    listed,
    looked_up,
    made_here,
    marked,
    mechanisms,
    messages,
    modern,
    named_alike,
    no_guard,
    no_proof,
    no_switch,
    nobody,
    only_one,
    optional,
    origin,
    origin_forms,
    personas,
    picked,
    products,
    programs,
    protocols,
    provided,
    proving,
    put_there,
    rights,
    settings,
    shipped,
    shown,
    structures,
    switched,
    switches,
    taken,
    templates,
    turned_on,
    unseen,
    which_one,
)
from stormdoor_audit.auditor.judging.endpoint import Endpoint
from stormdoor_audit.auditor.rules import RULES

VERDICTS = {
    "missing": "missing",
    "swallowed": "missing",
    "ignored": "missing",
    "after-accept": "late",
    "frames-pass": "late",
    "skippable": "late",
    "optional": "optional",
    "guarded": "guarded",
    "presumed": "guarded",
    "unread": "unknown",
    "incomplete": "unknown",
    "unreachable": "unknown",
}
PERMISSION = {"SD301", "SD302", "SD303", "SD304"}

Case = tuple[str, str, dict[str, str]]
Mutation = Callable[[ast.Module], ast.Module]


def endpoint_of(folder: Path, text: str, files: dict[str, str]) -> Endpoint:
    """Return the endpoint of the class Door, or its replacement."""
    scene = scene_of(folder, {"app.py": text, **files})
    return next(one for one in scene.endpoints if one.info.name.startswith(("Door", "Open")))


def said(endpoint: Endpoint) -> str:
    """The verdict on its authentication, in the words of the table."""
    return VERDICTS[endpoint.authentication.kind]


def cases(table: dict[str, Case]) -> list[object]:
    """The rows of a table as parameters."""
    return [pytest.param(case, id=name) for name, case in table.items()]


OF_LOGINS = (
    authentication.CASES,
    afterwards.CASES,
    answered.CASES,
    aimed.CASES,
    as_shipped.CASES,
    asked_later.CASES,
    barred.CASES,
    classes.CASES,
    configuration.CASES,
    doors.CASES,
    entering.CASES,
    everyday.CASES,
    farther.CASES,
    handed_out.CASES,
    gates.CASES,
    late.CASES,
    left_empty.CASES,
    listed.CASES,
    looked_up.CASES,
    made_here.CASES,
    marked.CASES,
    messages.CASES,
    modern.CASES,
    named_alike.CASES,
    no_guard.CASES,
    no_proof.CASES,
    no_switch.CASES,
    nobody.CASES,
    only_one.CASES,
    optional.CASES,
    products.CASES,
    protocols.CASES,
    proving.CASES,
    put_there.CASES,
    provided.CASES,
    settings.CASES,
    shipped.CASES,
    shown.CASES,
    structures.CASES,
    switched.CASES,
    switches.CASES,
    turned_on.CASES,
    unseen.CASES,
    which_one.CASES,
)
ALL = merged(*OF_LOGINS)


@pytest.mark.parametrize("case", cases(chosen(*OF_LOGINS)))
def test_authentication(case: Case, tmp_path: Path) -> None:
    """A check counts where this client does not get past it, and when it is asked."""
    wanted, body, files = case
    assert said(endpoint_of(tmp_path, HEAD + body, files)) in wanted.split("|")


@pytest.mark.parametrize("name", chosen(hostile_checks.CHECKS))
def test_what_only_looks_like_a_check(name: str, tmp_path: Path) -> None:
    """What every client can show, or pass without showing it, proves nothing."""
    wanted, check, before = hostile_checks.CHECKS[name]
    body = hostile_checks.FRAME.format(
        before=before, check=textwrap.indent(textwrap.dedent(check), " " * 8)
    )
    assert said(endpoint_of(tmp_path, HEAD + body, {})) in wanted.split("|")


@pytest.mark.parametrize("case", cases(chosen(hostile_checks.SHAPES)))
def test_a_check_of_what_nobody_has_proven(case: Case, tmp_path: Path) -> None:
    """What a message says about its sender is noted, and is no proof when it is looked at later."""
    wanted, body, files = case
    assert said(endpoint_of(tmp_path, HEAD + body, files)) in wanted.split("|")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("frames fail on what is not there", "after-accept"),
        ("frames reach what another object put there", "frames-pass"),
        ("only the login is picked by who is nobody", "after-accept"),
        ("only the login is picked, of another json", "after-accept"),
        ("another than the login is picked by who is nobody", "skippable"),
    ],
)
def test_whether_frames_have_an_effect(name: str, kind: str, tmp_path: Path) -> None:
    """A frame that only makes on_message() fail is no way around the close() in open()."""
    _, body, files = classes.CASES[name]
    assert endpoint_of(tmp_path, HEAD + body, files).authentication.kind == kind


@pytest.mark.parametrize("name", marked.KINDS)
def test_an_action_that_is_found_by_its_mark(name: str, tmp_path: Path) -> None:
    """Each marked action counts by itself, and unmarked code counts for no client."""
    _, body, files = marked.CASES[name]
    assert endpoint_of(tmp_path, HEAD + body, files).authentication.kind == marked.KINDS[name]


@pytest.mark.parametrize(
    "case",
    cases(
        chosen(
            origin.CASES,
            unseen.ORIGINS,
            afterwards.ORIGINS,
            proving.ORIGINS,
            templates.ORIGINS,
        )
    ),
)
def test_origin(case: Case, tmp_path: Path) -> None:
    """The verdict on a foreign page does not depend on the form of the answer."""
    wanted, body, files = case
    assert endpoint_of(tmp_path, HEAD + body, files).origins.kind in wanted.split("|")


TABLES_OF_CHECKS = (hostile_origins.CHECKS, origin_forms.FORMS)
CHECKS = merged(*TABLES_OF_CHECKS)


@pytest.mark.parametrize("name", chosen(*TABLES_OF_CHECKS))
def test_an_origin_that_looks_like_an_allowed_one(name: str, tmp_path: Path) -> None:
    """A comparison counts for what an attacker can have, and not for what it is meant for."""
    wanted, check, before = CHECKS[name]
    body = hostile_origins.FRAME.format(
        before=before, check=textwrap.indent(textwrap.dedent(check), " " * 8)
    )
    assert endpoint_of(tmp_path, HEAD + body, {}).origins.kind in wanted.split("|")


@pytest.mark.parametrize("case", cases(chosen(hostile_origins.SHAPES, origin_forms.SHAPES)))
def test_where_an_origin_check_comes_from(case: Case, tmp_path: Path) -> None:
    """The effective origin check counts, regardless of the place that adds or removes it."""
    wanted, body, files = case
    assert endpoint_of(tmp_path, HEAD + body, files).origins.kind in wanted.split("|")


@pytest.mark.parametrize(
    "case", cases(chosen(authorization.CASES, proving.PERMISSIONS, picked.FILES))
)
def test_authorization(case: Case, tmp_path: Path) -> None:
    """Each thing that a client can choose needs a question before it is used."""
    wanted, body, files = case
    assert permission(endpoint_of(tmp_path, HEAD + body, files)) == wanted


TABLES_OF_MEMBERS = (
    actions.CASES,
    acting.MEMBERS,
    kept_for.MEMBERS,
    kin.MEMBERS,
    hostile_actions.CASES,
    deeds.MEMBERS,
    picked.MEMBERS,
    personas.MEMBERS,
    programs.MEMBERS,
    rights.MEMBERS,
    taken.MEMBERS,
)
OF_MEMBERS = merged(*TABLES_OF_MEMBERS)


@pytest.mark.parametrize("name", chosen(*TABLES_OF_MEMBERS))
def test_what_is_done_for_a_message(name: str, tmp_path: Path) -> None:
    """A question counts where its answer can keep the deed from being done."""
    wanted, body = OF_MEMBERS[name]
    assert permission(endpoint_of(tmp_path, HEAD + actions.BASE + body, {})) == wanted


TABLES_OF_ANYBODY = (
    acting.ANYBODY,
    aimed.ANYBODY,
    beside.ANYBODY,
    beside.LATE,
    kept_for.ANYBODY,
    kept_under.ANYBODY,
    deeds.ANYBODY,
    deeds.LATE,
    picked.ANYBODY,
    personas.ANYBODY,
    programs.ANYBODY,
    rights.ANYBODY,
    taken.ANYBODY,
)
OF_ANYBODY = merged(*TABLES_OF_ANYBODY)


@pytest.mark.parametrize("name", chosen(*TABLES_OF_ANYBODY))
def test_what_is_done_for_a_message_of_anybody(name: str, tmp_path: Path) -> None:
    """Without known identities, an action on another client's object needs a permission."""
    wanted, body = OF_ANYBODY[name]
    assert permission(endpoint_of(tmp_path, HEAD + body, {})) == wanted


@pytest.mark.parametrize("name", chosen(rights.PROGRAMS))
def test_what_a_whole_program_asks_for(name: str, tmp_path: Path) -> None:
    """Where a program knows no users, what is only heard is for all."""
    wanted, text = rights.PROGRAMS[name]
    assert permission(endpoint_of(tmp_path, text, {})) == wanted


OF_FILES = merged(rights.FILES, mechanisms.FILES, beside.FILES)


@pytest.mark.parametrize("name", chosen(rights.FILES, mechanisms.FILES, beside.FILES))
def test_what_is_done_in_another_file(name: str, tmp_path: Path) -> None:
    """What a message has done is done at the other end of a queue, of a table, of an event."""
    wanted, files = OF_FILES[name]
    (endpoint,) = scene_of(tmp_path, files).endpoints
    assert permission(endpoint) == wanted


def permission(endpoint: Endpoint) -> str:
    """What the rules about permission say of it."""
    found = [
        one
        for rule in RULES
        if rule.meta.id in PERMISSION and rule.on_endpoint is not None
        for one in rule.on_endpoint(endpoint)
    ]
    return "missing" if found else "ok"


def asynchronous(tree: ast.Module) -> ast.Module:
    """`prepare` and `get` of every handler are coroutines."""

    class Turned(ast.NodeTransformer):
        def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
            self.generic_visit(node)
            if node.name not in {"prepare", "get"} or node.decorator_list or not node.args.args:
                return node
            for inner in ast.walk(node):
                if (
                    isinstance(inner, ast.FunctionDef | ast.Yield | ast.YieldFrom)
                    and inner is not node
                ):
                    return node
            turned = ast.AsyncFunctionDef(**{name: getattr(node, name) for name in node._fields})
            return ast.copy_location(turned, node)

        def visit_Call(self, node: ast.Call) -> ast.AST:
            self.generic_visit(node)
            function = node.func
            if (
                isinstance(function, ast.Attribute)
                and function.attr in {"prepare", "get"}
                and isinstance(function.value, ast.Call)
                and isinstance(function.value.func, ast.Name)
                and function.value.func.id == "super"
            ):
                return ast.Await(node)
            return node

    changed = Turned().visit(copy.deepcopy(tree))
    try:
        compile(ast.unparse(ast.fix_missing_locations(changed)), "app.py", "exec")
    except SyntaxError:
        return tree  # an `await` would stand in a plain function
    assert isinstance(changed, ast.Module)
    return changed


def under_another_name(tree: ast.Module) -> ast.Module:
    """The class is used through an alias, and its bases are, too."""
    body: list[ast.stmt] = []
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == "Door":
            for at, base in enumerate(node.bases):
                if isinstance(base, ast.Name):
                    alias = ast.Name(f"_Base{at}", ast.Store())
                    body.append(ast.Assign([alias], base))
                    node.bases[at] = ast.Name(alias.id, ast.Load())
        body.append(node)
    return ast.Module(body, [])


MUTATIONS: tuple[Mutation, ...] = (asynchronous, under_another_name)
EACH_THIRD = dict(list(authentication.CASES.items())[::3])


@pytest.mark.unmeasured
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda one: one.__name__)
@pytest.mark.parametrize("case", cases(chosen(EACH_THIRD)))
def test_the_verdict_stays_in_another_spelling(
    case: Case, mutation: Mutation, tmp_path: Path
) -> None:
    """Coroutines and aliases change nothing about who is let in."""
    wanted, body, files = case
    tree = ast.parse(HEAD + textwrap.dedent(body))
    text = ast.unparse(ast.fix_missing_locations(mutation(tree)))
    assert said(endpoint_of(tmp_path, text, files)) in wanted.split("|")


MOVED = """
from tornado.web import Application
from moved import Door as Moved
class Door(Moved):
    pass
application = Application([("/moved", Door)])
"""


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    "case",
    cases({name: case for name, case in chosen(EACH_THIRD).items() if "Server" not in case[1]}),
)
def test_the_verdict_stays_in_another_file(case: Case, tmp_path: Path) -> None:
    """A class that derives from one in another module is let into by the same clients."""
    wanted, body, files = case
    if "import app" in "".join(files.values()):
        return
    endpoint = endpoint_of(tmp_path, MOVED, {**files, "moved.py": HEAD + body})
    assert said(endpoint) in wanted.split("|")


TWO_CHECKS = """
class Nobody:
    get_user = None
class Server(Application):
    def __init__(self, *, provider=None):
        self.provider = provider or Nobody()
        super().__init__([("/ws", Door)])
class Door(WebSocketHandler):
    def get_current_user(self):
        if self.application.provider.get_user is not None:
            return self.application.provider.get_user(self)
        return "anybody"
    @authenticated
    def open(self):
        if not sessions.verify(self.get_argument("session", ""), self.settings["key"]):
            self.close()
            return
        clients.add(self)
"""


def test_a_check_that_is_off_is_told_beside_one_that_is_late(tmp_path: Path) -> None:
    """A session token that is asked for too late does not hide that users are not asked for."""
    endpoint = endpoint_of(tmp_path, HEAD + TWO_CHECKS, {})
    assert said(endpoint) == "late"
    assert endpoint.optional_part is not None
    assert endpoint.optional_part.setting is not None
    assert endpoint.optional_part.setting.name == "provider"


ASKS_ANYWAY = """
TOKENS = {"s3cret-token"}
def known(token):
    return token in TOKENS
class Server(Application):
    def __init__(self, *, authorise=known):
        self.authorise = authorise
        super().__init__([("/ws", Door)])
class Door(WebSocketHandler):
    def open(self):
        if not self.application.authorise(self.get_argument("token", "")):
            self.close()
            return
        clients.add(self)
"""


def test_a_hook_whose_default_asks_is_not_optional(tmp_path: Path) -> None:
    """Another may be given in its place, but as shipped it asks, if late."""
    endpoint = endpoint_of(tmp_path, HEAD + ASKS_ANYWAY, {})
    assert said(endpoint) == "late"
    assert endpoint.optional_part is None


ANOTHER_WAY_IN = """
TOKEN = None
class Door(WebSocketHandler):
    def find(self):
        who = self.get_secure_cookie("who")
        if who:
            return who
        if TOKEN and hmac.compare_digest(self.get_argument("token", ""), TOKEN):
            return "token"
        return None
    def open(self):
        if not self.find():
            self.close()
            return
        clients.add(self)
"""


def test_another_way_in_is_not_optional(tmp_path: Path) -> None:
    """A missing cookie with an alternative token admits no unauthenticated client."""
    endpoint = endpoint_of(tmp_path, HEAD + ANOTHER_WAY_IN, {})
    assert said(endpoint) == "late"
    assert endpoint.optional_part is None
