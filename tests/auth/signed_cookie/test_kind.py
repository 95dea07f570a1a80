"""Tornado's signed cookies, configured in a file."""

from __future__ import annotations

from pathlib import Path

import pytest
from tornado.web import create_signed_value

from stormdoor import Authentication, ConfigurationError, Denial, Guard, Rejected
from stormdoor.auth.signed_cookie.authenticator import SignedCookieAuthenticator
from stormdoor.config.check import check_file
from stormdoor.core.credential import Credential
from stormdoor.ports import StoredState
from tests.config.files import GOOD, TRAIL_KEY, write
from tests.support.people import HANDSHAKE, populated

NOW = 1_767_225_600.0
OLD, NEW, OTHER = "old-" * 10, "new-" * 10, "other" * 8
KIND = '[[authenticators]]\nkind = "signed-cookie"\ncookie = "user"\n'
ONE = KIND + 'secret = { env = "NEW" }\n'
SEVERAL = KIND + 'secrets = { 1 = { env = "OLD" }, 2 = { env = "NEW" } }\n'


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """The secrets that the files name."""
    for name, value in (("TRAIL_KEY", TRAIL_KEY), ("OLD", OLD), ("NEW", NEW)):
        monkeypatch.setenv(name, value)


async def outcome(folder: Path, text: str, cookie: bytes) -> Authentication | Rejected:
    """The answer of the authenticator of a file to a cookie."""
    made = Guard.from_config(write(folder, GOOD + text)).authenticators[-1]
    assert isinstance(made, SignedCookieAuthenticator)
    credential = Credential(made.places[0], cookie.decode())
    return await made.authenticate(
        credential, HANDSHAKE, state=StoredState.of(await populated()), now=NOW
    )


def signed(secret: str | dict[int, str], version: int | None = None, *, at: float = NOW) -> bytes:
    """A cookie as Tornado writes it."""
    return create_signed_value(secret, "user", "alice", clock=lambda: at, key_version=version)


@pytest.mark.parametrize("text", [ONE, ONE + 'roles = ["member"]\n', ONE + "max_age_days = 7\n"])
async def test_a_cookie_of_the_application(text: str, tmp_path: Path) -> None:
    """A cookie signed by the application is accepted; one signed with another secret is refused."""
    found = await outcome(tmp_path, text, signed(NEW))
    assert isinstance(found, Authentication)
    assert (found.kind, found.principal.id, found.ambient) == ("signed-cookie", "alice", True)
    assert found.live == ("roles" not in text)
    forged = await outcome(tmp_path, text, signed(OTHER))
    assert isinstance(forged, Rejected)
    assert forged.denial is Denial.BAD_CREDENTIAL


async def test_its_age(tmp_path: Path) -> None:
    """One day, if the file does not say another."""
    old = signed(NEW, at=NOW - 2 * 86_400)
    assert isinstance(await outcome(tmp_path, ONE, old), Rejected)
    assert isinstance(await outcome(tmp_path, ONE + "max_age_days = 3\n", old), Authentication)


async def test_key_versions(tmp_path: Path) -> None:
    """A cookie names the version of its key, and is verified by that key only."""
    for version, secret in ((1, OLD), (2, NEW)):
        good = signed({version: secret}, version)
        assert isinstance(await outcome(tmp_path, SEVERAL, good), Authentication)
        assert isinstance(
            await outcome(tmp_path, SEVERAL, signed({version: OTHER}, version)), Rejected
        )
    assert isinstance(await outcome(tmp_path, SEVERAL, signed({3: NEW}, 3)), Rejected)


WRONG = {
    "no secret": (KIND, "the cookie has no secret; write secret = "),
    "two places": (
        SEVERAL + 'secret = { env = "NEW" }\n',
        "secrets has them all; leave secret out",
    ),
    "a version": (
        KIND + 'secrets = { x = { env = "NEW" } }\n',
        r"secrets\.x: a key version is a whole",
    ),
    "no version": (KIND + "secrets = {}\n", "fewer than 32 characters"),
    "short": (KIND + 'secret = { insecure_inline = "short" }\n', "fewer than 32 characters"),
    "in the file": (KIND + f'secret = "{NEW}"\n', "a secret does not stand in this file"),
    "missing": (KIND + 'secret = { env = "NOT_THERE" }\n', "NOT_THERE is not set"),
    "age": (ONE + "max_age_days = 32\n", "at most 31"),
}


@pytest.mark.parametrize("what", WRONG)
def test_mistake_in_the_table_is_refused(what: str, tmp_path: Path) -> None:
    """A mistake is refused, and its message contains no secret."""
    text, message = WRONG[what]
    with pytest.raises(ConfigurationError, match=message) as error:
        Guard.from_config(write(tmp_path, "production = false\n" + GOOD + text))
    assert NEW not in str(error.value)


@pytest.mark.parametrize("text", [ONE, SEVERAL])
def test_a_secret_in_the_file(text: str, tmp_path: Path) -> None:
    """A secret in the file is refused in production, also if it is one of several."""
    inline = GOOD + text.replace('{ env = "NEW" }', f'{{ insecure_inline = "{NEW}" }}')
    found = check_file(write(tmp_path, inline))
    assert [one for one in found if one.level == "error" and "insecure_inline" in one.place]
    assert not [one for one in found if NEW in one.what]


def test_check_knows_that_browsers_send_it(tmp_path: Path) -> None:
    """Without allowed origins the cookie is an error, as the session cookie is."""
    text = (
        (GOOD + ONE)
        .replace('origins = ["https://app.example"]\n', "")
        .replace('[[authenticators]]\nkind = "session"\n', "")
    )
    assert ("no-origins", "error") in {
        (one.id, one.level) for one in check_file(write(tmp_path, text))
    }
