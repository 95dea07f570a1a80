"""A guard from a file: what is understood, and what is refused, with its place."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from stormdoor import (
    ApiKeyAuthenticator,
    ConfigurationError,
    Guard,
    JwtAuthenticator,
    Limits,
    PolicySet,
    SessionAuthenticator,
    SignedCookieAuthenticator,
    TicketAuthenticator,
    forbid,
    permit,
    require,
    role,
)
from stormdoor.config.check import check_file
from stormdoor.config.file import read_options, read_policies
from stormdoor.core.decision import AccessRequest, Environment, Resource
from stormdoor.core.principal import Principal
from tests.config.files import GOOD, TRAIL_KEY, write

SECRET = "hunter2-hunter2-hunter2-hunter2-hunter2"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The secrets that the files of these tests name."""
    monkeypatch.setenv("TRAIL_KEY", TRAIL_KEY)
    monkeypatch.setenv("TOKEN_KEY", SECRET)


def _refused(path: Path) -> str:
    with pytest.raises(ConfigurationError) as caught:
        Guard.from_config(path)
    return str(caught.value)


def test_good_file(tmp_path: Path) -> None:
    """A file becomes a guard with what it says."""
    guard = Guard.from_config(str(write(tmp_path)))
    assert guard.handshake_policy.origins.entries == ("https://app.example",)
    assert guard.handshake_policy.hosts.entries == ("app.example",)
    assert guard.production
    assert not guard.memory_only
    assert [type(one) for one in guard.authenticators] == [SessionAuthenticator]
    assert set(guard.policies.roles) == {"member", "moderator"}
    assert guard.insecure_options == []


def test_empty_file_has_the_defaults_of_guard(tmp_path: Path) -> None:
    """An option that is left out has the default of `Guard()`."""
    guard, usual = Guard.from_config(write(tmp_path, "")), Guard()
    assert guard.limits == usual.limits == Limits()
    assert guard.memory_only
    assert guard.authenticators == ()
    assert guard.production is usual.production is True


def test_every_part(tmp_path: Path) -> None:
    """Every table is passed on."""
    key = Ed25519PrivateKey.generate().public_key()
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "key.pem").write_bytes(pem)
    text = """
        production = false
        origins = ["https://*.example.com"]
        hosts = ["app.example.com"]
        trusted_proxies = ["10.0.0.0/8", "fd00::1"]
        trail_days = 30.5
        insecure_allow_plaintext = true
        insecure_allow_missing_origin = true
        [limits]
        message_bytes = 1000
        handshakes_per_address = "5/s burst 20"
        connection_seconds = false
        outbound_seconds = 5
        [sessions]
        idle_seconds = 60
        absolute_seconds = 600
        max_sessions = 3
        cookie = "door"
        samesite = "Strict"
        insecure_plaintext = true
        [passwords]
        min_length = 15
        passes = 3
        [[authenticators]]
        kind = "session"
        [[authenticators]]
        kind = "ticket"
        [[authenticators]]
        kind = "api-key"
        [[authenticators]]
        kind = "jwt"
        issuer = "https://login.example"
        audience = ["chat", "dashboard"]
        types = [false, "at+jwt"]
        roles_claim = false
        session_claim = false
        max_age = false
        insecure_query = "token"
        keys = [
          { algorithm = "EdDSA", kid = "a", public_key_file = "key.pem" },
          { algorithm = "HS256", kid = "b", secret = { env = "TOKEN_KEY" } },
        ]
    """
    guard = Guard.from_config(write(tmp_path, text))
    assert not guard.production
    assert guard.handshake_policy.hosts.entries == ("app.example.com",)
    assert [str(one) for one in guard.trusted_proxies] == ["10.0.0.0/8", "fd00::1/128"]
    assert guard.limits == Limits(
        message_bytes=1000,
        handshakes_per_address="5/s burst 20",
        connection_seconds=None,
        outbound_seconds=5,
    )
    assert (guard.sessions.cookie.name, guard.sessions.cookie.samesite) == ("door", "Strict")
    assert guard.passwords.unacceptable("only 14 chars.") == "use at least 15 characters"
    session, ticket, key_, jwt = guard.authenticators
    assert isinstance(session, SessionAuthenticator)
    assert session.places[0].name == "door", "the cookie has one name"
    assert isinstance(ticket, TicketAuthenticator)
    assert isinstance(key_, ApiKeyAuthenticator)
    assert isinstance(jwt, JwtAuthenticator)
    assert [one.kid for one in jwt.keys] == ["a", "b"]
    assert guard.insecure_options == [
        "insecure_allow_plaintext",
        "insecure_allow_missing_origin",
        "CookieSpec.insecure_plaintext",
        "JwtAuthenticator.insecure_query",
    ]


def test_authenticators_made_in_python_come_after(tmp_path: Path) -> None:
    """`authenticators` adds authenticators that a file cannot name."""
    further = SignedCookieAuthenticator("user", SECRET)
    guard = Guard.from_config(write(tmp_path), authenticators=[further])
    assert guard.authenticators[-1] is further
    assert len(guard.authenticators) == 2


async def test_store_is_relative_to_the_file(tmp_path: Path) -> None:
    """A relative path means the same wherever the command is run."""
    async with Guard.from_config(write(tmp_path)):
        assert (tmp_path / "door.db").exists()


async def test_store_may_be_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The URL of a store may be kept elsewhere."""
    monkeypatch.setenv("STORE_OF_TEST", f"sqlite:{tmp_path}/other.db")
    path = write(tmp_path, 'store = { env = "STORE_OF_TEST" }')
    async with Guard.from_config(path):
        assert (tmp_path / "other.db").exists()


def test_insecure_inline_secret_is_named_by_the_start_up_check(tmp_path: Path) -> None:
    """While developing, a secret may stand in the file, and the guard says so."""
    path = write(tmp_path, f'production = false\ntrail_key = {{ insecure_inline = "{TRAIL_KEY}" }}')
    assert Guard.from_config(path).insecure_options == ["trail_key.insecure_inline"]


def test_options_show_no_secret(tmp_path: Path) -> None:
    """The repr of what was read holds no secret."""
    assert TRAIL_KEY not in repr(read_options(write(tmp_path)))


def test_policies_need_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reloading policies does not look at secrets."""
    monkeypatch.delenv("TRAIL_KEY")
    assert set(read_policies(write(tmp_path)).roles) == {"member", "moderator"}


@pytest.mark.parametrize(("room", "allowed"), [("lobby", True), ("ops", False)])
def test_conditions_decide(tmp_path: Path, room: str, allowed: bool) -> None:
    """A policy of the file decides as one in Python does."""
    who = Principal("mia", frozenset({"moderator"}), attributes={"moderates": ["lobby"]})
    where = Environment(0.0, "192.0.2.1", "/chat", "session", 0.0, 1)
    request = AccessRequest(who, "chat:kick", Resource("room", room), where)
    assert bool(read_policies(write(tmp_path)).decide(request)) is allowed


def test_policies_are_named_after_their_position(tmp_path: Path) -> None:
    """A policy without an id is called after its place among its own kind, from 1."""
    text = GOOD + '[[policies.forbid]]\npermissions = ["chat:say"]\nroles = ["moderator"]\n'
    policies = read_policies(write(tmp_path, text))
    assert [one.id for one in policies.policies] == ["permit-1", "forbid-1"]


def test_the_fence(tmp_path: Path) -> None:
    """The hold, and the freshness of single endpoints, have the values in the file."""
    text = 'production = false\nhold_seconds = 3\n[freshness]\n"/prices" = "5"\n"/news" = "none"\n'
    guard = Guard.from_config(write(tmp_path, text))
    assert guard.fence.hold_seconds == 3.0
    assert guard.freshness == {"/prices": "5", "/news": "none"}


async def test_the_life_of_tickets(tmp_path: Path) -> None:
    """A ticket has the lifetime in the file."""
    guard = Guard.from_config(write(tmp_path, "production = false\nticket_seconds = 5"))
    async with guard:
        await guard.admin.add_principal("mia")
        session = (await guard.sessions.create("mia")).session
        issued = await guard.tickets.issue(session, origin=None, endpoint="/chat")
        assert issued is not None
        assert issued.expires_in == pytest.approx(5.0)


AGED = """\
[[policies.role]]
name = "customer"
grants = ["bank:*"]
[[policies.permit]]
id = "auditors"
permissions = ["books:read"]
when = "environment.endpoint == \\"/bank\\""
require = { fresh = "5min", strength = 2 }
[[policies.forbid]]
id = "shred"
permissions = ["bank:shred"]
roles = ["customer"]
[policies.forbid.unless]
fresh = 60
acr = "gold"
"""


@pytest.mark.parametrize("age", [30.0, 61.0, 301.0])
@pytest.mark.parametrize("strength", [1, 2])
@pytest.mark.parametrize("acr", [None, "gold"])
@pytest.mark.parametrize("permission", ["books:read", "bank:shred", "bank:connect"])
def test_requirements_decide_as_in_python(
    permission: str, acr: str | None, strength: int, age: float, tmp_path: Path
) -> None:
    """The same policies in TOML and in Python give the same decision, with what lacks and why."""
    python = PolicySet(
        [
            role("customer", "bank:*"),
            permit(
                "books:read",
                when=['environment.endpoint == "/bank"', require(fresh="5min", strength=2)],
                id="auditors",
            ),
            forbid(
                "bank:shred", roles=["customer"], unless=require(fresh=60, acr="gold"), id="shred"
            ),
        ]
    )
    who = Principal("mia", frozenset({"customer"}))
    where = Environment(0.0, "192.0.2.1", "/bank", "session", age, strength, acr)
    request = AccessRequest(who, permission, None, where)
    decided = read_policies(write(tmp_path, AGED)).decide(request)
    assert decided == python.decide(request)
    proved = {"books:read": age <= 300 and strength == 2, "bank:shred": age <= 60 and acr == "gold"}
    assert decided.allowed is proved.get(permission, True)
    assert (decided.needs is None) is decided.allowed


KEYS = 'keys = [{ algorithm = "HS256", secret = { env = "TOKEN_KEY" } }]'
JWT = '[[authenticators]]\nkind = "jwt"\nissuer = "i"\naudience = "a"\n'

WRONG: dict[str, tuple[str, str]] = {
    # what is wrong: (the file, what the message says)
    "misspelt option": ('orgins = ["https://a.example"]', r':1: orgins: .*mean "origins"\?'),
    "option of no name": ("zzz = 1", r"zzz: there is no option 'zzz' here; there are: authenticat"),
    "misspelt limit": ("[limits]\n\nmesage_bytes = 1", r":3: limits.mesage_bytes: .*message_bytes"),
    "misspelt in a list": (
        '[[policies.role]]\nname = "a"\ngrant = ["x"]',
        r":3: policies.role\[0\].grant: .*grants",
    ),
    "misspelt in a kind": (f"{JWT}isser = 1", r":5: authenticators\[0\].isser: .*issuer"),
    "misspelt secret": (
        'trail_key = { enw = "X" }',
        r"trail_key.enw: .*mean \"env\"",
    ),
    "wrong type": ("production = 1", "production: expected true or false, not a whole number"),
    "wrong type of two": ("store = 1", "store: expected a text or a table, not a whole number"),
    "number in a text": (
        '[limits]\nmessage_bytes = "1k"',
        "message_bytes: expected a whole number, not a text",
    ),
    "required": ('[[policies.permit]]\nid = "a"', r"permit\[0\]: permissions is missing; write"),
    "no kind": ("[[authenticators]]", "the kind is missing"),
    "misspelt kind": (
        '[[authenticators]]\nkind = "sesion"',
        r'authenticators\[0\].kind: there is no kind .*mean "session"',
    ),
    "strange kind": ('[[authenticators]]\nkind = "zzz"', 'write kind = "session"'),
    "signed cookie": (
        '[[authenticators]]\nkind = "signed-cookie"\ncookie = "user"',
        r'authenticators\[0\]: the cookie has no secret; write secret = \{ env = "COOKIE_SECRET" \}',
    ),
    "value of a choice": (f'{JWT}keys = []\nprincipals = "x"', "'x' is not one of the values"),
    "origin": ('origins = ["https://a.example", "*"]', r":1: origins\[1\]: .*list the origins"),
    "host": ('hosts = ["https://a.example"]', r"hosts\[0\]: .*not a host"),
    "proxy": ('trusted_proxies = ["10.0.0.1/8"]', r"trusted_proxies\[0\]: .*host bits"),
    "rate": (
        '[limits]\nhandshakes_per_address = "5"',
        r":2: limits.handshakes_per_address: .*rate",
    ),
    "negative limit": ("[limits]\noffences = -1", r":2: limits.offences: .*greater than 0"),
    "limits that contradict": (
        "[limits]\nmessage_bytes = 1000000",
        "bytes_per_connection has a burst below",
    ),
    "true is no limit": (
        "[limits]\nconnection_seconds = true",
        ":2: limits.connection_seconds: true is no limit",
    ),
    "days": ("trail_days = 0", "trail_days: must be greater than 0"),
    "true is no number of days": ("trail_days = true", "trail_days: must be greater than 0"),
    "no share": (
        "[telemetry]\nmessage_ratio = 2",
        "telemetry.message_ratio: message_ratio must be",
    ),
    "no budget": (
        "trail_budget_bytes = 1000000",
        "trail_budget_bytes: .*must be at least 16777216",
    ),
    "no size": ("store_limit_bytes = 0", "store_limit_bytes: must be greater than 0"),
    "sessions": ("[sessions]\nidle_seconds = -1", "sessions: .*idle_seconds"),
    "cookie": ("[sessions]\ninsecure_plaintext = true", "sessions: browsers refuse"),
    "cheap hash": ("[passwords]\nmemory_kib = 10", "passwords: Argon2 is set too cheap"),
    "store": ('store = "mysql://x"', "store: the URL of a store is"),
    "secret in the file": (f'trail_key = "{SECRET}"', "trail_key: a secret does not stand in"),
    "inline in production": (
        f'trail_key = {{ insecure_inline = "{SECRET}" }}',
        "trail_key.insecure_inline: .*production = true does not accept",
    ),
    "short key of the trail": (
        'production = false\ntrail_key = { insecure_inline = "short" }',
        "fewer than 32 bytes",
    ),
    "no keys": (f"{JWT}keys = []", r"authenticators\[0\].keys: a token needs a key"),
    "algorithm": (
        f'{JWT}keys = [{{ algorithm = "none" }}]',
        r"keys\[0\].algorithm: 'none' is not accepted; use one of",
    ),
    "misspelt algorithm": (f'{JWT}keys = [{{ algorithm = "EDDSA" }}]', 'mean "EdDSA"'),
    "secret without one": (f'{JWT}keys = [{{ algorithm = "HS256" }}]', "HS256 has a secret"),
    "public key without one": (
        f'{JWT}keys = [{{ algorithm = "EdDSA" }}]',
        "EdDSA has a public key; write public_key_file",
    ),
    "no such key file": (
        f'{JWT}keys = [{{ algorithm = "EdDSA", public_key_file = "no.pem" }}]',
        "public_key_file: .*no.pem cannot be read",
    ),
    "short secret": (
        f'{JWT}keys = [{{ algorithm = "HS512", secret = {{ env = "TOKEN_KEY" }} }}]',
        r"keys\[0\]: .*bytes; use 64 or more",
    ),
    "claim": (f"{JWT}keys = []\nroles_claim = true", "roles_claim: true says nothing here"),
    "contradiction in a kind": (
        f'{JWT}principals = "store"\ntenant_claim = "t"\n{KEYS}',
        r"authenticators\[0\]: with principals=",
    ),
    "tickets that live for ever": (
        "production = false\nticket_seconds = 3600",
        ":2: ticket_seconds: a ticket lives 1 to 30 seconds",
    ),
    "freshness": (
        'production = false\n[freshness]\n"/prices" = "5 s"',
        r'freshness.*: freshness must be "strict", "none", or a number of seconds',
    ),
    "hold that is no time": (
        "production = false\nhold_seconds = -1",
        ":2: hold_seconds: hold_seconds must be 0 to 300",
    ),
    "permission": (
        '[[policies.role]]\nname = "a"\ngrants = ["Chat"]',
        r":3: policies.role\[0\].grants\[0\]: .*not a permission pattern",
    ),
    "name of a role": ('[[policies.role]]\nname = "a b"', r":1: policies.role\[0\]: 'a b' is not"),
    "role twice": (
        '[[policies.role]]\nname = "a"\n[[policies.role]]\nname = "a"',
        r":4: policies.role\[1\].name: .*twice",
    ),
    "unknown parent": (
        '[[policies.role]]\nname = "member"\n[[policies.role]]\nname = "x"\ninherits = ["membr"]',
        r':5: policies.role\[1\].inherits\[0\]: .*mean "member"',
    ),
    "circle": (
        '[[policies.role]]\nname = "a"\ninherits = ["a"]',
        "policies: roles inherit in a circle",
    ),
    "unknown role of a policy": (
        '[[policies.forbid]]\npermissions = ["x"]\nroles = ["y"]',
        r"policies.forbid\[0\].roles\[0\]: the role 'y' is not defined",
    ),
    "condition": (
        '[[policies.permit]]\npermissions = ["x"]\nwhen = "resource.id is 1"',
        r":3: policies.permit\[0\].when: .*not a condition",
    ),
    "one condition of several": (
        '[[policies.permit]]\npermissions = ["x"]\nwhen = ["resource.id == 1", "y"]',
        r"policies.permit\[0\].when\[1\]: 'y' is not a condition",
    ),
    "require in a forbid": (
        '[[policies.forbid]]\npermissions = ["x"]\nrequire = { strength = 2 }',
        r":3: policies.forbid\[0\].require: .*in a forbid write unless = ",
    ),
    "unless in a permit": (
        '[[policies.permit]]\npermissions = ["x"]\nunless = { strength = 2 }',
        r":3: policies.permit\[0\].unless: .*in a permit write require = ",
    ),
    "across_tenants in a forbid": (
        '[[policies.forbid]]\npermissions = ["x"]\nacross_tenants = true',
        "leave it out",
    ),
    "name of a requirement": (
        '[[policies.permit]]\npermissions = ["x"]\nrequire = { frehs = "5min" }',
        r'permit\[0\].require.frehs: .*mean "fresh"',
    ),
    "name of a requirement in Python": (
        '[[policies.forbid]]\npermissions = ["x"]\nunless = { max_age = 300 }',
        r'forbid\[0\].unless.max_age: .*write fresh = "5min"',
    ),
    "requirement of nothing": (
        '[[policies.permit]]\npermissions = ["x"]\nrequire = {}',
        r":3: policies.permit\[0\].require: .*requires nothing",
    ),
    "requirement that is no time": (
        '[[policies.forbid]]\npermissions = ["x"]\nunless = { fresh = "soon" }',
        r":3: policies.forbid\[0\].unless: fresh is a time such as",
    ),
    "requirement that is no number": (
        '[[policies.forbid]]\npermissions = ["x"]\nunless = { strength = true }',
        r"forbid\[0\].unless.strength: expected a whole number",
    ),
    "requirement as text": (
        '[[policies.permit]]\npermissions = ["x"]\nwhen = "require(strength=2)"',
        r":3: policies.permit\[0\].when: .*write beside it in a permit require = ",
    ),
    "requirement beside no condition": (
        '[[policies.permit]]\npermissions = ["x"]\nwhen = []\nrequire = { strength = 2 }',
        r"permit\[0\]: when=\[\] holds always",
    ),
    "no permission": (
        "[[policies.permit]]\npermissions = []",
        r"permit\[0\]: .*needs a permission",
    ),
    "id twice": (
        2 * '[[policies.permit]]\nid = "a"\npermissions = ["x"]\n',
        "policies: the policy id 'a' is used twice",
    ),
    "not TOML": ("origins = [", "stormdoor.toml.*: is not TOML"),
    "not TOML, with its place": (
        "a = 1\nb = =",
        r"stormdoor.toml:2:5: is not TOML: Invalid value",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_message_of_a_mistake(case: str, tmp_path: Path) -> None:
    """An error names file, line, place and the line to write."""
    text, message = WRONG[case]
    path = write(tmp_path, text)
    refusal = _refused(path)
    assert refusal.startswith(str(path))
    with pytest.raises(ConfigurationError, match=message):
        Guard.from_config(path)
    assert SECRET not in refusal


def test_everything_wrong_is_said_at_once(tmp_path: Path) -> None:
    """One run names all problems, in the order of the lines."""
    text = """\
origins = ["*"]
trail_key = { env = "NO_SUCH_VARIABLE" }
[[policies.permit]]
permissions = ["Chat"]
when = "never"
"""
    lines = _refused(write(tmp_path, text)).splitlines()
    assert [line.split(":")[1] for line in lines] == ["1", "2", "4", "5"]


MISTAKES = """\
orgins = ["https://a.example"]
hosts = ["a.example", 7, "https://b.example"]
production = "yes"
trail_days = true
trail_key = { env = "NO_SUCH_VARIABLE" }
[limits]
message_bytes = "1k"
messages_per_principal = "fast"
mesage_bytes = 1
[sessions]
idle_seconds = [1]
absolute_seconds = 1
[oidc]
issuer = "https://login.example"
client_id = 5
redirect_uri = "https://a.example/callback"
[oidc.roles]
staff = ["member"]
boss = "admin"
chief = [1]
[[authenticators]]
kind = "sesion"
[[authenticators]]
kind = "jwt"
isser = "i"
audience = "a"
leeway = "x"
max_age = true
keys = [
  { algorithm = 5 },
  { algorithm = "HS256" },
  { algorithm = "EDDSA" },
]
[[authenticators]]
kind = "session"
principals = "no such option"
[[policies.role]]
grants = ["a:b"]
[[policies.role]]
name = "member"
grants = ["Chat", 1, "Feed"]
inherits = ["boss", "nobody"]
[[policies.role]]
name = "boss"
across_tenants = 1
[[policies.permit]]
permissions = ["a:b"]
when = "never"
[[policies.forbid]]
id = 1
"""


def test_mistakes_of_every_sort_are_said_in_one_round(tmp_path: Path) -> None:
    """Names, types and values; each once, at its own line, and none that follows from another."""
    path = write(tmp_path, MISTAKES)
    lines = _refused(path).splitlines()
    places = [
        line.split(": ")[0].removeprefix(f"{path}:") + " " + line.split(": ")[1] for line in lines
    ]
    assert places == [
        "1 orgins",
        "2 hosts[1]",
        "2 hosts[2]",
        "3 production",
        "4 trail_days",
        "5 trail_key",
        "7 limits.message_bytes",
        "8 limits.messages_per_principal",
        "9 limits.mesage_bytes",
        "11 sessions.idle_seconds",
        "15 oidc.client_id",
        "19 oidc.roles.boss",
        "20 oidc.roles.chief[0]",
        "22 authenticators[0].kind",
        "25 authenticators[1].isser",
        "27 authenticators[1].leeway",
        "28 authenticators[1].max_age",
        "30 authenticators[1].keys[0].algorithm",
        "31 authenticators[1].keys[1]",
        "32 authenticators[1].keys[2].algorithm",
        "36 authenticators[2].principals",
        "37 policies.role[0]",
        "41 policies.role[1].grants[0]",
        "41 policies.role[1].grants[1]",
        "41 policies.role[1].grants[2]",
        "42 policies.role[1].inherits[1]",
        "45 policies.role[2].across_tenants",
        "48 policies.permit[0].when",
        "49 policies.forbid[0]",
        "50 policies.forbid[0].id",
    ]
    found = check_file(path)
    assert len(found) == len(lines)
    assert [one.id for one in found if one.line == 5] == ["missing-secret"]


def test_many_mistakes_end(tmp_path: Path) -> None:
    """A list of a thousand wrong values is not converted a thousand times."""
    text = f"origins = [{', '.join(['1'] * 1000)}]"
    lines = _refused(write(tmp_path, text)).splitlines()
    assert len(lines) == 101
    assert "more than 100 mistakes" in "".join(lines)


def test_a_file_that_nests_too_deep(tmp_path: Path) -> None:
    """A file is refused before the recursion of the parser ends the process."""
    assert "nest too deep" in _refused(write(tmp_path, f"a = {'[' * 100_000}"))


def test_private_key_is_refused(tmp_path: Path) -> None:
    """A server that verifies tokens does not get the key that makes them."""
    pem = Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    (tmp_path / "key.pem").write_bytes(pem)
    text = f'{JWT}keys = [{{ algorithm = "EdDSA", public_key_file = "key.pem" }}]'
    assert "openssl pkey -in" in _refused(write(tmp_path, text))


FILES: dict[str, tuple[bytes, int, str]] = {
    "everybody may change it": (b"", 0o666, "chmod o-w"),
    "not UTF-8": (b"\xff", 0o600, "not UTF-8"),
    "huge": (b"#" * 1_100_000, 0o600, "longer than"),
}


@pytest.mark.parametrize("case", FILES)
def test_unusable_file(case: str, tmp_path: Path) -> None:
    """A file that cannot be trusted or read is refused as a whole."""
    content, mode, message = FILES[case]
    path = tmp_path / "stormdoor.toml"
    path.write_bytes(content)
    path.chmod(mode)
    assert message in _refused(path)


def test_missing_file(tmp_path: Path) -> None:
    """A file that is not there is an error with its name, not a traceback."""
    assert "nothing.toml: cannot be read" in _refused(tmp_path / "nothing.toml")


def test_file_of_the_older_name(tmp_path: Path) -> None:
    """An error about a missing stormdoor.toml names the file with the name of older documents beside it."""
    older = write(tmp_path, name="door.toml")
    assert f"rename {older} to stormdoor.toml" in _refused(tmp_path / "stormdoor.toml")
