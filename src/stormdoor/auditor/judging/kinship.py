"""Which objects of a program belong together, so that a question about one is a question about the other."""

from collections.abc import Iterable

from stormdoor.auditor.interpreter.events import Event
from stormdoor.auditor.interpreter.expressions.proofs import mark_at
from stormdoor.auditor.judging.given import chosen_in
from stormdoor.auditor.judging.relevance import is_part, names_an_action, names_object, path_of
from stormdoor.auditor.naming import lexicon

__all__ = ["Kinship"]

_Name = str | tuple[str | int, ...]
"""What an object is known by: the mark of where it was found, or the field of a message that names it."""


class Kinship:
    """Objects that were found by the same name, one in or by the other, or that were compared.

    Args:
        events: What happens to a client that is let in.
    """

    def __init__(self, events: Iterable[Event]) -> None:
        self._families: dict[_Name, set[_Name]] = {}
        seen: set[tuple[int, str]] = set()
        found = {label for one in events for label in _marks(one)}
        for event in events:
            key = (id(event.node), event.kind)
            if key in seen:
                continue
            seen.add(key)
            if event.kind in {"act", "call"} and (mark := mark_at(event.node)) in found:
                self._unite({mark, *_marks(event), *_fields(event)})
            elif event.kind in {"branch", "check"}:
                self._unite(_marks(event))

    def _unite(self, names: set[_Name]) -> None:
        family = names.union(*(self._families.get(one, ()) for one in names))
        for one in family:
            self._families[one] = family

    def meet(self, question: Event, doing: Event) -> bool:
        """Whether what was asked about is what is acted upon, or is kin to it.

        True where that cannot be told: the question is about the user, or about what is done as such.
        """
        about = _marks(question)
        if (
            question.kind == "call"
        ):  # `rooms.find_one({"id": room, "owner": user})` asks about what it finds
            about |= {mark_at(question.node)} & self._families.keys()
        if "client" not in question.labels or not about:
            return True
        asked = self._kin(about | _fields(question))
        words = set(lexicon.words_of(doing.text.rpartition(".")[2]))
        fields = {one for one in _fields(doing) if _names_object(one, words)}
        done = self._kin(_marks(doing) | fields)
        if not done or any(isinstance(one, tuple) and names_an_action(one) for one in asked):
            return True
        if not any(isinstance(one, tuple) for one in asked):
            return True  # nobody knows by what it was found
        return any(_is_same(one, two) for one in asked for two in done)

    def _kin(self, names: set[_Name]) -> set[_Name]:
        return names.union(*(self._families.get(one, ()) for one in names))


def _names_object(one: _Name, words: set[str]) -> bool:
    return isinstance(one, tuple) and names_object(one, words)


def _is_same(one: _Name, two: _Name) -> bool:
    if isinstance(one, tuple) and isinstance(two, tuple):
        return is_part(one, two)
    return one == two


def _marks(event: Event) -> set[_Name]:
    """Where what it is about was found."""
    return {label for label in event.labels if label.startswith("@")}


def _fields(event: Event) -> set[_Name]:
    """The fields of a message that it is given."""
    return {
        path
        for one in chosen_in(event)
        if not one.labels & {"answer", "found"}
        if (path := path_of(one.text))
    }
