"""Classes that are WebSocket handlers, as far as their bases are known."""

import re
from functools import cached_property

from stormdoor_audit.auditor.classes.callers import Callers
from stormdoor_audit.auditor.classes.classinfo import ClassInfo
from stormdoor_audit.auditor.classes.knowledge import Knowledge, Known
from stormdoor_audit.auditor.classes.linearisation import WEBSOCKET
from stormdoor_audit.auditor.naming.stdlib import STDLIB
from stormdoor_audit.auditor.reading.module import Binding
from stormdoor_audit.auditor.reading.project import External, Project

__all__ = ["Sockets"]

_BY_TORNADO = re.compile(r"async_mode\s*=\s*['\"]tornado['\"]")
_LOOKS_LIKE_SOCKET = re.compile(r"(web_?socket|^ws|sockjs).*(handler|connection)", re.IGNORECASE)


class Sockets(Callers):
    """Handlers, connections, copies of them."""

    def __init__(self, project: Project, knowledge: Knowledge) -> None:
        super().__init__(project)
        self.knowledge = knowledge
        self.served: dict[int, str] = {}
        """Classes that a router gives connections to, with the base that they have as a rule."""

    def is_inert(self, base: External) -> bool:
        """Return True if an unread class is known to answer no request."""
        if base.name.partition(".")[0] in STDLIB or "." not in base.name:
            return True
        known = self.knowledge.about(base.name)
        return known is not None and known.inert

    def is_copy(self, info: ClassInfo) -> bool:
        """Return True if a class is a copy of Tornado's own: it answers the handshake itself."""
        if not {"on_message", "write_message", "open"} <= self.members(info).keys():
            return False
        return any("Sec-WebSocket-Accept" in line for line in info.module.lines)

    def _is_socket_name(self, name: str) -> bool:
        if name.startswith("socketio.") and not self.serves_events:
            return False
        return name == WEBSOCKET or self.knowledge.is_socket(name)

    @cached_property
    def serves_events(self) -> bool:
        """Return True if Tornado, and no other server, serves Socket.IO here."""
        return any(
            "get_tornado_handler" in line or _BY_TORNADO.search(line) is not None
            for module in self.project.inside()
            for line in module.lines
        )

    def is_socket(self, info: ClassInfo) -> bool:
        """Return True if it is a WebSocket handler as far as its bases are known."""
        return (
            any(isinstance(one, External) and self._is_socket_name(one.name) for one in info.mro)
            or self.copied_connection(info) is not None
        )

    def copied_connection(self, info: ClassInfo) -> tuple[str, Known] | None:
        """Its base, where the library that gives it connections was read, too."""
        served = self.served.get(id(info), "")
        given = self.knowledge.about(served) if served else None
        if given is not None:
            return served, given
        bases = (one for one in info.mro[1:] if isinstance(one, ClassInfo))
        known = (
            self.knowledge.copied_connection(one.qualname) or self._renamed_connection(one)
            for one in bases
        )
        return next((one for one in known if one is not None), None)

    def _renamed_connection(self, info: ClassInfo) -> tuple[str, Known] | None:
        """The connection class that this is by its name and its methods, in a package of another name."""
        if info.bases and any(getattr(one, "name", "") != "object" for one in info.bases):
            return None
        if not self.members(info).keys() >= {"on_open", "on_message", "on_close", "send"}:
            return None
        return next(
            (
                (ours, known)
                for ours, known in self.knowledge.classes.items()
                if known.connection and ours.rpartition(".")[2] == info.name
            ),
            None,
        )

    def connection(self, info: ClassInfo) -> tuple[str, Known] | None:
        """Its base, where that is no handler but is given connections by one of a library."""
        for one in info.mro[1:]:
            known = self.knowledge.about(one.name) if isinstance(one, External) else None
            if isinstance(one, External) and known is not None and known.connection:
                return one.name, known
        return self.copied_connection(info)

    def looks_like_socket(self, info: ClassInfo) -> bool:
        """A base that was not read is called like a handler, and the class has its methods."""
        if self.is_socket(info):
            return False
        outside = [one.name.rpartition(".")[2] for one in info.mro if isinstance(one, External)]
        inherited = [one for one in info.mro if isinstance(one, ClassInfo)]
        outside += [text.rpartition(".")[2] for one in inherited for text in one.unresolved]
        named = any(_LOOKS_LIKE_SOCKET.search(name) for name in outside)
        tornado = any(
            isinstance(one, External) and one.name.startswith("tornado.") for one in info.mro
        ) or any("tornado" in line for line in info.module.lines[:200] if "import" in line)
        own = {
            name
            for one in inherited
            for name in self.members(one)
            if name in {"on_message", "write_message", "check_origin", "open"}
        }
        return named and tornado and ("on_message" in own or "check_origin" in own)

    def members(self, info: ClassInfo) -> dict[str, list[Binding]]:
        """Return the names that the body of a class binds."""
        return self.project.scope(info.node)[0]
