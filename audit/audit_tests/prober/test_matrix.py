"""The authorization matrix: who may do what, judged by what is delivered to each."""

import json
from typing import Any

import pytest
from tornado.web import HTTPError
from tornado.websocket import WebSocketHandler

from audit_tests.prober.servers import ALICE, BOB, SESSIONS, serving, slugs
from stormdoor_audit.prober.engine import Plan, run
from stormdoor_audit.prober.member import ActionRule, Member, Policy
from stormdoor_audit.prober.recording import Action, Recording, name_of
from stormdoor_audit.report.access import AccessMatrix
from stormdoor_audit.report.finding import Report

pytestmark = pytest.mark.sampled(5)

DOCUMENTS = {"4711": ("alice", "the plan of alice"), "4712": ("bob", "the diary of bob")}


class Documents(WebSocketHandler):
    """Reads, lists and (for alice) counts documents; subclasses forget a check, or make it otherwise."""

    name = ""

    def prepare(self) -> None:
        self.name = SESSIONS.get(str(self.get_cookie("session")), "")
        if not self.name:
            raise HTTPError(401)

    def may(self, action: str, owner: str) -> bool:
        """Return whether the action is allowed."""
        return self.name == (owner or self.name) and (action != "count" or self.name == "alice")

    def refuse(self, body: dict[str, Any]) -> None:
        """Send a refusal."""
        self.write_message({"type": "error", "error": "forbidden"})

    def on_message(self, message: str | bytes) -> None:
        body = json.loads(message)
        owner, text = DOCUMENTS.get(str(body.get("doc", "")), ("", ""))
        kind = body.get("type")
        if kind not in {"read", "list", "count"} or (kind == "read" and not owner):
            self.write_message({"type": "error", "error": "unknown"})
        elif not self.may(kind, owner):
            self.refuse(body)
        elif kind == "read":
            self.write_message({"type": "document", "status": "ok", "text": text})
        elif kind == "list":
            mine = [one for one, (who, _) in DOCUMENTS.items() if who == self.name]
            self.write_message({"type": "documents", "of": self.name, "docs": mine})
        else:
            self.write_message({"type": "counted", "number": len(DOCUMENTS)})


class AnyDocument(Documents):
    def may(self, action: str, owner: str) -> bool:
        return action != "count" or self.name == "alice"


class AnyAction(Documents):
    def may(self, action: str, owner: str) -> bool:
        return self.name == (owner or self.name)


class OpenToAll(Documents):
    def prepare(self) -> None:
        self.name = SESSIONS.get(str(self.get_cookie("session")), "")

    def may(self, action: str, owner: str) -> bool:
        return True


class Closes(Documents):
    def refuse(self, body: dict[str, Any]) -> None:
        self.close(1008)


class Silent(Documents):
    def refuse(self, body: dict[str, Any]) -> None:
        """Nothing is said."""


class Empties(Documents):
    """A refusal that has the shape of an answer."""

    def refuse(self, body: dict[str, Any]) -> None:
        empty = {"read": {"type": "document", "status": "ok", "text": None}}
        self.write_message(empty.get(body["type"], {"type": "counted", "number": None}))


class SaysDenied(Documents):
    def refuse(self, body: dict[str, Any]) -> None:
        empty = {"read": {"type": "document", "status": "no", "text": "it is not yours"}}
        self.write_message(empty.get(body["type"], {"type": "counted", "number": False}))


class SaysNein(Documents):
    """A refusal in the shape of an answer, in the words of another language."""

    def refuse(self, body: dict[str, Any]) -> None:
        if body["type"] == "read":
            self.write_message({"type": "document", "status": "ok", "text": "Zugriff verweigert"})
        else:
            self.write_message({"type": "counted", "number": "nicht erlaubt"})


class OwnInstead(Documents):
    """Handler that reads the client's own document for every requested id."""

    def refuse(self, body: dict[str, Any]) -> None:
        text = next(text for who, text in DOCUMENTS.values() if who == self.name)
        if body["type"] == "read":
            self.write_message({"type": "document", "status": "ok", "text": text})
        else:
            super().refuse(body)


class Chatters(Documents):
    """Feed that sends a message like an answer to every client before each answer."""

    def on_message(self, message: str | bytes) -> None:
        self.write_message({"type": "document", "status": "ok", "text": "news for all"})
        super().on_message(message)


ACTIONS = tuple(
    Action(name_of(one), one, reads=True)
    for one in ('{"type":"list"}', '{"type":"read","doc":"4711"}', '{"type":"count"}')
)
POLICY = Policy({"count": ActionRule(allow=("alice",))})
OWN = Member(ALICE, ids=(("doc", "4711"),))
BOBS = Member(BOB, ids=(("doc", "4712"),))


async def _report(handler: Any, **more: Any) -> Report:
    plan: dict[str, Any] = {
        "owner": ALICE,
        "own": OWN,
        "members": (BOBS,),
        "recordings": (Recording("", ACTIONS, "test"),),
        "policy": POLICY,
        "listen": 0.12,
        "per_second": 1000.0,
        "seconds": 60.0,
    }
    async with serving(handler) as port:
        return await run(Plan(urls=(f"ws://127.0.0.1:{port}/ws",), **{**plan, **more}))


def _states(report: Report) -> dict[str, dict[str, str]]:
    matrix = report.endpoints[0].matrix
    assert isinstance(matrix, AccessMatrix)
    return {row.title: {one.identity: one.state for one in row.cells} for row in matrix.rows}


async def test_matrix_of_a_sound_server() -> None:
    """Each may list, each reads the own document alone, and one of them counts."""
    report = await _report(Documents)
    assert _states(report) == {
        "list": {"alice": "allowed", "bob": "allowed", "nobody": "refused"},
        "read (of alice)": {"alice": "allowed", "bob": "refused", "nobody": "refused"},
        "count": {"alice": "allowed", "bob": "refused", "nobody": "refused"},
        "read (of bob)": {"alice": "refused", "bob": "allowed", "nobody": "refused"},
    }
    assert slugs(report) == set()
    assert report.endpoints[0].verdicts["authorization"].state == "guarded"  # type: ignore[index]


@pytest.mark.parametrize(
    ("handler", "found"),
    [
        (AnyDocument, {"object-of-another"}),
        (AnyAction, {"forbidden-action"}),
        (OpenToAll, {"object-of-another", "forbidden-action"}),
    ],
)
async def test_what_is_forgotten_is_found(handler: Any, found: set[str]) -> None:
    """The prober finds a missing check of object or action, with a transcript."""
    report = await _report(handler)
    assert slugs(report) >= found
    assert slugs(report) - found <= {"rebound-host", "foreign-origin", "no-credential"}
    for one in report.findings:
        assert one.transcript
        assert not any(secret in "\n".join(one.transcript) for secret in SESSIONS)


@pytest.mark.parametrize(
    "handler", [Closes, Silent, Empties, SaysDenied, SaysNein, OwnInstead, Chatters]
)
async def test_no_false_alarm(handler: Any) -> None:
    """The prober does not mistake a refusal of any form for an allowed action."""
    report = await _report(handler)
    assert slugs(report) == set()
    matrix = _states(report)
    assert matrix["read (of alice)"]["bob"] != "allowed"
    assert matrix["count"]["bob"] != "allowed"
    assert matrix["read (of alice)"]["alice"] == "allowed" or handler is Chatters


@pytest.mark.parametrize(("handler", "bob"), [(Documents, "refused"), (AnyAction, "allowed")])
async def test_an_action_that_is_not_the_owners(handler: Any, bob: str) -> None:
    """It is compared with what is delivered to the one who may do it."""
    report = await _report(handler, owner=BOB, own=BOBS, members=(OWN,))
    assert _states(report)["count"] == {"bob": bob, "alice": "allowed", "nobody": "refused"}
    assert ("forbidden-action" in slugs(report)) == (bob == "allowed")


class Channels(Documents):
    """Each connection opens a channel with a name of its own, and reads on it."""

    def on_message(self, message: str | bytes) -> None:
        body = json.loads(message)
        if body["type"] == "open":
            self.channel = f"channel-{id(self)}"
            self.write_message({"type": "opened", "channel": self.channel})
        elif body.get("channel") != getattr(self, "channel", ""):
            self.write_message({"type": "error", "error": "no such channel"})
        elif self.name == "alice":
            self.write_message({"type": "document", "text": "the plan of alice"})
        else:
            self.write_message({"type": "error", "error": "forbidden"})


@pytest.mark.parametrize("recorded", [True, False])
async def test_values_of_the_server(recorded: bool) -> None:
    """A name that the server made is taken from its answer of now; without the recorded one it is unknown."""
    answers = ('{"type":"opened","channel":"channel-1234567"}',) if recorded else ()
    actions = (
        Action("open", '{"type":"open"}', reads=True, answers=answers),
        Action("read", '{"type":"read","channel":"channel-1234567"}', reads=True),
    )
    report = await _report(
        Channels,
        own=Member(ALICE),
        members=(Member(BOB),),
        recordings=(Recording("", actions, "t"),),
    )
    read = _states(report)["read"]
    assert (read["alice"], read["bob"]) == (("allowed" if recorded else "refused"), "refused")


class Address(Documents):
    """Handler that sends the document of the address to its owner."""

    def open(self, *args: str, **kwargs: str) -> None:
        owner, text = DOCUMENTS.get(args[0], ("", ""))
        if not owner or not self.may("read", owner):
            self.close(4403)
        else:
            self.write_message({"type": "document", "text": text})


class AnyAddress(Address):
    """Handler that does not check the owner of the document."""

    def may(self, action: str, owner: str) -> bool:
        return True


class OwnAtAnyAddress(Address):
    """Handler that sends each client its own document at every address."""

    def open(self, *args: str, **kwargs: str) -> None:
        [text] = [text for owner, text in DOCUMENTS.values() if owner == self.name]
        self.write_message({"type": "document", "text": text})


class SameForAll(Address):
    """Says the same at every address."""

    def open(self, *args: str, **kwargs: str) -> None:
        self.write_message({"type": "document", "text": "it is being loaded"})


@pytest.mark.parametrize(
    ("handler", "state"),
    [
        (AnyAddress, "open"),
        (Address, "closed"),
        (OwnAtAnyAddress, "closed"),
        (SameForAll, "not-determined"),
    ],
)
async def test_address_of_another(handler: Any, state: str) -> None:
    """Another principal's id in the address is a finding only if the handler does not check the owner."""
    async with serving(handler, path="/doc/(.*)") as port:
        url = f"ws://127.0.0.1:{port}/doc/4711"
        say = ('{"type":"read","doc":"4711"}',)  # names the object, too, and must not confuse it
        who: dict[str, Any] = {"owner": ALICE, "own": OWN, "members": (BOBS,), "say": say}
        plan = Plan((url,), listen=0.12, per_second=1000.0, **who)
        report = await run(plan)
    [one] = [one for one in report.tried if one.rule_id == "SP413"]
    assert one.outcome == state
    assert slugs(report) == ({"address-of-another"} if state == "open" else set())
