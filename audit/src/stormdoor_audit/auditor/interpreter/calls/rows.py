"""Look-ups by a class of the project, which return one of its objects: `room = Room.get_or_none(...)`."""

from stormdoor_audit.auditor.interpreter.calls.containers import Containers
from stormdoor_audit.auditor.interpreter.values import Bound, Unknown, Value, text_of
from stormdoor_audit.auditor.naming import lexicon
from stormdoor_audit.auditor.reading.module import Defined

__all__ = ["Rows"]

_FINDS = frozenset({"by", "fetch", "find", "first", "get", "load", "lookup", "one"})


class Rows(Containers):
    """Objects of a class that was read, found by a look-up that was not."""

    def method_of_row(self, receiver: Value, name: str) -> Value | None:
        """A method of what such a class has found, as the class defines it."""
        if self.mode != "anonymous" or not isinstance(receiver, Unknown) or not self.finders:
            return None
        text = text_of(receiver)
        chain = lexicon.chain_of(text) if text.endswith("()") else []
        info = self.finders.get(chain[0]) if len(chain) > 1 else None
        words = lexicon.words_of(chain[-1]) if info is not None else []
        if info is None or words[:1] not in ([one] for one in _FINDS):
            return None
        found = self._member(info, name, None)
        if found is None or not isinstance(found.binding, Defined):
            return None
        if getattr(found.binding.node, "decorator_list", ()):
            return None
        return Bound(self.member_value(found, info), receiver)
