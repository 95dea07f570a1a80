"""Project Wycheproof's vectors for JSON Web Signatures, where they apply.

They lie beside the project, not in it; without them these tests are skipped.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest

from stormdoor.auth.jose.jws import Jws, parse_jws
from stormdoor.auth.jose.jwt_key import JwtKey

FOLDER = Path(__file__).resolve().parents[4] / "shared" / "vectors"
NAMES = ("wycheproof_json_web_signature_test.json", "wycheproof_json_web_crypto_test.json")
ALGORITHM = {"ES521": "ES512"}  # the vectors' name for it

STRICTER = {
    "emptyPayload": "an empty payload is no JSON object, so the token is refused before",
    "InvalidCharacterInsertedInHeader": "the token holds what is no base64url",
    "InvalidCharacterInsertedInPayload": "the token holds what is no base64url",
    "Figure20": "the key says PS256 and the token PS384; a key is good for one algorithm",
}
"""Vectors that a library may accept, by comment, and why this door does not."""

MISLABELLED = {"invalidBase64Padding", "invalidBase64PaddingInPayload"}
"""Called invalid, but the same bytes as the valid vector 357 (C2SP/wycheproof, issue 236)."""


def _groups() -> Iterator[dict[str, Any]]:
    for name in NAMES:
        path = FOLDER / name
        if path.is_file():
            yield from json.loads(path.read_text())["testGroups"]


def _cases() -> Iterator[Any]:
    for group in _groups():
        jwk = group.get("public") or group["private"]
        algorithm = jwk.get("alg", "")
        algorithm = ALGORITHM.get(algorithm, algorithm)
        # Left out: JSON Web Encryption, sets of keys and keys for encryption (keys come as PEM
        # here, from the operator, one by one), and RSA keys made by a faulty chip (ROCA).
        if not algorithm.startswith(("HS", "RS", "PS", "ES")) or "roca" in group["comment"]:
            continue
        for test in group["tests"]:
            name = f"{group['comment']}-{algorithm}-{test['tcId']}-{test['comment']}"
            yield pytest.param(algorithm, jwk, test, id=name)


CASES = list(_cases())


@pytest.mark.sampled(4)
@pytest.mark.skipif(not CASES, reason=f"no vectors of Project Wycheproof in {FOLDER}")
@pytest.mark.parametrize(
    ("algorithm", "jwk", "test"), CASES or [pytest.param("", {}, {}, id="missing")]
)
def test_vector(algorithm: str, jwk: dict[str, Any], test: dict[str, Any]) -> None:
    """Every forged signature is refused, and every valid one that a door should take is taken."""
    key = JwtKey(algorithm, jwt.PyJWK(jwk, algorithm).key, jwk.get("kid"))
    token = test["jws"] if isinstance(test["jws"], str) else json.dumps(test["jws"])
    parsed = parse_jws(token)
    accepted = (
        isinstance(parsed, Jws)
        and parsed.kid == key.kid
        and parsed.algorithm == key.algorithm
        and key.verify(parsed.signed, parsed.signature)
    )
    valid = test["result"] == "valid" or test["comment"] in MISLABELLED
    assert accepted is (valid and test["comment"] not in STRICTER)


@pytest.mark.skipif(not CASES, reason=f"no vectors of Project Wycheproof in {FOLDER}")
def test_the_vectors_are_what_they_are_taken_for() -> None:
    """The filter leaves most of them, and a mislabelled one is indeed a valid one's twin."""
    assert len(CASES) > 400
    tests = [case.values[2] for case in CASES]
    valid = {str(test["jws"]) for test in tests if test["result"] == "valid"}
    for test in tests:
        if test["comment"] in MISLABELLED:
            assert test["jws"] in valid
