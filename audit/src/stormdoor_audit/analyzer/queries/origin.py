"""The verdict on the origin check of a handler: which hostile origins it accepts."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from stormdoor_audit.analyzer.frontend import ir
from stormdoor_audit.analyzer.queries.samples import FOREIGN_ORIGINS, hosts_of, ports_of, tricks

__all__ = ["Origin", "constants_of", "judge"]


@dataclass(frozen=True, slots=True)
class Origin:
    """A verdict.

    Args:
        verdict: open, weak, restricted or unknown.
        accepted: A hostile origin that is accepted.
        trick: How it is made: prefix, suffix, substring, pattern, null or "".
    """

    verdict: str
    accepted: str = ""
    trick: str = ""


def constants_of(block: ir.Block) -> Iterator[str]:
    """Yield the texts and numbers in a block."""
    for one in block:
        match one:
            case ir.Const(value=str() as text):
                yield text
            case ir.Const(value=int() as number):
                yield str(number)
            case ir.If(then=first, otherwise=second) | ir.Loop(body=first, otherwise=second):
                yield from constants_of(first)
                yield from constants_of(second)
            case ir.Try(body=first, otherwise=second):
                yield from constants_of(first)
                yield from constants_of(second)
            case ir.Function(code=code) | ir.Class(code=code):
                yield from constants_of(code.body)
            case _:
                pass


def judge(
    texts: Iterable[str],
    ask: Callable[[str], set[bool | None]],
    ask_as: Callable[[Sequence[str]], Iterable[tuple[str, set[bool | None]]]],
) -> Origin:
    """Return the verdict.

    Args:
        texts: Constants of the program around the check.
        ask: Returns the answers of the check to an origin.
        ask_as: Returns the answers to a foreign origin with each of some names as that of the server.
    """
    known = list(dict.fromkeys(texts))
    unknown = False
    for origin in (*FOREIGN_ORIGINS, *ports_of(known)):
        answers = ask(origin)
        if True in answers:
            return Origin("open", origin)
        unknown = unknown or None in answers
    for name, answers in ask_as(hosts_of(known)):
        if True in answers:
            is_local = name == "localhost"
            return Origin(
                "weak" if is_local else "open", FOREIGN_ORIGINS[0], "prefix" if is_local else ""
            )
    for trick, origin in tricks(known):
        answers = ask(origin)
        if True in answers:
            return Origin("weak", origin, trick)
        unknown = unknown or None in answers
    return Origin("unknown" if unknown else "restricted")
