"""Deeds for which a message has to show a secret that is the same for all who may."""

import ast

from stormdoor.auditor.interpreter.events import Event
from stormdoor.auditor.interpreter.values import labels_of
from stormdoor.auditor.judging.endpoint import Endpoint

__all__ = ["kept_by_a_secret"]

_DOES = frozenset({"act", "join", "store"})


def kept_by_a_secret(endpoint: Endpoint, deeds: list[Event]) -> list[Event]:
    """Of these deeds those for each of which the message shows the one secret of the server.

    `if data["token"] != ADMIN_TOKEN: return` says that whoever has it may. What is asked once, for all that
    follows, says who gets in; two secrets are for two kinds of people; and where there are users, each may do
    something else.
    """
    member, anonymous = endpoint.member, endpoint.anonymous
    shown = {_secret_of(one) for one in member.events if one.kind == "shown"}
    if len(shown) != 1 or not anonymous.complete:
        return []
    if any("principal" in one.labels for one in member.events):
        return []
    not_shown = {id(one.node) for one in anonymous.events if one.kind in _DOES}
    for path in member.paths:
        said = False
        for one in path.events:
            said = one.kind == "shown" or (said and one.kind != "message")
            if not said and one.kind in _DOES:
                not_shown.add(id(one.node))
    return [one for one in deeds if id(one.node) not in not_shown]


def _secret_of(event: Event) -> str:
    """What the server compares with, as it is written there."""
    match event.node:
        case ast.Compare(left=left, comparators=[right]) | ast.Call(args=[left, right]):
            held = right if "client" in labels_of(event.values[0]) else left
            return ast.unparse(held)
        case _:
            return event.text
