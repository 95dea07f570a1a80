"""The verdict on the origin check of a handler: which hostile origins it accepts."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from stormdoor_audit.analyzer.frontend import ir

__all__ = ["Origin", "constants_of", "judge"]

_HOST = "door.example"
_FOREIGN = ("https://attacker.test", "http://attacker.test:8080")
_MOST = 24


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


def constants_of(block: ir.Block) -> Iterable[str]:
    """Yield the texts in a block that may be part of an origin."""
    for one in block:
        match one:
            case ir.Const(value=str() as text) if "." in text or "localhost" in text:
                yield text
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


def _hosts(texts: Iterable[str]) -> list[str]:
    """Return host names in texts; of a pattern the text that it is meant for."""
    found: list[str] = []
    for text in texts:
        plain = text.replace("\\.", ".").strip("^$")
        plain = plain.replace("https?", "https").replace("(:\\d+)?", "")
        host = _host(plain)
        if host and " " not in host and ("." in host or host == "localhost"):
            found.append(host.lstrip("."))
    return list(dict.fromkeys([*found, _HOST]))[:_MOST]


def _host(text: str) -> str:
    if "://" not in text:
        return text.lstrip(".*").split("/")[0].split(":")[0]
    try:
        return urlsplit(text).hostname or ""
    except ValueError:
        return ""


def _tricks(host: str) -> Iterable[tuple[str, str]]:
    """Yield hostile origins made from an allowed host."""
    for scheme in ("https", "http"):
        yield "prefix", f"{scheme}://{host}.attacker.test"
        yield "suffix", f"{scheme}://attacker{host}"
        yield "substring", f"{scheme}://{host}.attacker.test.{host}.test"
        yield "substring", f"{scheme}://attacker.test/{host}"
        if host.count(".") > 1:
            yield "pattern", f"{scheme}://{host.replace('.', 'x', 1)}"
        yield "prefix", f"{scheme}://{host}attacker.test"


def judge(texts: Iterable[str], ask: Callable[[str], set[bool | None]]) -> Origin:
    """Return the verdict.

    Args:
        texts: Constants of the program around the check.
        ask: Returns the answers of the check to an origin.
    """
    unknown = False
    for origin in _FOREIGN:
        answers = ask(origin)
        if True in answers:
            return Origin("open", origin)
        unknown = unknown or None in answers
    for host in _hosts(texts):
        for trick, origin in _tricks(host):
            if True in ask(origin):
                return Origin("weak", origin, trick)
    if True in ask("null"):
        return Origin("weak", "null", "null")
    return Origin("unknown" if unknown else "restricted")
