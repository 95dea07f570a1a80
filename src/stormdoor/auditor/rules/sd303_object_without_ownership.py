"""An object is fetched by an id from the message, whoever owns it.

What:
    A message carries an id, the object is looked up by it and used, and neither the lookup nor a test
    names the user.

Why:
    The attacker counts the ids up.

Example:
    class Orders(WebSocketHandler):
        def on_message(self, message):
            order = db.get_order(json.loads(message)["order_id"])
            order.cancel()

Instead:
    class Orders(WebSocketHandler):
        def on_message(self, message):
            order = db.get_order(json.loads(message)["order_id"])
            if order.owner != self.current_user:
                return
            order.cancel()

Fix:
    Look it up among the user's own, or compare its owner with `self.current_user`.
"""

import ast
from collections.abc import Iterator

from stormdoor.auditor.facts.places import last_name, scopes_of
from stormdoor.auditor.interpreter.events import Event
from stormdoor.auditor.judging.authorization import chosen_objects, names_an_id
from stormdoor.auditor.judging.endpoint import Endpoint
from stormdoor.auditor.judging.questions import asks_permission
from stormdoor.auditor.judging.shared import kept_by_a_secret
from stormdoor.auditor.naming.lexicon import is_predicate
from stormdoor.auditor.reading.project import External
from stormdoor.auditor.rule import Found, rule
from stormdoor.report.finding import Check, Confidence, Level

__all__ = ["RULE"]


def _check(endpoint: Endpoint) -> Iterator[Found]:
    if asks_permission(endpoint) or _has_authorizer(endpoint):
        return
    seen: set[int] = set()
    used = [
        event
        for event in chosen_objects(endpoint)
        if names_an_id(event)
        and not (_only_answers(event) or _is_file(event) or _tells_whether(event))
    ]
    kept = kept_by_a_secret(endpoint, used) if used else []
    for event in used:
        if id(event.node) not in seen and event not in kept:
            seen.add(id(event.node))
            yield Found(
                event.module,
                event.node,
                f"{endpoint.info.name} uses the object of this id, whoever owns it.",
                steps=endpoint.steps(event),
            )


def _has_authorizer(endpoint: Endpoint) -> bool:
    """Whether a base has something to ask for all that there is, as where the server is one user's own.

    That it is not asked SD301 says; the objects have no owners besides.
    """
    knowledge = endpoint.hierarchy.knowledge
    return any(
        isinstance(one, External)
        and (known := knowledge.about(one.name)) is not None
        and bool(known.authorizer)
        for one in endpoint.info.mro
    )


def _tells_whether(event: Event) -> bool:
    """Whether it is only found out if there is such a thing: `def has_transactions(self, ids)`."""
    return any(is_predicate(name) for _, _, name in event.stack)


def _is_file(event: Event) -> bool:
    """Whether the id is a part of the path of a file: SD507 speaks of that, and nobody owns a file."""
    return event.text == "open" or event.text.startswith(_OF_FILES)


_OF_FILES = ("PIL.Image.", "io.", "os.", "pathlib.", "shutil.", "tarfile.", "zipfile.")


def _only_answers(event: Event) -> bool:
    """Whether the id goes into an object that answers the client under it.

    `results.subscribe(Observer(op_id, self.send))`: it is the client's own number for what it asked for.
    """
    node = event.node
    if not isinstance(node, ast.Call) or not node.args or node.keywords:
        return False
    if _is_of_an_exception(event, node):
        return True
    return all(
        isinstance(one, ast.Call)
        and last_name(one.func)[:1].isupper()
        and any(
            isinstance(given, ast.Attribute)
            and isinstance(given.value, ast.Name)
            and given.value.id == "self"
            for given in one.args
        )
        for one in node.args
    )


def _is_of_an_exception(event: Event, node: ast.Call) -> bool:
    """`error.answer_to(request["id"])`: what was caught says what went wrong, and looks nothing up."""
    match node.func:
        case ast.Attribute(value=ast.Name(id=name)):
            return any(
                isinstance(handler, ast.ExceptHandler)
                and handler.name == name
                and any(inner is node for inner in ast.walk(handler))
                for around in scopes_of(event.module, node)[-1:]
                for handler in ast.walk(around)
            )
        case _:
            return False


RULE = rule(
    __doc__,
    id="SD303",
    slug="object-without-ownership",
    level=Level.ERROR,
    confidence=Confidence.LOW,
    group="object authorization",
    cwe=(639,),
    asvs=("8.2.2",),
    threat="privilege-escalation",
    check=Check.AUTHORIZATION,
    on_endpoint=_check,
)
