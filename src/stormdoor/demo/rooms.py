"""The rooms of the chat and their members."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from msgspec import field

from stormdoor import Connection, Hub, Reply, Resource, Topic
from stormdoor.demo.policies import ROOMS, is_removed

__all__ = ["ANNOUNCEMENTS", "Rooms", "Said"]

ANNOUNCEMENTS = Topic("announcements", "chat:connect")

_MOST_ROOMS = 200
_MOST_MESSAGES = 50


class Said(Reply, tag="said"):
    """A message in a room."""

    room: str
    sender: str = field(name="from")
    text: str
    at: float


class Rooms:
    """All rooms of this process.

    A room exists while it has a member; the first rooms of the demo always exist. The latest messages
    of a room stay in memory when its last member leaves, so that a reload of the page finds them.

    Args:
        hub: Hub with the topics of the rooms.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        # The room that was written to last is last.
        self._history: dict[str, deque[Said]] = {}
        self._topics = {name: self._topic(name) for name in ROOMS}
        self._inside: dict[Connection, set[str]] = {}
        self.on_change: list[Callable[[], None]] = []

    @staticmethod
    def _topic(name: str) -> Topic:
        return Topic(f"room:{name}", "chat:hear", Resource("room", name))

    def topic(self, name: str) -> Topic:
        """Return the topic of a room, which need not exist."""
        return self._topics.get(name) or self._topic(name)

    def resource(self, name: str) -> Resource:
        """Return the room as a resource, with its members as an attribute."""
        return Resource("room", name, attributes={"members": self.members(name)})

    def history(self, name: str) -> list[Said]:
        """Return the latest messages of a room, 50 at most, the oldest first."""
        return list(self._history.get(name, ()))

    def remember(self, message: Said) -> None:
        """Keep a message for principals that join later, if the room exists.

        If there are too many rooms, the one with the oldest last message is forgotten. The first rooms of
        the demo are never forgotten.
        """
        name = message.room
        if name not in self._topics:
            return
        kept = self._history.pop(name, None) or deque(maxlen=_MOST_MESSAGES)
        kept.append(message)
        self._history[name] = kept
        others = [one for one in self._history if one not in ROOMS]
        if len(others) > _MOST_ROOMS:
            del self._history[others[0]]

    def members(self, name: str) -> list[str]:
        """Return the principals in a room, by name. Those that another worker has removed are none."""
        principals = [one.principal for one in self._hub.listeners(self.topic(name))]
        return sorted({one.id for one in principals if not is_removed(one, name)})

    def enter(self, connection: Connection, name: str) -> bool:
        """Subscribe a connection to a room. False if there are too many rooms, or it lacks the permission."""
        topic = self.topic(name)
        if name not in self._topics and len(self._topics) >= _MOST_ROOMS:
            return False
        if not self._hub.subscribe(connection, topic).allowed:
            return False
        self._topics[name] = topic
        self._inside.setdefault(connection, set()).add(name)
        self._changed()
        return True

    def leave(self, connection: Connection, name: str) -> bool:
        """Remove a connection from a room. Returns whether it was in it."""
        left = self._hub.unsubscribe(connection, self.topic(name))
        self._inside.get(connection, set()).discard(name)
        if left:
            self._tidy(name)
            self._changed()
        return left

    def expel(self, principal_id: str, name: str) -> list[Connection]:
        """Remove a principal from a room, with all its connections. Returns them."""
        inside = [
            one for one in self._hub.listeners(self.topic(name)) if one.principal.id == principal_id
        ]
        for one in inside:
            self.leave(one, name)
        return inside

    def gone(self, connection: Connection) -> set[str]:
        """Remove an ended connection from its rooms, and return them."""
        left = self._inside.pop(connection, set())
        for name in left:
            self._tidy(name)
        if left:
            self._changed()
        return left

    def _tidy(self, name: str) -> None:
        if name not in ROOMS and not self._hub.listeners(self.topic(name)):
            self._topics.pop(name, None)

    def _changed(self) -> None:
        for listener in self.on_change:
            listener()

    def overview(self) -> list[dict[str, object]]:
        """Return every room with its members, for the dashboard."""
        return [{"name": name, "members": self.members(name)} for name in sorted(self._topics)]
