"""A token can be read in one way only, or not at all."""

import base64
import json

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormdoor.auth.jose.jws import Jws, _bytes, _remembered_header, json_object, parse_jws
from stormdoor.core.credential import MAX_SECRET
from stormdoor.core.malformed import Malformed
from tests.support.tokens import b64, forge

GOOD = forge({"alg": "HS256", "typ": "JWT", "kid": "k"}, {"sub": "alice"}, lambda _: b"signature")
HEAD, BODY, SIGNATURE = GOOD.split(".")


def test_a_token_is_taken_apart() -> None:
    """Each part arrives as it was signed."""
    assert parse_jws(GOOD) == Jws(
        "HS256", "k", "jwt", b'{"sub": "alice"}', f"{HEAD}.{BODY}".encode(), b"signature"
    )


@pytest.mark.parametrize(
    ("typ", "read"),
    [("at+jwt", "at+jwt"), ("application/AT+JWT", "at+jwt"), ("application/", ""), ("X", "x")],
)
def test_media_types_are_compared_as_such(typ: str, read: str) -> None:
    """RFC 7515 §4.1.9: `application/` may be left out, and letters have no case."""
    parsed = parse_jws(forge({"alg": "HS256", "typ": typ}, {}, lambda _: b"s"))
    assert isinstance(parsed, Jws)
    assert parsed.typ == read


def test_depth_has_a_bound_of_its_own() -> None:
    """The same on each version of Python, and far above what an honest token has."""
    for depth, sound in ((32, True), (33, False)):
        header = '{"alg":"HS256","x":' + "[" * (depth - 1) + "1" + "]" * (depth - 1) + "}"
        parsed = parse_jws(forge(header, {}, lambda _: b"s"))
        assert isinstance(parsed, Jws) is sound


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        ("", "three segments, not 1"),
        ("a", "three segments, not 1"),
        ("..", "no signature"),
        (f"{HEAD}.{BODY}", "three segments, not 2"),
        (f"{GOOD}.{SIGNATURE}", "three segments, not 4"),
        (f"{GOOD}..", "three segments, not 5"),
        (f"{HEAD}.{BODY}.", "no signature"),
        (f".{BODY}.{SIGNATURE}", "canonical base64url"),
        (f"{HEAD}..{SIGNATURE}", "canonical base64url"),
        (f"{HEAD}=.{BODY}.{SIGNATURE}", "canonical base64url"),
        (f"{HEAD}.{BODY}==.{SIGNATURE}", "canonical base64url"),
        (f"{HEAD}.{BODY}.{SIGNATURE}=", "canonical base64url"),
        (f"{HEAD}.{BODY}.{SIGNATURE} ", "canonical base64url"),
        (f" {GOOD}", "canonical base64url"),
        (f"{GOOD}\n", "canonical base64url"),
        (f"{HEAD}.{BODY}.c2lnb+F0", "canonical base64url"),
        (f"{HEAD}.{BODY}.c2lnb/F0", "canonical base64url"),
        (f"{HEAD}.{BODY}.AAAAA", "canonical base64url"),  # 5 letters make no whole bytes
        (f"{HEAD}.{BODY}.AB", "canonical base64url"),  # bits left over that are not zero
        (f"{HEAD}.{BODY}.AAB", "canonical base64url"),
        (f"{HEAD}.{BODY}.\u00e4", "not ASCII"),
        ("\ud800.a.b", "not ASCII"),
        ("a" * (MAX_SECRET + 1), f"longer than {MAX_SECRET}"),
        ("." * 10**6, f"longer than {MAX_SECRET}"),
    ],
    ids=lambda case: ascii(case)[-30:],
)
def test_other_shapes_are_refused(token: str, reason: str) -> None:
    """A token that one decoder reads and another does not is no token."""
    parsed = parse_jws(token)
    assert isinstance(parsed, Malformed)
    assert reason in parsed.reason


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("", "canonical"),
        ("HS256", "not JSON"),
        ("[]", "not a JSON object"),
        ('"HS256"', "not a JSON object"),
        ("null", "not a JSON object"),
        ('{"alg":"HS256"', "not JSON"),
        ('{"alg":"HS256"}{}', "not JSON"),
        ("{'alg':'HS256'}", "not JSON"),
        ('{"alg":"HS256",}', "not JSON"),
        ('\ufeff{"alg":"HS256"}', "not JSON"),
        (b'{"alg":"HS256","x":"\xff"}', "not JSON"),
        ('{"alg":"HS256"}'.encode("utf-16"), "not JSON"),
        ('{"alg":"none","alg":"HS256"}', "comes twice"),
        ('{"alg":"HS256","\\u0061lg":"none"}', "comes twice"),
        ('{"alg":"HS256","x":{"y":1,"y":2}}', "comes twice"),
        ('{"alg":"HS256","x":NaN}', "NaN is not JSON"),
        ('{"alg":"HS256","x":-Infinity}', "-Infinity is not JSON"),
        ('{"alg":"HS256","x":1e999}', "out of range"),
        ('{"alg":"HS256","x":"\\ud800"}', "not JSON"),
        ('{"alg":"HS256","\\ud800":1}', "not JSON"),
        ('{"alg":"HS256","x":' + "[" * 5000 + "]" * 5000 + "}", "longer than"),
        ('{"alg":"HS256","x":' + "[" * 2900 + "]" * 2900 + "}", "nest deeper"),
        ('{"alg":"HS256","x":' + '{"y":[' * 16 + "]}" * 16 + "}", "nest deeper"),
        ('{"alg":"HS256","x":' + "9" * 5000 + "}", "not JSON"),
        ("{}", "alg is not a text"),
        ('{"alg":null}', "alg is not a text"),
        ('{"alg":["HS256"]}', "alg is not a text"),
        ('{"ALG":"HS256"}', "alg is not a text"),
        ('{"alg":"HS256","kid":1}', "kid is not a text"),
        ('{"alg":"HS256","kid":null}', "kid is not a text"),
        ('{"alg":"HS256","kid":["k"]}', "kid is not a text"),
        ('{"alg":"HS256","typ":null}', "typ is not a text"),
        ('{"alg":"HS256","typ":{}}', "typ is not a text"),
        ('{"alg":"HS256","jku":"https://evil.example/jwks"}', "(jku)"),
        ('{"alg":"HS256","jwk":{"kty":"oct"}}', "(jwk)"),
        ('{"alg":"HS256","x5u":"https://evil.example/x"}', "(x5u)"),
        ('{"alg":"HS256","x5c":[]}', "(x5c)"),
        ('{"alg":"HS256","crit":[]}', "(crit)"),
        ('{"alg":"HS256","crit":["exp"]}', "(crit)"),
        ('{"alg":"HS256","b64":false}', "(b64)"),
        ('{"alg":"HS256","zip":"DEF"}', "(zip)"),
        ('{"alg":"HS256","enc":"A128GCM"}', "(enc)"),
    ],
    ids=lambda case: ascii(case)[:40],
)
def test_other_headers_are_refused(header: str | bytes, reason: str) -> None:
    """A header that is not strict JSON, or that wants something done, refuses the token."""
    parsed = parse_jws(forge(header, {}, lambda _: b"s"))
    assert isinstance(parsed, Malformed)
    assert reason in parsed.reason


def test_escapes_are_read() -> None:
    """An escape that spells a whole character is nothing special."""
    assert json_object(b'{"name":"\\u00e4\\ud83d\\ude00"}') == {"name": "ä😀"}


bits = st.text("eyJhbGciOiJIUzI1NiJ9.-_=+/ \n", max_size=40)


@given(st.text(st.characters(), max_size=60) | bits | bits.map(lambda tail: GOOD + tail))
def test_parsing_never_raises(text: str) -> None:
    """Any text is a token or is not, and one that is has one spelling."""
    parsed = parse_jws(text)
    if isinstance(parsed, Jws):
        assert f"{parsed.signed.decode()}.{b64(parsed.signature)}" == text


@given(st.binary(max_size=60) | st.text(max_size=40).map(str.encode))
def test_reading_json_never_raises(data: bytes) -> None:
    """Any bytes are an object or are not."""
    assert isinstance(json_object(data), dict | Malformed)


simple = st.none() | st.booleans() | st.integers() | st.floats(-1e9, 1e9) | st.text(max_size=9)


@given(st.dictionaries(st.text(max_size=9), simple | st.lists(simple, max_size=3), max_size=4))
def test_json_is_read_as_all_users_read_it(value: dict[str, object]) -> None:
    """An accepted JSON text has the value that the standard library reads."""
    assert json_object(json.dumps(value).encode()) == value


@given(st.integers(0, len(GOOD) - 1), st.sampled_from("AZaz09-_.=+/"))
def test_what_is_accepted_pyjwt_reads_alike(at: int, letter: str) -> None:
    """A token that passes here has the same parts for PyJWT: no two parsers disagree."""
    token = GOOD[:at] + letter + GOOD[at + 1 :]
    parsed = parse_jws(token)
    if isinstance(parsed, Jws):
        other = jwt.api_jws.PyJWS().decode_complete(token, options={"verify_signature": False})
        assert (other["payload"], other["signature"]) == (parsed.payload, parsed.signature)
        assert other["header"]["alg"] == parsed.algorithm
        assert base64.urlsafe_b64decode(token.split(".")[1] + "==") == parsed.payload


ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def test_of_each_segment_there_is_one_spelling() -> None:
    """The decoder accepts one spelling of each segment: it checks the last character only."""
    for start in (b"", b"_", b"A0", b"-zQ", b"AAAA"):
        for one in ALPHABET:
            segment = start + bytes([one])
            if len(segment) % 4 == 1:
                assert _bytes(segment) is None
                continue
            data = base64.urlsafe_b64decode(segment + b"=" * (-len(segment) % 4))
            canonical = base64.urlsafe_b64encode(data).rstrip(b"=") == segment
            assert _bytes(segment) == (data if canonical else None)


def signed(header: dict[str, object]) -> str:
    """A token with this header, and some signature."""
    return forge(header, {}, lambda _: b"s")


def test_what_is_remembered_of_headers_has_a_bound() -> None:
    """A client that invents headers fills no memory, and a long one is not cached."""
    for number in range(500):
        assert isinstance(parse_jws(signed({"alg": "HS256", "kid": str(number)})), Jws)
    before = _remembered_header.cache_info()
    assert before.currsize <= 128
    assert isinstance(parse_jws(signed({"alg": "HS256", "kid": "k" * 600})), Jws)
    assert _remembered_header.cache_info() == before


def test_a_header_that_brings_a_key_is_read_by_its_purpose() -> None:
    """Remembered or not: refused in a token, demanded in a proof."""
    text = signed({"alg": "ES256", "jwk": {"kty": "EC"}})
    for _ in range(2):
        assert isinstance(parse_jws(text), Malformed)
        proof = parse_jws(text, own_key=True)
        assert isinstance(proof, Jws)
        assert proof.jwk == {"kty": "EC"}
