"""Read the two headers of a signed request (RFC 9421) strictly.

Only a part of the grammar is accepted: one signature, an inner list of names without parameters, integers and
strings, each in the canonical spelling of RFC 9651 §4.1. So two parsers cannot read the same text
differently. The signed bytes contain the text as it was received.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from stormdoor.core.malformed import Malformed

__all__ = ["SignedParts", "read_signature", "signature_base", "write_inner_list", "write_string"]

_MAX = 4096
_KEY = r"[a-z*][a-z0-9_.*-]{0,63}"
_STRING = r'"(?:[ !#-\[\]-~]|\\["\\])*"'
_INTEGER = r"(?:0|-?[1-9][0-9]{0,14})"
_VALUE = rf"(?:{_INTEGER}|{_STRING})"
_INPUT = re.compile(
    rf"({_KEY})=((\((?:{_STRING}(?: {_STRING})*)?\))((?:;{_KEY}={_VALUE})*))", re.ASCII
)
_SIGNATURE = re.compile(rf"({_KEY})=:([A-Za-z0-9+/]*={{0,2}}):", re.ASCII)
_EACH_STRING = re.compile(_STRING, re.ASCII)
_EACH_PARAMETER = re.compile(rf";({_KEY})=({_VALUE})", re.ASCII)
_ESCAPED = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class SignedParts:
    """A parsed signature with its parameters, not verified.

    Attributes:
        components: The names of the covered components, in order.
        parameters: `created`, `nonce`, `keyid` and so on.
        text: The value of `@signature-params`, as received.
        signature: The signature; not in the repr.
    """

    components: tuple[str, ...]
    parameters: Mapping[str, str | int]
    text: str
    signature: bytes


def _string(text: str) -> str:
    return _ESCAPED.sub(r"\1", text[1:-1])


def _bytes(text: str) -> bytes | None:
    try:
        data = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return None
    return data if base64.b64encode(data).decode("ascii") == text else None


def read_signature(signature_input: str, signature: str) -> SignedParts | Malformed:
    """Read both headers. Never raises, for any input.

    Args:
        signature_input: The one `Signature-Input`.
        signature: The one `Signature`.
    """
    if len(signature_input) > _MAX or len(signature) > _MAX:
        return Malformed(f"the signature or its input is longer than {_MAX} characters")
    described = _INPUT.fullmatch(signature_input)
    if described is None:
        return Malformed("Signature-Input is not one list of names in the canonical spelling")
    signed = _SIGNATURE.fullmatch(signature)
    if signed is None:
        return Malformed("Signature is not one value in base64 between colons")
    if signed[1] != described[1]:
        return Malformed("Signature-Input and Signature have different labels")
    data = _bytes(signed[2])
    if not data:
        return Malformed("the signature is not canonical base64")
    components = tuple(_string(one) for one in _EACH_STRING.findall(described[3]))
    if len(set(components)) != len(components):
        return Malformed("a component is covered twice")
    parameters: dict[str, str | int] = {}
    for name, value in _EACH_PARAMETER.findall(described[4]):
        if name in parameters:
            return Malformed("a parameter comes twice")
        parameters[name] = _string(value) if value.startswith('"') else int(value)
    return SignedParts(components, parameters, described[2], data)


def write_string(text: str) -> str:
    """Encode a String (RFC 9651 §4.1.6).

    Raises:
        ValueError: It contains characters that a String cannot contain.
    """
    if not (text.isascii() and text.isprintable()):
        raise ValueError("a String holds printable ASCII only")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def write_inner_list(components: Iterable[str], parameters: Mapping[str, str | int]) -> str:
    """Encode an inner list with its parameters, in the form that `read_signature` accepts."""
    inner = " ".join(write_string(one) for one in components)
    written = "".join(
        f";{name}={write_string(value) if isinstance(value, str) else value}"
        for name, value in parameters.items()
    )
    return f"({inner}){written}"


def signature_base(components: Iterable[tuple[str, str]], text: str) -> bytes:
    """Return the signed text (RFC 9421 §2.5).

    Args:
        components: Name and value of each component, in their covered order.
        text: The value of `@signature-params`.

    Raises:
        ValueError: A value is not ASCII, or has a line end that would begin another component.
    """
    lines = [f"{write_string(name)}: {value}" for name, value in components]
    lines.append(f'"@signature-params": {text}')
    base = "\n".join(lines)
    if base.count("\n") != len(lines) - 1 or "\r" in base:
        raise ValueError("a covered value has a line end")
    return base.encode("ascii")
