"""`check_file` finds each problem, and finds none in a correct file."""

from pathlib import Path

import pytest

from stormdoor.config.check import check_file
from stormdoor.settings.finding import Finding
from tests.config.files import GOOD, TRAIL_KEY, write

JWT = """
[[authenticators]]
kind = "jwt"
issuer = "i"
audience = "a"
"""
KEYS = 'keys = [{ algorithm = "HS256", secret = { env = "TRAIL_KEY" } }]\n'


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The secrets that the files of these tests name."""
    monkeypatch.setenv("TRAIL_KEY", TRAIL_KEY)
    monkeypatch.setenv("WEAK_KEY", "a" * 40)


def _found(path: Path, id: str) -> Finding | None:
    return next((one for one in check_file(path) if one.id == id), None)


def test_good_file(tmp_path: Path) -> None:
    """A correct file has no findings."""
    assert check_file(write(tmp_path)) == []


FINDINGS: dict[str, tuple[str, str, str, str, str]] = {
    # case: (what to replace in the good file, by what, the id, the level, the place)
    "invalid": ('kind = "session"', 'kind = "x"', "invalid", "error", "authenticators[0].kind"),
    "missing secret": ('"TRAIL_KEY"', '"NO_SUCH"', "missing-secret", "error", "trail_key"),
    "memory": (
        'store = "sqlite:door.db"',
        'store = "memory:"',
        "memory-store",
        "error",
        "store",
    ),
    "memory while developing": (
        'store = "sqlite:door.db"',
        "production = false",
        "memory-store",
        "note",
        "store",
    ),
    "memory without state": (
        'kind = "session"',
        'kind = "jwt"\nissuer = "i"\naudience = "a"\n' + KEYS,
        "shared-secret",
        "note",
        "authenticators[0].keys[0]",
    ),
    "no key": ('trail_key = { env = "TRAIL_KEY" }', "", "no-trail-key", "warning", ""),
    "for ever": ("trail_days = 365", "trail_days = false", "endless-trail", "note", "trail_days"),
    "development": ("trail_days", "production = false\ntrail_days", "development", "note", ""),
    "inline": (
        '{ env = "TRAIL_KEY" }',
        f'{{ insecure_inline = "{TRAIL_KEY}" }}\nproduction = false',
        "inline-secret",
        "warning",
        "trail_key.insecure_inline",
    ),
    "inline in production": (
        '{ env = "TRAIL_KEY" }',
        f'{{ insecure_inline = "{TRAIL_KEY}" }}',
        "invalid",
        "error",
        "trail_key.insecure_inline",
    ),
    "open secret": (
        '{ env = "TRAIL_KEY" }',
        '{ file = "secret", insecure_world_readable = true }',
        "open-secret",
        "error",
        "trail_key.insecure_world_readable",
    ),
    "plaintext": (
        "trail_days",
        "insecure_allow_plaintext = true\ntrail_days",
        "insecure-option",
        "error",
        "insecure_allow_plaintext",
    ),
    "plaintext while developing": (
        "trail_days",
        "production = false\ninsecure_allow_plaintext = true\ntrail_days",
        "insecure-option",
        "warning",
        "insecure_allow_plaintext",
    ),
    "missing origin": (
        "trail_days",
        "insecure_allow_missing_origin = true\ntrail_days",
        "insecure-option",
        "error",
        "insecure_allow_missing_origin",
    ),
    "plain cookie": (
        "[[authenticators]]",
        '[sessions]\ncookie = "a"\ninsecure_plaintext = true\n[[authenticators]]',
        "insecure-option",
        "error",
        "sessions.insecure_plaintext",
    ),
    "token in the address": (
        "[[policies.permit]]",
        f'{JWT}{KEYS}insecure_query = "t"\n[[policies.permit]]',
        "insecure-option",
        "error",
        "authenticators[1].insecure_query",
    ),
    "nobody": ('[[authenticators]]\nkind = "session"', "", "no-authenticators", "error", ""),
    "ticket alone": (
        'kind = "session"',
        'kind = "ticket"',
        "ticket-alone",
        "warning",
        "authenticators[0]",
    ),
    "twice": (
        'kind = "session"',
        'kind = "session"\n[[authenticators]]\nkind = "session"',
        "twice",
        "warning",
        "authenticators[1]",
    ),
    "no origins": ('origins = ["https://app.example"]', "", "no-origins", "error", "origins"),
    "no origins for services": (
        GOOD[GOOD.index('["https') : GOOD.index('"session"') + len('"session"')],
        '[]\n[[authenticators]]\nkind = "api-key"',
        "no-origins",
        "note",
        "origins",
    ),
    "no hosts": ('origins = ["https://app.example"]', "", "no-hosts", "warning", "hosts"),
    "empty hosts": ("trail_days", "hosts = []\ntrail_days", "no-hosts", "warning", "hosts"),
    "http": ("https://app.example", "http://app.example", "plain-origin", "error", "origins[0]"),
    "http while developing": (
        "https://app.example",
        'http://app.example"]\nproduction = false\nhosts = ["a',
        "plain-origin",
        "note",
        "origins[0]",
    ),
    "localhost": (
        "https://app.example",
        "http://localhost:3000",
        "local-origin",
        "warning",
        "origins[0]",
    ),
    "subdomains": (
        "https://app.example",
        "https://*.app.example",
        "wildcard-origin",
        "warning",
        "origins[0]",
    ),
    "everybody is a proxy": (
        "trail_days",
        'trusted_proxies = ["10.0.0.1", "0.0.0.0/0"]\ntrail_days',
        "wide-proxies",
        "error",
        "trusted_proxies[1]",
    ),
    "half the new internet": (
        "trail_days",
        'trusted_proxies = ["2000::/3"]\ntrail_days',
        "wide-proxies",
        "error",
        "trusted_proxies[0]",
    ),
    "huge message": (
        "[[authenticators]]",
        '[limits]\nmessage_bytes = 2_000_000\nbytes_per_connection = "2000000/s"\n[[authenticators]]',
        "high-limit",
        "warning",
        "limits.message_bytes",
    ),
    "endless connection": (
        "[[authenticators]]",
        "[limits]\nconnection_seconds = false\n[[authenticators]]",
        "high-limit",
        "warning",
        "limits.connection_seconds",
    ),
    "fast handshakes": (
        "[[authenticators]]",
        '[limits]\nhandshakes_per_address = "100/s"\n[[authenticators]]',
        "high-limit",
        "warning",
        "limits.handshakes_per_address",
    ),
    "guessing": (
        "[[authenticators]]",
        '[limits]\nfailures_per_address = "1/s burst 1000"\n[[authenticators]]',
        "high-limit",
        "warning",
        "limits.failures_per_address",
    ),
    "sessions for a year": (
        "[[authenticators]]",
        "[sessions]\nabsolute_seconds = 31_536_000\n[[authenticators]]",
        "high-limit",
        "warning",
        "sessions.absolute_seconds",
    ),
    "eternal tokens": (
        "[[policies.permit]]",
        f"{JWT}{KEYS}max_age = false\n[[policies.permit]]",
        "eternal-tokens",
        "warning",
        "authenticators[1].max_age",
    ),
    "tokens for a month": (
        "[[policies.permit]]",
        f"{JWT}{KEYS}max_age = 2_592_000\n[[policies.permit]]",
        "eternal-tokens",
        "warning",
        "authenticators[1].max_age",
    ),
    "leeway": (
        "[[policies.permit]]",
        f"{JWT}{KEYS}leeway = 120\n[[policies.permit]]",
        "leeway",
        "warning",
        "authenticators[1].leeway",
    ),
    "weak key": (
        "[[policies.permit]]",
        f"{JWT}{KEYS.replace('TRAIL', 'WEAK')}[[policies.permit]]",
        "weak-key",
        "error",
        "authenticators[1].keys[0]",
    ),
    "no policies": (
        GOOD[GOOD.index("[[policies.role]]") :],
        "",
        "no-policies",
        "warning",
        "policies",
    ),
    "almighty role": (
        'inherits = ["member"]',
        'grants = ["*"]',
        "almighty-role",
        "warning",
        "policies.role[1].grants",
    ),
    "almighty across tenants": (
        'inherits = ["member"]',
        'grants = ["*"]\nacross_tenants = true',
        "almighty-role",
        "error",
        "policies.role[1].grants",
    ),
    "role across tenants": (
        'inherits = ["member"]',
        'inherits = ["member"]\nacross_tenants = true',
        "across-tenants",
        "note",
        "policies.role[1].across_tenants",
    ),
    "permit across tenants": (
        "when =",
        "across_tenants = true\nwhen =",
        "across-tenants",
        "note",
        "policies.permit[0].across_tenants",
    ),
    "empty role": (
        "[[policies.permit]]",
        '[[policies.role]]\nname = "guest"\n[[policies.permit]]',
        "empty-role",
        "warning",
        "policies.role[2]",
    ),
    "covered grant": (
        '"chat:say"]',
        '"chat:*"]',
        "covered-grant",
        "note",
        "policies.role[0].grants",
    ),
    "covered pattern": (
        '"chat:say"]',
        '"room:*", "*"]',
        "covered-grant",
        "note",
        "policies.role[0].grants",
    ),
    "open permit": (
        'roles = ["moderator"]\nwhen = "resource.id in principal.moderates"\n',
        "",
        "open-permit",
        "warning",
        "policies.permit[0]",
    ),
    "open permit of everything": (
        '["chat:kick"]\nroles = ["moderator"]\nwhen = "resource.id in principal.moderates"\n',
        '["*"]\n',
        "open-permit",
        "error",
        "policies.permit[0]",
    ),
    "almighty permit": (
        '["chat:kick"]',
        '["*"]',
        "almighty-permit",
        "warning",
        "policies.permit[0].permissions",
    ),
    "open permit of whoever has proved enough": (
        'roles = ["moderator"]\nwhen = "resource.id in principal.moderates"\n',
        "require = { strength = 2 }\n",
        "open-permit",
        "warning",
        "policies.permit[0]",
    ),
    "shut": (
        "[[policies.permit]]",
        '[[policies.forbid]]\npermissions = ["*"]\n[[policies.permit]]',
        "shut",
        "error",
        "policies.forbid[0]",
    ),
}


@pytest.mark.parametrize("case", FINDINGS)
def test_finding(case: str, tmp_path: Path) -> None:
    """Each weakness is found at its place, with its level, and with what to write."""
    old, new, id, level, place = FINDINGS[case]
    assert old in GOOD
    (tmp_path / "secret").write_text(TRAIL_KEY, encoding="utf-8")
    (tmp_path / "secret").chmod(0o604)
    found = _found(write(tmp_path, GOOD.replace(old, new)), id)
    assert found is not None
    assert found.level == level
    if id != "development":
        assert found.place == place
    assert found.write or id in {"invalid", "missing-secret", "twice", "across-tenants"}
    assert TRAIL_KEY not in found.what + found.write


def test_memory_store_without_state_is_a_warning(tmp_path: Path) -> None:
    """Tokens need no store; but revocations and the trail do."""
    text = GOOD.replace("sqlite:door.db", "memory:").replace(
        'kind = "session"', f'kind = "jwt"\nissuer = "i"\naudience = "a"\n{KEYS}'
    )
    found = _found(write(tmp_path, text), "memory-store")
    assert found is not None
    assert found.level == "warning"
    once = text.replace('audience = "a"\n', 'audience = "a"\nsingle_use = true\n')
    found = _found(write(tmp_path, once), "memory-store")
    assert found is not None
    assert found.level == "error"  # used tokens are forgotten with the process


def test_file_that_cannot_be_read(tmp_path: Path) -> None:
    """A file that is no configuration at all is one finding, not an exception."""
    (found,) = check_file(write(tmp_path, "="))
    assert (found.id, found.level) == ("unreadable", "error")
    assert "is not TOML" in found.what
    (found,) = check_file(tmp_path / "nothing.toml")
    assert found.id == "unreadable"


def test_wrong_shape_is_all_that_is_said(tmp_path: Path) -> None:
    """A file of the wrong shape gets one message, without guesses about the rest."""
    assert {one.id for one in check_file(write(tmp_path, "orgins = []"))} == {"invalid"}


def test_line(tmp_path: Path) -> None:
    """A finding names the line."""
    found = _found(write(tmp_path, GOOD.replace("https://app", "http://app")), "plain-origin")
    assert found is not None
    assert found.line == 2


def test_gravest_first(tmp_path: Path) -> None:
    """Errors come before warnings, and these before notes."""
    levels = [one.level for one in check_file(write(tmp_path, ""))]
    assert levels == sorted(levels, key=["error", "warning", "note"].index)
    assert levels[0] == "error"


def test_without_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`secrets=False` checks a file on a machine without its secrets."""
    monkeypatch.delenv("TRAIL_KEY")
    path = write(tmp_path)
    assert [one.id for one in check_file(path)] == ["missing-secret"]
    assert check_file(path, secrets=False) == []


def test_open_file_with_a_secret(tmp_path: Path) -> None:
    """The check reports a secret in a file that each user of the machine may read."""
    for each in (tmp_path, *tmp_path.parents):
        if each == Path("/tmp"):
            break
        each.chmod(each.stat().st_mode | 0o011)
    if not all(each.stat().st_mode & 0o001 for each in (tmp_path, *tmp_path.parents)):
        pytest.skip("a directory above the temporary one is closed to others")
    text = f'production = false\ntrail_key = {{ insecure_inline = "{TRAIL_KEY}" }}'
    found = _found(write(tmp_path, text, mode=0o644), "open-file")
    assert found is not None
    assert found.write.startswith("chmod o-r ")


def test_open_store(tmp_path: Path) -> None:
    """The check finds a store that each user may open before the server corrects its mode."""
    (tmp_path / "door.db").touch(0o644)
    (tmp_path / "door.db").chmod(0o644)
    found = _found(write(tmp_path), "open-store")
    assert found is not None
    assert found.level == "error"


def test_store_kept_elsewhere_is_not_looked_for(tmp_path: Path) -> None:
    """A store that is named by a secret is not judged by its name."""
    text = GOOD.replace('"sqlite:door.db"', '{ env = "STORE_OF_TEST" }')
    assert [one.id for one in check_file(write(tmp_path, text), secrets=False)] == []
