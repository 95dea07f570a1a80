from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class Account:
    name: str
    moderator: bool = False


acting: ContextVar[Account] = ContextVar("acting")
