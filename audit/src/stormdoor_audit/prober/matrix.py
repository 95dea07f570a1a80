"""The authorization matrix: each action of a recorded conversation, by every identity and without one.

The rightful identity goes first; what it is always delivered, and not without the action, is what the others
are compared with. All of them go twice, the rightful one between; and once more with a control, which is the
same message as another action, or about an object that does not exist.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from stormdoor_audit.prober.budget import BudgetSpent
from stormdoor_audit.prober.conversation import Client
from stormdoor_audit.prober.delivered import shapes, text_of
from stormdoor_audit.prober.evidence import Heard, Reference, compare, leaves, values
from stormdoor_audit.prober.identity import Identity
from stormdoor_audit.prober.links import Link, links_of
from stormdoor_audit.prober.member import Meant, Member, Policy, exchanged
from stormdoor_audit.prober.peer_json import read_json
from stormdoor_audit.prober.play import Line, play
from stormdoor_audit.prober.recording import Action, tag
from stormdoor_audit.report.access import AccessCell, AccessMatrix, AccessRow, AccessState

__all__ = ["NOWHERE", "other_id", "take_matrix", "without_meaning"]

NOWHERE = "stormdoor-probe-nothing"
_Round = dict[int, Heard]


@dataclass(frozen=True, slots=True)
class _Row:
    """One message to try.

    Args:
        action: Which one.
        message: With the ids that it is about.
        rightful: Index of the member that owns the object; else of one that may do it, or the owner.
        id: The id in it that was declared to be theirs alone; "" where there is none.
        sent: Whether it may be sent.
    """

    action: Action
    message: str
    rightful: int
    id: str
    sent: bool


def other_id(id: str) -> str:
    """An id of the same form that does not exist; another one each time, since a write may make it exist."""
    letters = "0123456789abcdef" if re.fullmatch(r"[0-9a-fA-F-]{8,}", id) else ""

    def turn(found: re.Match[str]) -> str:
        one = found[0]
        if letters:
            return secrets.choice(letters)
        if one.isdigit():
            return secrets.choice("123456789")
        return secrets.choice("bdfghjklmnpqrstvwxz" if one.islower() else "BDFGHJKLMNPQRSTVWXZ")

    # Short ids would be hit by chance.
    made = re.sub(r"[0-9A-Za-z]", turn, id)
    return made + re.sub(r"[0-9A-Za-z]", turn, id[-1:] * 6) if len(id) < 6 else made


def without_meaning(message: str) -> str:
    """The same message as an action that does not exist."""
    found = read_json(message)
    name, said = tag(found)
    if isinstance(found, dict) and name:
        return json.dumps({**found, name: f"{NOWHERE}-{said}"[:60]})
    if isinstance(found, dict):
        return json.dumps({f"{NOWHERE}-{key}": value for key, value in found.items()})
    if isinstance(found, list) and said:
        return json.dumps([NOWHERE, *found[1:]])
    return NOWHERE


def _control(row: _Row) -> str:
    return (
        exchanged(row.message, row.id, other_id(row.id)) if row.id else without_meaning(row.message)
    )


@dataclass(slots=True)
class _Maker:
    client: Client
    members: Sequence[Member]
    origin: str
    policy: Policy
    rows: list[_Row] = field(default_factory=list)
    rounds: list[list[_Round]] = field(default_factory=list)
    controls: dict[int, _Round] = field(default_factory=dict)
    links: dict[int, tuple[Link, ...]] = field(default_factory=dict)
    spent: bool = False

    def fill(self, actions: Sequence[Action], *, active: bool) -> None:
        """The rows: the recorded messages, and the same ones about the objects of the others."""
        owner = self.members[0]
        declared = {id for one in self.members for _, id in (*one.ids, *one.guessed)}
        self.links = links_of(actions, declared)
        more: list[_Row] = []
        for one in actions:
            rule = self.policy.rule(one.name)
            action = replace(one, reads=one.reads or rule.reads)
            sent = action.reads or active
            id = "" if rule.shared else owner.owns(action.message)
            rightful = 0 if id else self._permitted(action)
            self.rows.append(_Row(action, action.message, rightful, id, sent))
            if not id:
                continue
            kind = owner.kind(id)
            for number, member in enumerate(self.members[1:], start=1):
                theirs = member.first(kind)
                if theirs and theirs != id:
                    message = exchanged(action.message, id, theirs)
                    more.append(_Row(action, message, number, theirs, sent))
        self.rows += more

    def _permitted(self, action: Action) -> int:
        """The owner; or the first who may do it, where it was declared that the owner may not."""
        meant = [self.policy.meant(action.name, one.name, one.allow) for one in self.members]
        return meant.index("allowed") if meant[0] == "refused" and "allowed" in meant else 0

    async def _go(self, who: Identity, wanted: Sequence[int], *, control: bool = False) -> _Round:
        lines = []
        for number in wanted:
            row = self.rows[number]
            seen = [one[row.rightful][number] for one in self.rounds if number in one[row.rightful]]
            # What was recorded is what the first one waits for.
            enough = shapes(row.action.answers) if not seen and not row.id else frozenset()
            if seen:
                enough = frozenset.intersection(*(one.shapes for one in seen))
            message = _control(row) if control else row.message
            links = tuple(
                (link, wanted.index(link.source))
                for link in self.links.get(number, ())
                if link.source in wanted and (who is self.members[0].identity or self._moves(link))
            )
            waits = frozenset() if control else enough
            lines.append(Line(message, row.action.reads, waits, links))
        heard = await play(self.client, who, self.origin, lines)
        return dict(zip(wanted, heard, strict=True))

    def _moves(self, link: Link) -> bool:
        """Return True if the value is another each time, and is no object that others could ask for."""
        heard = [one[0].get(link.source) for one in self.rounds]
        return any(one is not None and link.now(one.messages) != link.value for one in heard)

    async def take(self) -> None:
        """Replay it: twice as each, the owner first; then the controls."""
        wanted = [number for number, row in enumerate(self.rows) if row.sent]
        if not wanted:
            return
        for _ in range(2):
            # Filled while it goes on: what the rightful one got is what the next ones wait for.
            self.rounds.append([{} for _ in self.members])
            for at, member in enumerate(self.members):
                self.rounds[-1][at] = await self._go(member.identity, wanted)
        for at, member in enumerate(self.members):
            doubtful = [
                number for number in wanted if any(one[at][number].shapes for one in self.rounds)
            ]
            if doubtful:
                self.controls[at] = await self._go(member.identity, doubtful, control=True)

    def _reference(self, number: int) -> Reference | str:
        """Return the answers of the rightful identity; or the reason why there are none."""
        row = self.rows[number]
        seen = [one[row.rightful][number] for one in self.rounds if number in one[row.rightful]]
        name = self.members[row.rightful].name
        if len(seen) < 2:
            return "the budget was spent before it was tried twice"
        if unsent := next((one for one in seen if not one.sent), None):
            return f"{name} was not heard: {unsent.why}"
        control = self.controls.get(row.rightful, {}).get(number)
        noise = control.shapes if control is not None and not row.id else frozenset()
        reference = Reference.of(seen, noise)
        if not reference.shapes:
            if all(one.refusal for one in seen):
                return f"{name} is refused, too"
            if noise:
                return f"{name} is delivered the same for an action that does not exist"
            return f"nothing is delivered to {name} that would tell"
        return reference

    def _state(self, number: int, at: int, reference: Reference) -> tuple[AccessState, str]:
        row = self.rows[number]
        found = [compare(reference, one[at][number]) for one in self.rounds if number in one[at]]
        if len(found) < 2:
            return "unknown", "the budget was spent before it was tried twice"
        if found[0][0] != found[1][0]:
            if at != row.rightful and {"refused", "silent"} == {one[0] for one in found}:
                return "silent", "it was refused once, and once nothing was delivered"
            return "unknown", f"once it was {found[0][0]}, and once {found[1][0]}"
        state, why = found[1]
        if state != "allowed" or at == row.rightful:
            return state, why
        control = self.controls.get(at, {}).get(number)
        if control is None or control.unsure:
            return "unknown", "the control could not be told"
        if not row.id:
            if reference.shapes & control.shapes:
                return "unknown", "an action that does not exist is answered like it"
            return state, why
        return self._of_object(row, at, number, reference, control)

    def _of_object(
        self, row: _Row, at: int, number: int, reference: Reference, control: Heard
    ) -> tuple[AccessState, str]:
        """Return True if it is the object of another: by what only its answers hold."""
        rightful = self.members[row.rightful].name
        asked = {str(value) for _, value in leaves(row.message)}
        own = values(control.messages, reference.shapes)
        for other in range(len(self.rows)):
            if self.rows[other].action == row.action and self.rows[other].rightful == at:
                for one in self.rounds:
                    if other in one[at]:
                        own |= values(one[at][other].messages, reference.shapes)
        distinct = reference.values - own - asked
        got = [values(one[at][number].messages, reference.shapes) for one in self.rounds]
        if distinct and all(distinct <= one for one in got):
            return "allowed", f"it is delivered what stands in the object of {rightful}"
        if distinct:
            return "unknown", f"it is answered, and not with the object of {rightful}"
        if not reference.shapes & control.shapes:
            return "allowed", "it is answered as the rightful identity is, other objects are not"
        return "unknown", "an object that does not exist is answered like it"

    def _private(self, heard: Heard, at: int) -> str:
        """Return the owner of the private text that was delivered, or ""."""
        texts = [text_of(one) for one in heard.messages]
        return next(
            (
                member.name
                for other, member in enumerate(self.members)
                if other != at
                for one in member.private
                if any(one in text for text in texts)
            ),
            "",
        )

    def _cell(self, number: int, at: int, reference: Reference | str) -> AccessCell:
        row, member = self.rows[number], self.members[at]
        meant: Meant = self.policy.meant(row.action.name, member.name, member.allow)
        foreign = at != row.rightful and not member.all_objects and not member.owns(row.message)
        declared = {one for _, one in self.members[row.rightful].ids}
        if row.id in declared and foreign:
            meant = "refused"
        elif row.id and foreign and meant == "allowed":
            meant = ""
        if not row.sent:
            why = "it was not declared to be a read: name it with --safe, or give --active"
            return AccessCell(member.name, "not-tried", why, meant)
        rounds = [one[at][number] for one in self.rounds if number in one[at]]
        script = rounds[-1].transcript if rounds else ()
        whose = {self._private(one, at) for one in rounds}
        if len(rounds) == 2 and len(whose) == 1 and "" not in whose:
            why = f"it is delivered a text that only {next(iter(whose))} may read"
            return AccessCell(member.name, "allowed", why, "refused", script)
        if isinstance(reference, str):
            # That it is refused or silent is seen without a comparison.
            plain = {compare(_NOTHING, one) for one in rounds}
            state, why = next(iter(plain)) if len(plain) == 1 else ("unknown", reference)
            if state != "refused":
                state, why = "unknown", reference
            return AccessCell(member.name, state, why, meant, script)
        state, why = self._state(number, at, reference)
        return AccessCell(member.name, state, why, meant, script)

    def matrix(self) -> AccessMatrix:
        """Return the matrix."""
        rows = []
        for number, row in enumerate(self.rows):
            reference = self._reference(number) if row.sent else ""
            cells = tuple(self._cell(number, at, reference) for at in range(len(self.members)))
            whose = self.members[row.rightful].name if row.id else ""
            rows.append(AccessRow(row.action.name, whose, row.action.reads, cells))
        return AccessMatrix(tuple(one.name for one in self.members), tuple(rows))


_NOTHING = Reference(frozenset(), frozenset(), frozenset(), frozenset(), words=False)


async def take_matrix(
    client: Client,
    members: Sequence[Member],
    origin: str,
    actions: Sequence[Action],
    policy: Policy,
    *,
    active: bool,
) -> AccessMatrix:
    """Try each action as each of them.

    Args:
        client: Connects, within its budget.
        members: The owner first, the one without a credential last.
        origin: Of the endpoint's own pages.
        actions: The recorded conversation.
        policy: What was declared about them.
        active: Whether more than reads may be sent.
    """
    maker = _Maker(client, members, origin, policy)
    maker.fill(actions, active=active)
    try:
        await maker.take()
    except BudgetSpent:
        maker.spent = True
    return maker.matrix()
