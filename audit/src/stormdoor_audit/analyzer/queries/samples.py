"""Hostile origins: texts that a check may take for an origin of the texts that it knows."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from stormdoor_audit.analyzer.engine.patterns import PARSER
from stormdoor_audit.analyzer.lifecycle.origins import FOREIGN, HOST

__all__ = ["FOREIGN_ORIGINS", "hosts_of", "ports_of", "tricks"]

FOREIGN_ORIGINS = (FOREIGN, "http://attacker.test:8080")
_MOST = 24
_MOST_PAIRS = 6
_LONGEST = 500
_NAME = re.compile(r"(?:[a-z0-9-]+\.)+[a-z0-9-]+|localhost", re.IGNORECASE)
_LABEL = re.compile(r"[a-z0-9-]{2,32}")
_PORT = re.compile(r"[1-9]\d{1,4}")
_PATTERN = re.compile(r"[\\^$*+\[(]")

Trick = tuple[str, str]
"""Name of a trick, and an origin that is made with it."""


def hosts_of(texts: Iterable[str]) -> list[str]:
    """Return the names of hosts in texts; of a pattern the end of a text that it is meant for."""
    found: list[str] = []
    for text in texts:
        if "://" in text:
            found.append(_host(text))
        found.extend(_NAME.findall(text.replace("\\.", ".")))
        for meant in _meant(text):
            last = max((at for at, one in enumerate(meant) if one.kind == "varied"), default=-1)
            found.extend(_NAME.findall(_text_of(meant[last + 1 :])))
    kept = [one.lower() for one in found if one and " " not in one]
    return list(dict.fromkeys([HOST, *kept]))[:_MOST]


def tricks(texts: Sequence[str]) -> Iterator[Trick]:
    """Yield hostile origins that are made of the texts of a check."""
    for host in hosts_of(texts):
        yield from _of_host(host)
    for text in texts:
        for meant in _meant(text):
            yield from _of_pattern(meant)
    for label in [one for one in dict.fromkeys(texts) if _LABEL.fullmatch(one)][:_MOST]:
        yield "prefix", f"https://{label}.attacker.test"
    some = hosts_of(texts)[1 : _MOST_PAIRS + 1]
    for one in some:
        for other in some:
            if one != other:
                yield "prefix", f"https://{one}.attacker{other}"
    yield "null", "null"


def ports_of(texts: Iterable[str]) -> list[str]:
    """Return foreign origins with the port of this server, and with each number that may be a port."""
    found = [one for one in dict.fromkeys(texts) if _PORT.fullmatch(one)]
    return [f"{FOREIGN}:{one}" for one in ["8888", *found[:_MOST]]]


def _of_host(host: str) -> Iterator[Trick]:
    for scheme in ("https", "http"):
        yield "prefix", f"{scheme}://{host}.attacker.test"
        yield "suffix", f"{scheme}://attacker{host}"
        yield "suffix", f"{scheme}://t{host}"
        yield "substring", f"{scheme}://{host}.attacker.test.{host}.test"
        yield "substring", f"{scheme}://attacker.test/{host}"
        yield "substring", f"{scheme}://{host[:-1]}"
        if host.count(".") > 1:
            yield "pattern", f"{scheme}://{host.replace('.', 'x', 1)}"
        yield "prefix", f"{scheme}://{host}attacker.test"


def _of_pattern(meant: "list[_Character]") -> Iterator[Trick]:
    """Yield texts with more behind their end, and with another character for a dot that is not escaped."""
    some = [(_text_of(meant) + more, "prefix") for more in (".attacker.test", "attacker.test")]
    for at, one in enumerate(meant):
        if one.kind == "any":
            some.append((_text_of([*meant[:at], _Character("x"), *meant[at + 1 :]]), "pattern"))
    for text, trick in some:
        yield trick, text if "://" in text else f"https://{text}"


class _Character(NamedTuple):
    """A character of a text that a pattern is meant for.

    Args:
        text: The character.
        kind: `any` of a dot that is not escaped, `varied` of a set or a repeated part, or "".
    """

    text: str
    kind: str = ""


def _text_of(meant: Sequence[_Character]) -> str:
    return "".join(one.text for one in meant)


def _host(text: str) -> str:
    try:
        return urlsplit(text).hostname or ""
    except ValueError:
        return ""


def _meant(text: str) -> list[list[_Character]]:
    """Return texts that a pattern is meant for, with and without its optional parts; none of other texts."""
    if not _PATTERN.search(text) or len(text) > _LONGEST:
        return []
    try:
        tree = PARSER.parse(text)
    except (re.error, RecursionError, OverflowError):
        return []
    return [list(_characters(tree, least)) for least in (1, 0)]


def _characters(tree: Iterable[tuple[Any, Any]], least: int) -> Iterator[_Character]:
    for operation, given in tree:
        match str(operation):
            case "LITERAL":
                yield _Character(chr(given))
            case "ANY":
                yield _Character(".", "any")
            case "NOT_LITERAL":
                yield _Character("x", "varied")
            case "IN":
                yield _Character(_member(given), "varied")
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
                low, high, body = given
                yield from list(_repeated(body, least)) * min(max(low, min(high, least)), 8)
            case "SUBPATTERN":
                yield from _characters(given[-1], least)
            case "BRANCH":
                yield from _characters(given[1][0], least)
            case "ATOMIC_GROUP":
                yield from _characters(given, least)
            case _:
                pass


def _repeated(body: Iterable[tuple[Any, Any]], least: int) -> Iterator[_Character]:
    for one in _characters(body, least):
        yield _Character("x", "varied") if one.kind == "any" else one


def _member(members: Sequence[tuple[Any, Any]]) -> str:
    """Return a character of a set."""
    operation, given = members[0]
    match str(operation):
        case "LITERAL":
            return chr(given)
        case "RANGE":
            return chr(given[0])
        case "CATEGORY" if str(given) == "CATEGORY_DIGIT":
            return "1"
        case _:
            return "x"
