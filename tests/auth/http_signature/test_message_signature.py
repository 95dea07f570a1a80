"""The headers of a signed request are read in one way only: RFC 9421, and its examples."""

import base64
import random
from typing import Any

import http_sf
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from stormdoor import JwtKey
from stormdoor.auth.http_signature.message_signature import (
    SignedParts,
    read_signature,
    signature_base,
    write_inner_list,
    write_string,
)
from stormdoor.core.malformed import Malformed

SIGNATURE = "sig=:AAAA:"

# RFC 9421, appendix B.2: the request, and two signatures of it.
REQUEST = {
    "date": "Tue, 20 Apr 2021 02:07:55 GMT",
    "@method": "POST",
    "@path": "/foo",
    "@authority": "example.com",
    "content-type": "application/json",
    "content-length": "18",
}
SHARED_SECRET = base64.b64decode(
    "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ=="
)
ED25519 = Ed25519PublicKey.from_public_bytes(
    base64.b64decode("JrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=")
)
EXAMPLES = {
    "B.2.5": (
        JwtKey("HS256", SHARED_SECRET),
        'sig-b25=("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"',
        "sig-b25=:pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=:",
    ),
    "B.2.6": (
        JwtKey("EdDSA", ED25519),
        (
            'sig-b26=("date" "@method" "@path" "@authority" "content-type" "content-length")'
            ';created=1618884473;keyid="test-key-ed25519"'
        ),
        (
            "sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WP"
            "pBKRCw==:"
        ),
    ),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_of_the_rfc(name: str) -> None:
    """The signatures of the RFC's examples verify."""
    key, described, signature = EXAMPLES[name]
    parts = read_signature(described, signature)
    assert isinstance(parts, SignedParts)
    base = signature_base([(one, REQUEST[one]) for one in parts.components], parts.text)
    assert key.verify(base, parts.signature)
    assert not key.verify(base.replace(b"example.com", b"example.org"), parts.signature)


STRANGE = [
    "",
    "sig=",
    "sig=()",
    'sig=("@method")',
    'sig=( "@method")',
    'sig=("@method" )',
    'sig=("@method"  "@path")',
    'sig=("@method"\t"@path")',
    'sig=("@method";req)',
    'sig=("x";sf)',
    'sig=("@query-param";name="a")',
    "sig=(@method)",
    'sig=("@method");created=01',
    'sig=("@method");created=-0',
    'sig=("@method");created=+1',
    'sig=("@method");created=1.0',
    'sig=("@method");created=1e3',
    'sig=("@method");created=1234567890123456',
    'sig=("@method"); created=1',
    'sig=("@method");created',
    'sig=("@method");created=?1',
    'sig=("@method");keyid=token',
    'sig=("@method");keyid=:AAAA:',
    'sig=("@method");keyid="a\\b"',
    'sig=("@method");keyid="\u00e9"',
    'sig=("@method");keyid="a\nb"',
    'sig=("@method");Keyid="a"',
    ' sig=("@method")',
    'sig=("@method") ',
    'sig=("@method"), other=("@path")',
    'sig=("@method"),',
    'Sig=("@method")',
    "sig",
]


@pytest.mark.parametrize("described", STRANGE)
def test_what_is_read_has_one_spelling(described: str) -> None:
    """The reference parser reads each accepted value as the same, and writes it unchanged."""
    parts = read_signature(described, SIGNATURE)
    if isinstance(parts, Malformed):
        assert described not in {"sig=()", 'sig=("@method")'}
        return
    _agrees(described, parts)


def _agrees(described: str, parts: SignedParts) -> None:
    parsed: Any = http_sf.parse(described.encode("ascii"), tltype="dictionary")
    assert http_sf.ser(parsed) == described
    [(components, parameters)] = parsed.values()
    assert tuple(name for name, _ in components) == parts.components
    assert parameters == parts.parameters


printable = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12)
names = st.from_regex(r"[a-z*][a-z0-9_.*-]{0,6}", fullmatch=True)
values = printable | st.integers(-(10**15) + 1, 10**15 - 1)


@given(st.lists(printable, max_size=4, unique=True), st.dictionaries(names, values, max_size=4))
def test_what_is_written_is_read(components: list[str], parameters: dict[str, str | int]) -> None:
    """A signature that was written is read, by this parser and by the reference parser."""
    text = write_inner_list(components, parameters)
    parts = read_signature(f"sig={text}", SIGNATURE)
    assert isinstance(parts, SignedParts)
    assert (parts.components, parts.parameters) == (tuple(components), parameters)
    assert parts.text == text
    _agrees(f"sig={text}", parts)


@given(st.text(max_size=60), st.text(max_size=60), st.integers(0, 2**32))
def test_it_never_raises(described: str, signature: str, seed: int) -> None:
    """Arbitrary text, and valid text with changed characters, raises no exception."""
    read_signature(described, signature)
    _, sound, signed = EXAMPLES["B.2.6"]
    chance = random.Random(seed)
    at = chance.randrange(len(sound))
    read_signature(sound[:at] + chance.choice('";=() \\:,') + sound[at + 1 :], signed)


@pytest.mark.parametrize(
    ("described", "signature", "reason"),
    [
        ('a=("x")', "b=:AAAA:", "different labels"),
        ('sig=("x" "x")', SIGNATURE, "covered twice"),
        ('sig=("x");keyid="a";keyid="b"', SIGNATURE, "comes twice"),
        ('sig=("x")', "sig=AAAA", "base64 between colons"),
        ('sig=("x")', "sig=::", "not canonical base64"),
        ('sig=("x")', "sig=:AAA:", "not canonical base64"),
        ('sig=("x")', "sig=:AAB=:", "not canonical base64"),
        ('sig=("x")', "sig=:AAAA:, sig=:AAAA:", "base64 between colons"),
        ('sig=("' + "x" * 5000 + '")', SIGNATURE, "longer than"),
        ('sig=("x")', "sig=:" + "A" * 5000 + ":", "longer than"),
    ],
)
def test_what_is_refused(described: str, signature: str, reason: str) -> None:
    """Each with its reason."""
    found = read_signature(described, signature)
    assert isinstance(found, Malformed)
    assert reason in found.reason


def test_no_value_begins_another_component() -> None:
    """A line end in a header is refused: its sender could otherwise forge further signed lines."""
    for value in ("a\nb", "a\rb"):
        with pytest.raises(ValueError, match="line end"):
            signature_base([("x", value)], "()")
    with pytest.raises(ValueError, match="ASCII"):
        write_string("é")
