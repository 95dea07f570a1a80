"""The declaration of a kind of credential: its authenticator, its options in a file, its properties."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeAlias, TypeVar

from msgspec import Struct
from msgspec import inspect as shapes

from stormdoor.auth.authenticator import Authenticator
from stormdoor.errors import ConfigurationError
from stormdoor.settings.finding import Level
from stormdoor.settings.place import Place
from stormdoor.settings.secret import SecretTable
from stormdoor.settings.section import Section

__all__ = ["Kind", "Remark", "Settings"]

_NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*", re.ASCII)


class Settings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of the options of a kind in `[[authenticators]]`. This one has none.

    An option with the default `msgspec.UNSET` is passed to the authenticator only if the file has it, so that
    its default is defined once, in the authenticator.
    """


S = TypeVar("S", bound=Struct)

Flag: TypeAlias = bool | Callable[[S], bool]
"""A property of a kind: a constant, or a function of its settings."""


class Remark(NamedTuple):
    """A finding of `stormdoor check` about the settings of one authenticator.

    Attributes:
        id: Name of the check, stable.
        level: `error`, `warning` or `note`.
        what: The problem, in one sentence.
        write: The line to write; empty if none is necessary.
        at: Place in the settings, such as `("keys", 0)` for the first key; empty for the whole table.
    """

    id: str
    level: Level
    what: str
    write: str = ""
    at: Place = ()


def _no_remarks(_settings: object, _kinds: Collection[str]) -> Iterable[Remark]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind(Generic[S]):
    """A kind of credential, for configuration files, `stormdoor check` and `stormdoor explain`.

    No property has a default, so that none is forgotten.

    Attributes:
        name: Its name in `kind = "..."`, and `Authenticator.kind`.
        settings: Its options, a subclass of `Settings`.
        build: Makes the authenticator of a table. It notes mistakes in the section, and then returns None.
        ambient: Whether a browser attaches the credential by itself, as it does with cookies. An allowed
            Origin is then required.
        needs_store: Whether accounts, sessions or keys are read from the store.
        single_use: Whether a credential is accepted once. Used ones are kept in the store.
        renewable: Whether it is accepted in messages, so that a client can refresh an open connection.
        repeatable: Whether a file may have several authenticators of this kind.
        default_headers: Headers with the credential, if its settings name no other: their values do not
            reach a log.
        insecure: The danger of each option `insecure_...`, as a sentence for the operator.
        remarks: Finds settings that work but are unsafe. Args: the settings; the kinds in the same file.

    Raises:
        ConfigurationError: The declaration contradicts itself.
    """

    name: str
    settings: type[S]
    build: Callable[[S, Section], Authenticator | None]
    ambient: Flag[S]
    needs_store: Flag[S]
    single_use: Flag[S]
    renewable: Flag[S]
    repeatable: bool
    default_headers: tuple[str, ...]
    insecure: Mapping[str, str] = dataclasses.field(default_factory=dict)
    remarks: Callable[[S, Collection[str]], Iterable[Remark]] = _no_remarks

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ConfigurationError(f"{self.name!r} is no name of a kind; write one like api-key")
        dangers = set()
        for table in _tables(shapes.type_info(self.settings)):
            if not table.__struct_config__.forbid_unknown_fields:
                raise ConfigurationError(
                    f"{table.__name__} would ignore misspelt options; derive it from Settings"
                )
            dangers |= {one for one in table.__struct_fields__ if one.startswith("insecure_")}
        if "kind" in self.settings.__struct_fields__:
            raise ConfigurationError(
                f"{self.settings.__name__} has an option kind, which names the kind itself; rename it"
            )
        if dangers != set(self.insecure):
            raise ConfigurationError(
                f"the kind {self.name!r} must say the danger of {', '.join(sorted(dangers)) or 'no option'} "
                f"in insecure, not of {', '.join(sorted(self.insecure)) or 'none'}"
            )

    def is_ambient(self, settings: S) -> bool:
        """Return whether a browser attaches the credential by itself."""
        return _holds(self.ambient, settings)

    def uses_store(self, settings: S) -> bool:
        """Return whether the authenticator reads or writes the store."""
        return _holds(self.needs_store, settings) or _holds(self.single_use, settings)

    def make(self, settings: S, section: Section) -> Authenticator | None:
        """Return the authenticator of a table; None after noting mistakes in `section`.

        INVARIANT: the properties that `stormdoor check` relies on are those of the authenticator.
        """
        before = len(section.problems)
        made: object = None
        try:
            made = self.build(settings, section)
        except ConfigurationError as error:
            section.refuse(error)
        if made is None and (section.is_unread or len(section.problems) > before):
            return None
        if not isinstance(made, Authenticator):
            section.wrong(
                f"the kind {self.name!r} made no Authenticator, but {type(made).__name__}"
            )
            return None
        for fault in self._contradictions(settings, made):
            section.wrong(f"the kind {self.name!r} is declared wrongly: {fault}")
        return made

    def _contradictions(self, settings: S, made: Authenticator) -> Iterator[str]:
        if made.kind != self.name:
            yield f"its authenticator calls itself {made.kind!r}"
        for name, flag, found in (
            ("ambient", self.ambient, any(place.ambient for place in made.places)),
            ("renewable", self.renewable, any(place.in_messages for place in made.places)),
        ):
            if _holds(flag, settings) != found:
                yield f"the places of its authenticator say {name}={found}"


def _holds(flag: Flag[S], settings: S) -> bool:
    return flag if isinstance(flag, bool) else flag(settings)


def _tables(shape: shapes.Type) -> Iterator[type[Struct]]:
    """Return every table inside of a type, except those of secrets, which have checks of their own."""
    match shape:
        case shapes.StructType() if shape.cls is not SecretTable:
            yield shape.cls
            for field in shape.fields:
                yield from _tables(field.type)
        case shapes.ListType():
            yield from _tables(shape.item_type)
        case shapes.DictType():
            yield from _tables(shape.value_type)
        case shapes.UnionType():
            for one in shape.types:
                yield from _tables(one)
        case _:
            pass
