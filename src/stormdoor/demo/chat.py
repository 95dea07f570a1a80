"""The chat of the demo, `/ws/chat`: rooms, messages, moderation, announcements."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType, field

from stormdoor import (
    Command,
    Connection,
    ErrorReply,
    Guard,
    GuardedHandler,
    Identifier,
    Reply,
    Resource,
    action,
)
from stormdoor.core.message import encode
from stormdoor.demo.placing import ALONE, Placing
from stormdoor.demo.policies import is_removed, removed_role
from stormdoor.demo.rooms import ANNOUNCEMENTS, Rooms, Said

__all__ = ["chat_handler"]

_Room = Annotated[str, Meta(max_length=32, pattern=r"\A[a-z0-9][a-z0-9_-]*\Z")]
# Text of users: no control characters, and none that reorder adjacent text.
_Text = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=500,
        pattern=r"\A[^\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff]*\Z",
    ),
]


class Join(Command, tag="join"):
    room: _Room


class Leave(Command, tag="leave"):
    room: _Room


class Say(Command, tag="say"):
    room: _Room
    text: _Text


class Kick(Command, tag="kick"):
    room: _Room
    principal: Identifier


class Announce(Command, tag="announce"):
    text: _Text


class Joined(Reply, tag="joined"):
    room: str
    principal: str
    members: list[str]


class Entered(Joined, tag="joined"):
    """The answer to `join`, with the latest messages of the room."""

    history: list[Said] | UnsetType = UNSET


class Left(Reply, tag="left"):
    room: str
    principal: str


class Kicked(Reply, tag="kicked"):
    room: str
    principal: str
    by: str


class Announced(Reply, tag="announced"):
    sender: str = field(name="from")
    text: str
    at: float


def _room(command: Join | Leave) -> Resource:
    return Resource("room", command.room)


def chat_handler(  # noqa: C901 - one class
    guard: Guard, rooms: Rooms, placing: Placing = ALONE
) -> type[GuardedHandler]:
    """Return the chat's handler class for one guard and its rooms."""
    hub, now = guard.channels, guard.clock.now
    worker = placing.message(guard.registry.node)

    def room(command: Say | Kick) -> Resource:
        return rooms.resource(command.room)

    def tell_left(connection: Connection, name: str) -> None:
        """Tell a room that a principal left, unless it is there with another connection."""
        who = connection.principal.id
        if who not in rooms.members(name):
            hub.publish(rooms.topic(name), Left(room=name, principal=who))

    def over(connection: Connection) -> None:
        """Remove a connection that has ended from its rooms."""
        for name in rooms.gone(connection):
            tell_left(connection, name)

    guard.registry.on_end.append(over)

    class Chat(GuardedHandler):
        """One chat connection."""

        permission = "chat:connect"

        def open(self) -> None:
            """Name the worker, and subscribe every connection to the announcements."""
            if worker is not None:
                self.send(worker)
            hub.subscribe(self.connection, ANNOUNCEMENTS)

        @action("chat:join", resource=_room, limit="5/s burst 20")
        async def join(self, command: Join) -> Reply:
            name, who = command.room, self.principal.id
            if is_removed(self.principal, name):
                await guard.admin.withdraw_role(who, removed_role(name), actor=who)
            newcomer = who not in rooms.members(name)
            if not rooms.enter(self.connection, name):
                return ErrorReply(error="unavailable", detail="there are too many rooms")
            members = rooms.members(name)
            if newcomer:
                joined = Joined(room=name, principal=who, members=members)
                hub.publish(rooms.topic(name), joined, but=[self.connection])
            history = rooms.history(name) or UNSET
            return Entered(room=name, principal=who, members=members, history=history)

        @action("chat:join", resource=_room)
        def leave(self, command: Leave) -> Reply:
            if rooms.leave(self.connection, command.room):
                tell_left(self.connection, command.room)
            return Left(room=command.room, principal=self.principal.id)

        @action("chat:say", resource=room, limit="5/s burst 15")
        def say(self, command: Say) -> Reply:
            said = Said(room=command.room, sender=self.principal.id, text=command.text, at=now())
            rooms.remember(said)
            hub.publish(rooms.topic(command.room), said, but=[self.connection])
            return said

        @action("chat:kick", resource=room)
        async def kick(self, command: Kick) -> Reply:
            name, whom, who = command.room, command.principal, self.principal.id
            expelled = rooms.expel(whom, name)
            # With several workers, another one may have the sockets of that principal.
            known = expelled or await guard.state.accounts.account(whom)
            if not known or (not expelled and placing.workers == 1):
                return ErrorReply(error="invalid", detail="that principal is not in this room")
            # Each worker reads the removal from the log, and a restart of all of them keeps it.
            await guard.admin.grant_role(whom, removed_role(name), actor=who)
            kicked = Kicked(room=name, principal=whom, by=who)
            for connection in expelled:
                if connection.sink is not None and connection is not self.connection:
                    connection.sink.deliver(encode(kicked))
            hub.publish(rooms.topic(name), kicked, but=[self.connection])
            return kicked

        @action("chat:announce", limit="1/s burst 5", fresh="10min")
        def announce(self, command: Announce) -> Reply:
            announced = Announced(sender=self.principal.id, text=command.text, at=now())
            hub.publish(ANNOUNCEMENTS, announced, but=[self.connection])
            return announced

    return Chat
