"""The rooms of the chat and who is in them."""

from __future__ import annotations

from collections.abc import Callable

from stormdoor import Connection, Hub, Resource, Topic
from stormdoor.demo.policies import ROOMS

__all__ = ["ANNOUNCEMENTS", "Rooms"]

ANNOUNCEMENTS = Topic("announcements", "chat:connect")

_MOST_ROOMS = 200


class Rooms:
    """All rooms of this process.

    A room exists while somebody is in it; the first ones of the demo always exist.

    Args:
        hub: Who hears what.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._topics = {name: self._topic(name) for name in ROOMS}
        self._inside: dict[Connection, set[str]] = {}
        self._expelled: dict[str, set[str]] = {}
        self.on_change: list[Callable[[], None]] = []

    @staticmethod
    def _topic(name: str) -> Topic:
        return Topic(f"room:{name}", "chat:hear", Resource("room", name))

    def topic(self, name: str) -> Topic:
        """The topic of a room, whether it exists or not."""
        return self._topics.get(name) or self._topic(name)

    def resource(self, name: str) -> Resource:
        """The room as policies see it: with its members, and who was thrown out of it."""
        attributes = {"members": self.members(name), "expelled": self.expelled(name)}
        return Resource("room", name, attributes=attributes)

    def expelled(self, name: str) -> list[str]:
        """The principals that were thrown out of a room and have not joined it again."""
        return sorted(self._expelled.get(name, ()))

    def members(self, name: str) -> list[str]:
        """The principals in a room, by name."""
        return sorted({one.principal.id for one in self._hub.listeners(self.topic(name))})

    def enter(self, connection: Connection, name: str) -> bool:
        """Let a connection hear a room. False if there are too many rooms, or it may not."""
        topic = self.topic(name)
        if name not in self._topics and len(self._topics) >= _MOST_ROOMS:
            return False
        if not self._hub.subscribe(connection, topic).allowed:
            return False
        self._topics[name] = topic
        self._inside.setdefault(connection, set()).add(name)
        self._expelled.get(name, set()).discard(connection.principal.id)
        self._changed()
        return True

    def leave(self, connection: Connection, name: str) -> bool:
        """Take a connection out of a room. Returns whether it was in it."""
        left = self._hub.unsubscribe(connection, self.topic(name))
        self._inside.get(connection, set()).discard(name)
        if left:
            self._tidy(name)
            self._changed()
        return left

    def expel(self, principal_id: str, name: str) -> list[Connection]:
        """Throw a principal out of a room, with all its connections. Returns them."""
        inside = [
            one for one in self._hub.listeners(self.topic(name)) if one.principal.id == principal_id
        ]
        if inside:
            self._expelled.setdefault(name, set()).add(principal_id)
        for one in inside:
            self.leave(one, name)
        return inside

    def gone(self, connection: Connection) -> set[str]:
        """A connection has ended, and the hub has forgotten it. Returns the rooms it was in."""
        left = self._inside.pop(connection, set())
        for name in left:
            self._tidy(name)
        if left:
            self._changed()
        return left

    def _tidy(self, name: str) -> None:
        if name not in ROOMS and not self._hub.listeners(self.topic(name)):
            self._topics.pop(name, None)
            self._expelled.pop(name, None)

    def _changed(self) -> None:
        for listener in self.on_change:
            listener()

    def overview(self) -> list[dict[str, object]]:
        """Every room with its members, for the dashboard."""
        return [{"name": name, "members": self.members(name)} for name in sorted(self._topics)]
