"""Malformed credentials, as hostile clients send them."""

from __future__ import annotations

from collections.abc import Iterator

from stormdoor.core.credential import MAX_SECRET

__all__ = ["GARBAGE", "altered"]

_POSITIONS = 24

GARBAGE: dict[str, str] = {
    "nothing": "",
    "a space": " ",
    "a NUL": "\x00",
    "a line break": "a\r\nSet-Cookie: x=1",
    "one letter": "a",
    "the word null": "null",
    "the word true": "true",
    "a number": "0",
    "a negative number": "-1",
    "not a number": "nan",
    "an object": "{}",
    "a list that nests deep": "[" * 4000,
    "quotes": "'\" OR 1=1 --",
    "a path": "../../etc/passwd",
    "a format": "%s%n{0}{}",
    "two dots": "..",
    "three empty segments": "a.b.c",
    "many dots": "." * 4000,
    "base64": "eyJhbGciOiJub25lIn0.e30.",
    "broken base64": "====",
    "letters of other scripts": "пароль.密码.كلمة",
    "digits of other scripts": "١٢٣٤٥٦",
    "a letter that grows when lower": "İ" * 100,
    "something beyond the BMP": "🔑" * 100,
    "half a surrogate pair": "\ud800",
    "marks that turn the text around": "\u202eabc\u202c",
    "as long as can be": "a" * MAX_SECRET,
    "as long as can be, and no ASCII": "é" * MAX_SECRET,
    "43 letters": "a" * 43,
    "spaces between words": " ".join("abcdef"),
    "equals signs": "a=b;c=d",
    "colons": "a:b:c:d",
    "bars": "2|1:0|10:1|4:user|4:YQ==|" + "0" * 64,
}
"""By description.

No value is longer than `MAX_SECRET`: the guard refuses longer ones before it calls an authenticator.
"""


def altered(secret: str) -> Iterator[tuple[str, str]]:
    """Yield a name of each change, and the credential with that change."""
    step = max(1, len(secret) // _POSITIONS)
    for position in [*range(0, len(secret), step), len(secret) - 1]:
        letter = secret[position : position + 1]
        for other in ("A", "B", "é", "\ud800"):
            if letter != other:
                changed = secret[:position] + other + secret[position + 1 :]
                yield f"with character {position} changed to {other!r}", changed
    yield "without its last character", secret[:-1]
    yield "without its first character", secret[1:]
    yield "with a character more", secret + "A"
    yield "with a character in front", "A" + secret
    yield "with a space behind", secret + " "
    yield "with a NUL behind", secret + "\x00"
    yield "twice", secret + secret
    yield "in the other case", secret.swapcase()
    yield "in half", secret[: len(secret) // 2]
