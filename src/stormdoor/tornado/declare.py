"""The classes and decorators for applications: `GuardedHandler`, and `@action` for its methods."""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from tornado.web import HTTPError, RequestHandler
from tornado.websocket import WebSocketHandler, WebSocketProtocol

from stormdoor.core.binary import Packed, pack
from stormdoor.core.bucket import Rate
from stormdoor.core.decision import Resource
from stormdoor.core.limits import EndpointLimits
from stormdoor.core.message import Command, encode
from stormdoor.core.permission import check_permission
from stormdoor.core.principal import Principal
from stormdoor.core.requirement import require
from stormdoor.errors import ConfigurationError
from stormdoor.guard.actions import Action, Actions, ResourceOf
from stormdoor.guard.connection import Connection
from stormdoor.guard.endpoint import Public

__all__ = ["GuardedHandler", "action", "has_own_protocol"]

Encoding = typing.Literal["json", "msgpack"]
MSGPACK: typing.Final = "msgpack"
"""The encoding, and the subprotocol that selects it."""

_MARK = "__stormdoor_action__"
_Handler = TypeVar("_Handler")
_Command = TypeVar("_Command", bound=Command)
_Result = TypeVar("_Result")
if TYPE_CHECKING:
    from typing_extensions import TypeVar as TypeVarWithDefault

    _Subject = TypeVarWithDefault("_Subject", bound=Command, default=Command)
else:
    _Subject = TypeVar("_Subject", bound=Command)


class action(Generic[_Subject]):  # noqa: N801 - a decorator
    """Mark a method as the handler of a command, which the annotation of its parameter names.

    With a lambda as `resource`, write the command in brackets, so that type checkers know its fields::

        @action[Say]("chat:say", resource=lambda say: ("room", say.room))
        def say(self, command: Say) -> None: ...

    Args:
        permission: Permission that the principal needs, for example `chat:say`.
        resource: Function from the command to the resource that it acts upon: a `Resource` or `(type, id)`.
            If it raises, the command is refused. It may take a base class of the command.
        limit: A rate such as `5/s`, for one principal on all its connections.
        cost: Number of messages that one command counts as for the limits of the guard.
        fresh: Greatest age of the principal's authentication: `5min`, or seconds. A client that lacks only
            this gets the requirement in the answer, and can continue after `stormdoor.refresh` or
            `stormdoor.prove`.
        strength: Smallest number of factors that it must have used.
        acr: The class of authentication that its provider must have named.

    Raises:
        PolicyError: The permission, or a requirement, is malformed.
        ConfigurationError: The limit is not a rate.
    """

    def __init__(
        self,
        permission: str,
        *,
        resource: Callable[[_Subject], Resource | tuple[str, str]] | None = None,
        limit: str | None = None,
        cost: float = 1,
        fresh: str | float | None = None,
        strength: int | None = None,
        acr: str | None = None,
    ) -> None:
        required = fresh is not None or strength is not None or acr is not None
        self._declared = functools.partial(
            Action,
            permission=check_permission(permission),
            resource=resource,
            rate=Rate.parse(limit) if limit else None,
            cost=cost,
            requirement=require(fresh=fresh, strength=strength, acr=acr) if required else None,
        )

    def __call__(
        self, method: Callable[[_Handler, _Command], _Result], /
    ) -> Callable[[_Handler, _Command], _Result]:
        """Mark `method`. Type checkers accept only a method with one command as parameter."""
        setattr(method, _MARK, self)
        return method

    def declare(self, method: Callable[..., Any], where: str) -> Action:
        """Return the action of a marked method.

        Args:
            method: The method.
            where: Its class and name, for error messages.

        Raises:
            ConfigurationError: The method takes no command, or one that is not that of the resource.
        """
        made: Action = self._declared(command=_command_of(method, where), method=method)
        named = next(iter(typing.get_args(getattr(self, "__orig_class__", None))), None)
        for name, taken in (("action[...]", named), _taken_by(made.resource)):
            if isinstance(taken, type) and not issubclass(made.command, taken):
                raise ConfigurationError(
                    f"{where}: {name} takes {taken.__name__}, and the action {made.command.__name__}"
                )
        return made


def _command_of(method: Callable[..., Any], where: str) -> type[Command]:
    parameters = list(inspect.signature(method).parameters)
    try:
        annotations = typing.get_type_hints(method)
    except NameError as error:
        raise ConfigurationError(
            f"{where}: {error}; define the command outside of functions"
        ) from None
    command = annotations.get(parameters[1]) if len(parameters) == 2 else None
    if not (isinstance(command, type) and issubclass(command, Command)):
        raise ConfigurationError(
            f"{where} must take one command; write def {method.__name__}(self, command: Say)"
        )
    return command


def _taken_by(resource: ResourceOf | None) -> tuple[str, object]:
    """Return the name of a function, and the annotation of its parameter; None without one."""
    if not inspect.isfunction(resource):
        return "", None
    try:
        annotations = typing.get_type_hints(resource)
    except NameError:
        return "", None  # the annotation is for the type checker only
    first = next(iter(inspect.signature(resource).parameters), "")
    return resource.__qualname__, annotations.get(first)


class GuardedHandler(WebSocketHandler):
    """A WebSocket handler with authenticated and authorised connections and messages.

    It works behind `protect(application, guard)`. Without `protect`, it refuses all clients.

    Declare `permission` (or `permission = public("why")`), and either methods with `@action`, each of which
    takes one `Command`, or an `on_message` of your own, which then receives unchanged text and bytes. An
    action returns a `Reply` (or any object that msgspec encodes) or None, and may be a coroutine.

    Attributes:
        permission: The permission to connect.
        first_message: Whether a client that cannot send a credential in its handshake may send it in its
            first message, `{"type": "stormdoor.authenticate", "token": ...}`.
        receive_only: Whether clients only receive here, as on a dashboard that is left open. Messages of
            the server, and the client's pongs, then keep a connection open until the login's absolute
            lifetime, although the idle timeout ends the login itself. A message of the client after that
            ends the connection.
        limits: The limits of its connections and messages, if they differ from those of the guard.
        freshness: Greatest age of the revocations that the process has applied: "strict" for its lease, a
            number of seconds such as "5", or "none". Behind it no message passes. None means "strict", unless
            `protect` or the guard names the handler.
        message_permission: The permission to send a message to `on_message`; `permission` if left out.
        encodings: The encodings of commands and replies. With `("msgpack",)`, all messages are MessagePack
            in binary frames. With `("json", "msgpack")`, the client selects it by the subprotocol `msgpack`.
        compression: `get_compression_options` of Tornado; None leaves compression off, which saves
            nine tenths of the memory of an idle connection.
    """

    permission: ClassVar[str | Public | None] = None
    first_message: ClassVar[bool] = False
    receive_only: ClassVar[bool] = False
    limits: ClassVar[EndpointLimits | None] = None
    freshness: ClassVar[str | None] = None
    message_permission: ClassVar[str | None] = None
    encodings: ClassVar[tuple[Encoding, ...]] = ("json",)
    compression: ClassVar[dict[str, Any] | None] = None
    actions: ClassVar[Actions | None] = None
    _door_is_guarded: ClassVar[bool] = False
    connection: Connection
    """The live connection, from `open()` on."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Collect the actions of a handler class, and reject a contradictory class.

        Raises:
            ConfigurationError: An action takes no command, or has the name of a method of Tornado; or its
                resource is that of another command; or there are both actions and `on_message`.
        """
        super().__init_subclass__(**kwargs)
        actions: dict[str, Action] = {}
        for name in dir(cls):
            method = inspect.getattr_static(cls, name)
            declared = getattr(method, _MARK, None)
            if isinstance(declared, action):
                where = f"{cls.__qualname__}.{name}"
                if hasattr(WebSocketHandler, name):
                    raise ConfigurationError(
                        f"{where} is an action, and the name of a method that Tornado calls; give it another"
                    )
                actions[name] = declared.declare(method, where)
        own = cls.on_message is not WebSocketHandler.on_message
        if actions and own:
            raise ConfigurationError(
                f"{cls.__qualname__} has both actions and on_message; move one of them to another handler"
            )
        if cls.encodings not in (("json",), ("msgpack",), ("json", "msgpack")):
            raise ConfigurationError(
                f'{cls.__qualname__}: write encodings = ("json",), ("msgpack",) or ("json", "msgpack")'
            )
        cls.actions = Actions(cls.__qualname__, actions.values()) if actions else None

    @property
    def speaks_msgpack(self) -> bool:
        """Return whether commands and replies of this connection are MessagePack."""
        if len(self.encodings) == 1:
            return self.encodings == (MSGPACK,)
        return self.selected_subprotocol == MSGPACK

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        """Select `msgpack` if the client offers it and this handler speaks it."""
        return MSGPACK if MSGPACK in subprotocols and MSGPACK in self.encodings else None

    @property
    def principal(self) -> Principal:
        """The principal of the connection, with its present roles."""
        return self.connection.principal

    def get_compression_options(self) -> dict[str, Any] | None:
        """Return None: compression is off by default."""
        return self.compression

    def get_websocket_protocol(self) -> WebSocketProtocol | None:
        """Refuse to open a socket that is not guarded."""
        if not self._door_is_guarded:
            raise HTTPError(
                500,
                "%s is not guarded and admits no client; write protect(application, guard) after the "
                "application is made",
                type(self).__qualname__,
            )
        return super().get_websocket_protocol()

    def send(self, reply: object) -> bool:
        """Send `reply` in the encoding of this connection; False if it takes no more."""
        sink = self.connection.sink
        if sink is None:
            return False
        return sink.deliver(Packed(pack(reply)) if self.speaks_msgpack else encode(reply))


def has_own_protocol(handler: type[RequestHandler]) -> bool:
    """Return whether `handler` reads its messages itself, in a protocol unknown to the guard."""
    return not (issubclass(handler, GuardedHandler) and handler.actions is not None)
