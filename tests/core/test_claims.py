"""The claims of a token are read strictly, and judged by the clock at every use."""

import math
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormdoor.core.claims import MAX_TEXT, ClaimRules, Claims, read_claims
from stormdoor.core.malformed import Malformed
from stormdoor.errors import ConfigurationError

NOW = 1_767_225_600.0
RULES = ClaimRules(
    issuer="https://login.example",
    audiences=frozenset({"chat"}),
    max_age=3600.0,
    roles="roles",
    session="sid",
)
SOUND: dict[str, object] = {
    "iss": "https://login.example",
    "aud": "chat",
    "sub": "alice",
    "exp": NOW + 300,
    "iat": NOW,
}


def read(changes: Mapping[str, object], rules: ClaimRules = RULES) -> Claims | Malformed:
    """The sound claims with `changes`; `...` takes one away."""
    claims = {name: value for name, value in {**SOUND, **changes}.items() if value is not ...}
    return read_claims(claims, rules)


def sound(changes: Mapping[str, object], rules: ClaimRules = RULES) -> Claims:
    """Return the claims of a token, which must be valid."""
    claims = read(changes, rules)
    assert isinstance(claims, Claims), claims
    return claims


def unsound(changes: Mapping[str, object], rules: ClaimRules = RULES) -> str:
    """Return why the claims of a token are invalid, which they must be."""
    outcome = read(changes, rules)
    assert isinstance(outcome, Malformed), outcome
    return outcome.reason


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"iss": ...}, "iss is not a text"),
        ({"iss": ["https://login.example"]}, "iss is not a text"),
        ({"iss": "https://login.example/"}, "another issuer"),
        ({"iss": "https://LOGIN.example"}, "another issuer"),
        ({"iss": ""}, "another issuer"),
        ({"aud": ...}, "aud is not"),
        ({"aud": None}, "aud is not"),
        ({"aud": {"chat": True}}, "aud is not"),
        ({"aud": ["chat", 1]}, "aud is not"),
        ({"aud": [["chat"]]}, "aud is not"),
        ({"aud": []}, "other audiences"),
        ({"aud": ""}, "other audiences"),
        ({"aud": "chat admin"}, "other audiences"),
        ({"aud": "Chat"}, "other audiences"),
        ({"aud": "chat/"}, "other audiences"),
        ({"aud": ["admin", "chatter"]}, "other audiences"),
        ({"sub": ...}, "sub is missing"),
        ({"sub": None}, "sub is not a text"),
        ({"sub": 7}, "sub is not a text"),
        ({"sub": ""}, "sub is not a text"),
        ({"sub": "alice\n"}, "sub is not a text"),
        ({"sub": "ali\x00ce"}, "sub is not a text"),
        ({"sub": "alice\u202e"}, "sub is not a text"),
        ({"sub": "\ud800"}, "sub is not a text"),
        ({"sub": "a" * (MAX_TEXT + 1)}, "sub is not a text"),
        ({"exp": ...}, "exp is missing"),
        ({"exp": None}, "exp is not a number"),
        ({"exp": True}, "exp is not a number"),
        ({"exp": str(NOW + 300)}, "exp is not a number"),
        ({"exp": [NOW + 300]}, "exp is not a number"),
        ({"exp": math.inf}, "exp is not a date"),
        ({"exp": math.nan}, "exp is not a date"),
        ({"exp": -1}, "exp is not a date"),
        ({"exp": (NOW + 300) * 1000}, "exp is not a date"),
        ({"exp": 10**400}, "exp is not a date"),
        ({"iat": None}, "iat is not a number"),
        ({"iat": False}, "iat is not a number"),
        ({"iat": "0"}, "iat is not a number"),
        ({"iat": NOW + 400}, "exp comes before iat"),
        ({"nbf": "now"}, "nbf is not a number"),
        ({"nbf": math.nan}, "nbf is not a date"),
        ({"auth_time": {}}, "auth_time is not a number"),
        ({"exp": NOW + 3601}, "longer than max_age=3600"),
        ({"jti": ""}, "jti is not a text"),
        ({"jti": 1}, "jti is not a text"),
        ({"jti": "a\r\nb"}, "jti is not a text"),
        ({"sid": None}, "sid is not a text"),
        ({"roles": "admin"}, "roles is not an array"),
        ({"roles": {"admin": True}}, "roles is not an array"),
        ({"roles": ["member", 1]}, "roles is not an array"),
        ({"roles": [""]}, "roles is not an array"),
        ({"roles": None}, "roles is not an array"),
    ],
    ids=lambda case: ascii(case)[:40],
)
def test_unsound_claims_are_refused(changes: Mapping[str, object], reason: str) -> None:
    """Each way in which a claim can be missing, misshapen or foreign is refused and named."""
    outcome = read(changes)
    assert isinstance(outcome, Malformed)
    assert reason in outcome.reason


@pytest.mark.parametrize(
    ("audience", "meant"),
    [("chat", {"chat"}), (["chat"], {"chat"}), (["x", "chat"], {"chat"}), ("b", {"a", "b"})],
)
def test_one_audience_suffices(audience: object, meant: set[str]) -> None:
    """The token may name several audiences, and so may the door; they must share one."""
    rules = replace(RULES, audiences=frozenset(meant))
    assert sound({"aud": audience}, rules).subject == "alice"


def test_everything_is_read() -> None:
    """Each claim arrives where it belongs."""
    rules = replace(
        RULES, tenant="org", scope="scope", attributes=("department", "absent"), single_use=True
    )
    claims = sound(
        {
            "jti": "t-1",
            "nbf": NOW - 1,
            "auth_time": NOW - 60,
            "sid": "s-1",
            "roles": ["member", "moderator", "member"],
            "org": "acme",
            "scope": "chat:say  chat:join",
            "department": {"name": "research"},
            "amr": ["pwd", "mfa"],
        },
        rules,
    )
    assert claims == Claims(
        subject="alice",
        expires_at=NOW + 300,
        issued_at=NOW,
        not_before=NOW - 1,
        authenticated_at=NOW - 60,
        id="t-1",
        session_id="s-1",
        strength=2,
        roles=frozenset({"member", "moderator"}),
        tenant="acme",
        scopes=frozenset({"chat:say", "chat:join"}),
        attributes={"department": {"name": "research"}},
    )


def test_what_is_not_asked_for_is_not_read() -> None:
    """A claim counts only if the rules name it; other claims give no roles."""
    rules = ClaimRules(issuer="https://login.example", audiences=frozenset({"chat"}))
    claims = sound({"roles": ["admin"], "sid": 7, "scope": 7, "tenant": 7, "amr": "mfa"}, rules)
    assert claims == Claims(subject="alice", expires_at=NOW + 300, issued_at=NOW)


@pytest.mark.parametrize(
    ("scope", "granted"),
    [
        ("", set()),
        (..., set()),
        ([], set()),
        ("chat:say", {"chat:say"}),
        (["chat:say", "chat:join"], {"chat:say", "chat:join"}),
    ],
)
def test_scope_restricts(scope: object, granted: set[str]) -> None:
    """With a configured scope claim, a token without scopes has no permissions."""
    claims = sound({"scope": scope}, replace(RULES, scope="scope"))
    assert claims.scopes == frozenset(granted)


@pytest.mark.parametrize("scope", [None, 1, {"chat:say": 1}, [1]])
def test_unreadable_scope_is_refused(scope: object) -> None:
    """A scope that cannot be read is no scope, not all scopes."""
    assert isinstance(read({"scope": scope}, replace(RULES, scope="scope")), Malformed)


@pytest.mark.parametrize(("changes", "missing"), [({}, "jti"), ({"jti": "t-1", "iat": ...}, "iat")])
def test_single_use_needs_a_name_and_a_date(changes: dict[str, object], missing: str) -> None:
    """A token that is accepted once must have a jti, and the time of its issue."""
    outcome = read(changes, replace(RULES, single_use=True, bare=frozenset({"iat"})))
    assert outcome == Malformed(f"{missing} is missing, and a token may be used once only")


def test_attributes_cannot_be_written() -> None:
    """Attributes are shared by all connections of a token."""
    claims = sound({"department": "x"}, replace(RULES, attributes=("department",)))
    with pytest.raises(TypeError):
        claims.attributes["department"] = "y"  # type: ignore[index]


TIMES = [
    ({}, NOW, 0.0, None),
    ({}, NOW + 299.9, 0.0, None),
    ({}, NOW + 300, 0.0, "has expired"),
    ({}, NOW + 301, 0.0, "has expired"),
    ({}, NOW + 301, 60.0, "has expired"),
    ({}, NOW - 0.1, 0.0, "iat lies 0.1 s in the future"),
    ({}, NOW - 5, 5.0, None),
    ({}, NOW - 5.1, 5.0, "iat lies 5.1 s in the future"),
    ({"nbf": NOW + 10}, NOW + 9, 0.0, "nbf lies 1.0 s in the future"),
    ({"nbf": NOW + 10}, NOW + 10, 0.0, None),
    ({"nbf": NOW + 10}, NOW + 9, 1.0, None),
    ({"auth_time": NOW + 10}, NOW + 9, 0.0, "auth_time lies 1.0 s in the future"),
    ({"iat": ...}, NOW, 0.0, None),
    ({"iat": ..., "exp": NOW + 3601}, NOW, 0.0, "longer than max_age"),
    ({"iat": ..., "exp": NOW + 3601}, NOW + 1, 0.0, None),
]


@pytest.mark.parametrize(("changes", "now", "leeway", "fault"), TIMES)
def test_time_is_judged_at_each_use(
    changes: Mapping[str, object], now: float, leeway: float, fault: str | None
) -> None:
    """`exp` is exact, the beginning forgives `leeway`, and a life has a bound without `iat` too."""
    rules = replace(RULES, leeway=leeway)
    found = sound(changes, rules).misuse(rules, now)
    assert (found is None) if fault is None else (found is not None and fault in found)


def test_no_bound_means_no_bound() -> None:
    """Without `max_age`, any lifetime of a token is accepted."""
    rules = replace(RULES, max_age=None)
    assert sound({"exp": NOW + 10**8}, rules).misuse(rules, NOW) is None
    assert sound({"exp": NOW + 10**8, "iat": ...}, rules).misuse(rules, NOW) is None


def test_detail_names_the_line_to_write() -> None:
    """An operator with a skewed clock reads which option mends it."""
    assert "write leeway=3" in (sound({}).misuse(RULES, NOW - 2.5) or "")
    assert "write leeway=300" in (sound({}).misuse(RULES, NOW - 9999) or "")


@pytest.mark.parametrize(
    ("changes", "leeway", "issued_by"),
    [({}, 0.0, NOW), ({}, 5.0, NOW - 5), ({"iat": ...}, 5.0, 0.0)],
)
def test_a_revocation_covers_what_may_be_older(
    changes: Mapping[str, object], leeway: float, issued_by: float
) -> None:
    """A token of uncertain age counts as old, so that a revocation covers it."""
    rules = replace(RULES, leeway=leeway)
    assert sound(changes, rules).issued_by(rules) == issued_by


def test_expiry_is_known_apart() -> None:
    """`expired` distinguishes an expired token from a malformed one."""
    claims = sound({})
    assert (claims.expired(NOW), claims.expired(NOW + 300)) == (False, True)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"issuer": ""}, "needs an issuer"),
        ({"audiences": frozenset()}, "needs an audience"),
        ({"audiences": frozenset({"chat", ""})}, "needs an audience"),
        ({"leeway": -1.0}, "leeway must be"),
        ({"leeway": 301.0}, "leeway must be"),
        ({"leeway": math.nan}, "leeway must be"),
        ({"max_age": 0.0}, "max_age must be"),
        ({"max_age": math.inf}, "max_age must be"),
    ],
)
def test_rules_that_accept_anything_are_refused(options: dict[str, object], says: str) -> None:
    """A rule that checks nothing cannot be written by accident."""
    with pytest.raises(ConfigurationError, match=says):
        replace(RULES, **options)  # type: ignore[arg-type]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
NAMES = ["iss", "aud", "sub", "exp", "iat", "nbf", "jti", "sid", "roles", "scope", "amr", "org"]


@given(st.dictionaries(st.sampled_from(NAMES), json_values), st.booleans())
def test_reading_never_raises(changes: dict[str, object], begin_sound: bool) -> None:
    """For any JSON, `read_claims` returns claims or a `Malformed`, and never raises."""
    rules = replace(RULES, scope="scope", tenant="org", attributes=("amr",))
    claims = read_claims((SOUND | changes) if begin_sound else changes, rules)
    assert isinstance(claims, Claims | Malformed)
    if isinstance(claims, Claims):
        assert claims.subject.isprintable()
        assert math.isfinite(claims.expires_at)
        claims.misuse(rules, NOW)


@pytest.mark.parametrize(
    ("path", "claims", "roles"),
    [
        (("realm_access", "roles"), {"realm_access": {"roles": ["member"]}}, {"member"}),
        (("a", "b", "c"), {"a": {"b": {"c": ["x", "y"]}}}, {"x", "y"}),
        (("https://app.example/roles",), {"https://app.example/roles": ["x"]}, {"x"}),
        (("realm_access", "roles"), {}, set()),
        (("realm_access", "roles"), {"realm_access": {}}, set()),
        (("realm_access", "roles"), {"realm_access": ["roles"]}, set()),
        (("realm_access", "roles"), {"realm_access": "roles"}, set()),
        (("realm_access", "roles"), {"realm_access.roles": ["admin"]}, set()),
        ("realm_access.roles", {"realm_access": {"roles": ["admin"]}}, set()),
    ],
)
def test_roles_deep_within(
    path: str | tuple[str, ...], claims: dict[str, object], roles: set[str]
) -> None:
    """A path goes through objects; a name is a name, dots and all."""
    assert sound(claims, replace(RULES, roles=path)).roles == roles


@pytest.mark.parametrize("found", ["admin", {"admin": True}, [["admin"]], None])
def test_roles_of_another_shape_deep_within(found: object) -> None:
    """Roles of an unexpected shape are refused."""
    rules = replace(RULES, roles=("realm_access", "roles"))
    assert "realm_access.roles is not an array" in unsound(
        {"realm_access": {"roles": found}}, rules
    )


@pytest.mark.parametrize(
    ("scope", "granted"),
    [
        ("chat:read", {"chat:connect", "chat:hear"}),
        ("chat:read chat:write", {"chat:connect", "chat:hear", "chat:say"}),
        (["chat:write"], {"chat:say"}),
        ("openid profile admin * chat:*", set()),
        ("CHAT:READ", set()),
        ("", set()),
        (..., set()),
    ],
)
def test_scopes_stand_for_permissions(scope: object, granted: set[str]) -> None:
    """Only scopes in the table grant permissions; a pattern as a scope grants nothing."""
    table = {
        "chat:read": frozenset({"chat:connect", "chat:hear"}),
        "chat:write": frozenset({"chat:say"}),
    }
    assert sound({"scope": scope}, replace(RULES, scope="scope", grants=table)).scopes == frozenset(
        granted
    )


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({}, "a client that is not accepted"),
        ({"azp": "other"}, "a client that is not accepted"),
        ({"client_id": "other"}, "a client that is not accepted"),
        ({"client_id": "SPA"}, "a client that is not accepted"),
        ({"client_id": ["spa"]}, "client_id is not a text"),
        ({"client_id": "spa", "azp": "other"}, "different clients"),
        ({"client_id": "other", "azp": "spa"}, "different clients"),
    ],
)
def test_tokens_of_other_clients(claims: dict[str, object], reason: str) -> None:
    """With a list of clients, tokens of other clients are refused."""
    rules = replace(RULES, clients=frozenset({"spa"}))
    assert reason in unsound(claims, rules)
    assert sound({"client_id": "spa"}, rules).client_id == "spa"
    assert sound({"azp": "spa", "client_id": "spa"}, rules).client_id == "spa"


@pytest.mark.parametrize(
    ("claims", "subject"),
    [
        ({"sub": "alice", "client_id": "spa"}, "alice"),
        ({"sub": "robot", "client_id": "robot"}, "client:robot"),
        ({"sub": ..., "client_id": "robot"}, "client:robot"),
        ({"sub": "robot", "azp": "robot"}, "client:robot"),
    ],
)
def test_a_service_has_a_name_of_its_own(claims: dict[str, object], subject: str) -> None:
    """A client with the id of a person is not that person (RFC 9068 §5)."""
    assert sound(claims, replace(RULES, services="client:")).subject == subject


def test_a_client_that_is_called_like_a_person() -> None:
    """With `persons`, a token of a client with a person's id is refused."""
    claims: dict[str, object] = {"sub": "alice", "client_id": "alice"}
    assert sound(claims).subject == "alice"
    assert "there is no person" in unsound(claims, replace(RULES, persons=True))
    assert sound({**claims, "client_id": "spa"}, replace(RULES, persons=True)).subject == "alice"


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"sub": "client:robot", "client_id": "spa"}, "begins like the principal of a service"),
        ({"sub": ...}, "sub and client_id are missing"),
    ],
)
def test_nobody_takes_the_name_of_a_service(claims: dict[str, object], reason: str) -> None:
    """A person called like one is refused."""
    assert reason in unsound(claims, replace(RULES, services="client:"))


def test_an_answer_about_a_token_may_say_less() -> None:
    """RFC 7662 §2.2: what is missing may be missing; what is there must be right."""
    rules = replace(RULES, bare=frozenset({"iss", "aud", "exp"}))
    assert sound({"iss": ..., "aud": ..., "exp": ..., "iat": ...}, rules).expires_at == math.inf
    assert "another issuer" in unsound({"iss": "https://evil.example"}, rules)
    assert "other audiences" in unsound({"aud": "other"}, rules)
    assert "aud is not" in unsound({"aud": None}, rules)
    assert "exp is not a number" in unsound({"exp": "1"}, rules)


@pytest.mark.parametrize("cnf", [None, {}, [], "x", 1, [{"jkt": "x"}]])
def test_a_binding_to_nothing(cnf: object) -> None:
    """A `cnf` that cannot be read is not ignored (RFC 7800 §3.1)."""
    assert "cnf is not an object" in unsound({"cnf": cnf})
    assert sound({"cnf": {"jkt": "x"}}).confirmation == {"jkt": "x"}


@pytest.mark.parametrize(
    ("acr", "read"), [("loa2", "loa2"), (2, None), (["loa2"], None), ("", None)]
)
def test_a_class_of_authentication(acr: object, read: str | None) -> None:
    """An `acr` that is no text is ignored."""
    assert sound({"acr": acr}).acr == read


def test_a_required_claim_must_have_its_value() -> None:
    """`typ`, `token_use` and the like tell an access token from other tokens of the same issuer."""
    rules = replace(RULES, required={"token_use": "access"})
    assert sound({"token_use": "access"}, rules).subject == "alice"
    assert unsound({"token_use": "id"}, rules) == "token_use is not 'access'"
    assert unsound({}, rules) == "token_use is not 'access'"
