"""The client's values, and the user that the program takes it for."""

import ast

from stormdoor_audit.auditor.interpreter.shaping import Shaping
from stormdoor_audit.auditor.interpreter.values import (
    Const,
    Instance,
    Nobody,
    Setting,
    Unknown,
    Value,
)
from stormdoor_audit.auditor.naming import lexicon
from stormdoor_audit.auditor.reading.project import External

__all__ = ["ADDRESS", "HOST", "ORIGIN_HEADERS", "Client"]

HOST = "app.example:8888"
"""The Host header of every simulated request."""
ADDRESS = "203.0.113.7"
"""Address of the simulated client."""
_OF_PROXIES = frozenset({"auth", "forwarded", "proxy", "remote"})
"""Words of headers by which a server in front says who it is."""
ORIGIN_HEADERS = frozenset({"origin", "sec-websocket-origin"})
"""Headers in which a browser names the origin of a page; the second is of old drafts."""


class Client(Shaping):
    """The client of a connection."""

    origin = "https://attacker.example"
    host = HOST
    address = ADDRESS
    at = ""
    """The path of the address that the client connects to, where there is only one."""
    origin_gone = False
    """True if the program removed the header before the check."""

    def from_client(self, label: str, name: str, text: str) -> Unknown:
        """Something the client sends under a name."""
        labels = {"client", label}
        words = set(lexicon.words_of(name))
        shown = lexicon.is_credential_name(name) and not (self.mode == "member" and name == "key")
        if shown or (label == "cookie" and name in self.proving):
            labels.add("credential")
        if words & {"origin", "referer"}:
            labels.add("origin")
        if label == "header" and name.lower() == "host":
            labels.add("host")
        if words & {"ip", "forwarded"} and "user" not in words:
            labels.add("address")
        if lexicon.says_who(name) and not words & _OF_PROXIES and name != "from":
            labels.add("somebody")
        known = self.mode == "member" and "credential" in labels and label in {"cookie", "header"}
        return Unknown(self.of_field(frozenset(labels), name), text, truthy=known or None)

    def visitors_cookie(self, name: str, text: str, node: ast.AST) -> Value:
        """A signed cookie that every visitor gets: it exists, and names no user."""
        given = self.hierarchy.visitors[name]
        if given is None:
            return Unknown(frozenset({"client", "cookie", "credential"}), text, truthy=True)
        if self.choose(node, 2) == 0:
            return self.identity(text, node, certain=True)  # one that has not seen the page
        value = given.value.encode() if isinstance(given.value, str) else given.value
        return Const(value, frozenset({"client", "cookie"}), text)

    def current_user(self, handler: Instance, node: ast.AST) -> Value:
        """Value assigned to it, given by a property, or returned by `get_current_user`."""
        known = handler.attrs.get("current_user") or handler.attrs.get("_current_user")
        if known is not None:
            return known
        if self.mode == "member":
            return self.principal("self.current_user")
        asked = len(self.events)
        found = self._member(handler.info, "current_user", None)
        base = self._names_everybody(handler)
        if found is not None:
            value = self._bound_member(found, handler, "current_user", node)
        elif base and not self.assume(
            Setting(f"an authentication for {base}", Const(value=False)), node
        ):
            value = Unknown(text="self.current_user", truthy=True)
        else:
            getter = self.instance_attribute(handler, "get_current_user", node)
            value = self.call(getter, [], {}, node)
        value = self._nobody_if_asked(value, asked, node)
        handler.attrs["_current_user"] = value
        return value

    def _nobody_if_asked(self, value: Value, asked: int, node: ast.AST) -> Value:
        """None from a method that asked for a credential is an absent user, wherever it is handed on."""
        checks = [one for one in self.events[asked:] if one.kind == "check"]
        if not checks or not isinstance(value, Const) or value.value:
            return value
        return Nobody(
            checks[-1].text,
            node,
            self.frame.module,
            certain=value.value is None,
            presumed=all(one.presumed for one in checks),
        )

    def _names_everybody(self, handler: Instance) -> str:
        """Return the unread base that, as shipped, makes a user of every client; "" if there is none."""
        if self._member(handler.info, "get_current_user", None) is not None:
            return ""
        for one in handler.info.mro:
            known = self.hierarchy.knowledge.about(one.name) if isinstance(one, External) else None
            if known is not None and known.authentication == "optional":
                return one.name
        return ""

    def principal(self, text: str) -> Value:
        """An identity that was proven."""
        return Unknown(frozenset({"principal"}), text, truthy=True)

    def identity(
        self, text: str, node: ast.AST, *, presumed: bool = False, certain: bool = False
    ) -> Value:
        """Identity of the client, where the program asks for it."""
        if self.mode == "anonymous":
            return Nobody(text, node, self.frame.module, presumed=presumed, certain=certain)
        return self.principal(text)

    def is_sockjs(self) -> bool:
        """A connection class of sockjs-tornado."""
        return False
