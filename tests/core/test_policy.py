"""Deny by default; a forbid overrides; only the value True of a condition permits."""

import asyncio
import types
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from stormdoor.core import policy as policy_module
from stormdoor.core.decision import AccessRequest, Decision, Environment, Resource
from stormdoor.core.policy import Policy, PolicySet, PolicyStep, Role, forbid, permit, role
from stormdoor.core.principal import ANONYMOUS, Principal
from stormdoor.errors import PolicyError

ENVIRONMENT = Environment(0.0, "192.0.2.1", "/chat", "session", 0.0, 1)
LOBBY = Resource("room", "lobby")


def request(
    *roles: str,
    permission: str = "chat:say",
    resource: Resource | None = LOBBY,
    tenant: str | None = None,
    environment: Environment = ENVIRONMENT,
) -> AccessRequest:
    """Alice, who holds `roles`, asks for `permission`."""
    principal = Principal("alice", frozenset(roles), tenant)
    return AccessRequest(principal, permission, resource, environment)


def always(request: AccessRequest) -> bool:
    """Holds."""
    return True


def never(request: AccessRequest) -> bool:
    """Does not hold."""
    return False


# Roles ------------------------------------------------------------------------------------------


def test_nothing_allows_nothing() -> None:
    """An empty set denies, and says that nothing granted it."""
    assert PolicySet().decide(request("member")) == Decision(
        False, "nothing grants chat:say to alice"
    )


@pytest.mark.parametrize(
    ("grant", "permission", "allowed"),
    [
        ("chat:say", "chat:say", True),
        ("chat:*", "chat:say", True),
        ("*", "chat:say", True),
        ("chat:say", "chat:kick", False),
        ("chat:say", "chat", False),
        ("chat:say", "chat:say:loud", False),
        ("chat:*", "chatadmin:say", False),
        ("room:*", "chat:say", False),
    ],
)
def test_a_role_grants_its_patterns(grant: str, permission: str, allowed: bool) -> None:
    """A role allows what its patterns cover and nothing else."""
    policies = PolicySet([role("member", grant)])
    assert policies.decide(request("member", permission=permission)).allowed is allowed


def test_a_role_restricts_if_a_forbid_names_it_or_its_parent() -> None:
    """A role lowers rights by a forbid of its own, or of a role that it inherits, and by nothing else."""
    policies = PolicySet(
        [
            role("member", "chat:*"),
            role("suspended"),
            role("on-leave", inherits=["suspended", "member"]),
            permit("chat:say", roles=["member"]),
            forbid("chat:*", roles=["suspended"]),
            forbid("chat:kick", when=lambda _: False),
        ]
    )
    names = ("member", "suspended", "on-leave", "undefined", "")
    assert [name for name in names if policies.restricts(name)] == ["suspended", "on-leave"]


def test_the_decision_names_the_role() -> None:
    """An allow says which role and pattern it rests on."""
    decision = PolicySet([role("member", "chat:*")]).decide(request("member"))
    assert decision == Decision(True, "chat:say allowed by role:member", ("role:member",))


@pytest.mark.parametrize(
    "roles",
    [
        pytest.param((), id="none"),
        pytest.param(("guest",), id="unknown"),
        pytest.param(("Member",), id="other-case"),
        pytest.param(("member ",), id="space"),
        pytest.param(("mémber",), id="accent"),
        pytest.param(("*",), id="star"),
        pytest.param(("",), id="empty"),
        pytest.param(("role:member",), id="prefixed"),
        pytest.param(("mem", "ber"), id="in-parts"),
    ],
)
def test_an_unknown_role_grants_nothing(roles: tuple[str, ...]) -> None:
    """A role that the set does not define is worth nothing."""
    assert not PolicySet([role("member", "*")]).decide(request(*roles))


@pytest.mark.parametrize(
    "roles", ["a", ("a",), ["a"], {"a"}, {"a": 1}, iter(["a"])], ids=lambda x: type(x).__name__
)
def test_roles_of_another_type_are_no_roles(roles: Any) -> None:
    """A text in place of a set of roles is not taken letter by letter, nor a list taken at all."""
    policies = PolicySet([role("a", "*")])
    asked = AccessRequest(Principal("x", roles), "chat:say", None, ENVIRONMENT)
    for _ in range(2):  # neither the first time nor from a memo
        with pytest.raises(TypeError):
            policies.decide(asked)


def test_a_role_inherits() -> None:
    """The grants of a parent, and of its parents, count."""
    policies = PolicySet(
        [
            role("administrator", "trail:read", inherits=["moderator"]),
            role("moderator", "chat:kick", inherits=["member"]),
            role("member", "chat:say"),
        ]
    )
    assert policies.decide(request("administrator")).policy_ids == ("role:member",)


def test_a_parent_does_not_inherit() -> None:
    """Inheritance goes one way."""
    policies = PolicySet([role("moderator", "chat:kick", inherits=["member"]), role("member")])
    assert not policies.decide(request("member", permission="chat:kick"))


def test_inheritance_meets_again() -> None:
    """Thirty levels of two parents each are read at once: a parent is visited once."""
    roles = [role("r0a", "chat:say"), role("r0b")]
    for level in range(1, 30):
        below = [f"r{level - 1}a", f"r{level - 1}b"]
        roles += [role(f"r{level}{side}", inherits=below) for side in "ab"]
    assert PolicySet(roles).decide(request("r29b"))


def test_inheritance_may_be_long() -> None:
    """Thousands of levels need no stack."""
    roles = [role(f"r{n}", inherits=[f"r{n - 1}"]) for n in range(1, 3000)]
    roles.append(role("r0", "chat:say"))
    assert PolicySet(roles).decide(request("r2999"))


# Tenants ----------------------------------------------------------------------------------------

ACME, UMBRELLA = Resource("room", "lobby", "acme"), Resource("room", "lobby", "umbrella")


@pytest.mark.parametrize(
    ("tenant", "resource", "allowed"),
    [
        pytest.param("acme", ACME, True, id="own"),
        pytest.param("acme", UMBRELLA, False, id="foreign"),
        pytest.param(None, ACME, False, id="principal-without-tenant"),
        pytest.param("acme", LOBBY, True, id="resource-without-tenant"),
        pytest.param(None, LOBBY, True, id="no-tenants"),
        pytest.param("acme", None, True, id="no-resource"),
        pytest.param("ACME", ACME, False, id="other-case"),
        pytest.param("", ACME, False, id="empty-tenant"),
        pytest.param(None, Resource("room", "lobby", ""), False, id="resource-of-empty-tenant"),
    ],
)
@pytest.mark.parametrize("item", [role("member", "*"), permit("*"), permit("*", when=always)])
def test_a_resource_of_another_tenant_is_refused(
    item: Role | Policy, tenant: str | None, resource: Resource | None, allowed: bool
) -> None:
    """No grant reaches a resource of another tenant unless it says so."""
    policies = PolicySet([item] if isinstance(item, Role) else [role("member"), item])
    decision = policies.decide(request("member", tenant=tenant, resource=resource))
    assert decision.allowed is allowed
    assert allowed or decision.policy_ids == ("tenant",)


@pytest.mark.parametrize(
    "item", [role("member", "*", across_tenants=True), permit("*", across_tenants=True)]
)
def test_a_grant_across_tenants_reaches_them(item: Role | Policy) -> None:
    """`across_tenants` lets exactly the grant that has it reach another tenant's resource."""
    assert PolicySet([item]).decide(request("member", tenant="acme", resource=UMBRELLA))


def test_only_the_grant_across_tenants_reaches_them() -> None:
    """A principal that holds a role across tenants does not carry its other roles across."""
    policies = PolicySet(
        [role("support", "chat:connect", across_tenants=True), role("member", "chat:say")]
    )
    assert not policies.decide(request("support", "member", tenant="acme", resource=UMBRELLA))


def test_what_a_role_across_tenants_inherits_does_not_reach_them() -> None:
    """Being across tenants is not inherited, in either direction."""
    policies = PolicySet(
        [role("support", across_tenants=True, inherits=["member"]), role("member", "chat:say")]
    )
    assert not policies.decide(request("support", tenant="acme", resource=UMBRELLA))


def test_a_forbid_reaches_every_tenant() -> None:
    """A forbid needs no `across_tenants`."""
    policies = PolicySet([role("member", "*", across_tenants=True), forbid("chat:say", id="no")])
    decision = policies.decide(request("member", tenant="acme", resource=UMBRELLA))
    assert decision.policy_ids == ("no",)


@pytest.mark.parametrize(
    ("tenant", "allowed"), [("acme", True), ("umbrella", False), (None, False), ("", False)]
)
def test_a_role_of_a_tenant_counts_there(tenant: str | None, allowed: bool) -> None:
    """A role bound to a tenant is worth nothing to principals of another."""
    policies = PolicySet([role("member", "*", tenant="acme")])
    assert policies.decide(request("member", tenant=tenant)).allowed is allowed


@pytest.mark.parametrize(
    ("roles", "tenant", "allowed"),
    [
        pytest.param(("outer",), "acme", True, id="own-tenant"),
        pytest.param(("outer",), "umbrella", False, id="other-tenant"),
        pytest.param(("outer",), None, False, id="no-tenant"),
        pytest.param(("middle",), "umbrella", False, id="held-directly"),
        pytest.param(("outer", "inner"), "umbrella", True, id="held-in-another-way"),
    ],
)
def test_a_role_of_another_tenant_is_no_bridge(
    roles: tuple[str, ...], tenant: str | None, allowed: bool
) -> None:
    """A role of another tenant passes on no inherited roles."""
    policies = PolicySet(
        [
            role("outer", inherits=["middle"]),
            role("middle", inherits=["inner"], tenant="acme"),
            role("inner", "chat:say"),
        ]
    )
    assert policies.decide(request(*roles, tenant=tenant)).allowed is allowed


def test_role_grants_of_two_tenants_are_kept_apart() -> None:
    """The cached grants of one tenant are not used for another with the same roles."""
    policies = PolicySet([role("member", "*", tenant="acme")])
    assert policies.decide(request("member", tenant="acme"))
    assert not policies.decide(request("member", tenant="umbrella"))


# Permits and forbids ----------------------------------------------------------------------------


def test_a_permit_allows_everybody() -> None:
    """A permit without roles and conditions applies to every principal, known or not."""
    policies = PolicySet([permit("chat:say", id="open")])
    asked = AccessRequest(ANONYMOUS, "chat:say", None, ENVIRONMENT)
    assert policies.decide(asked) == Decision(True, "chat:say allowed by open", ("open",))


@pytest.mark.parametrize(("held", "allowed"), [("member", True), ("guest", False)])
def test_a_permit_for_roles(held: str, allowed: bool) -> None:
    """A permit with roles applies to principals that hold one of them."""
    policies = PolicySet([role("member"), role("guest"), permit("chat:say", roles=["member"])])
    assert policies.decide(request(held)).allowed is allowed


def test_a_permit_for_an_inherited_role() -> None:
    """A principal holds the roles that its roles inherit."""
    policies = PolicySet(
        [role("moderator", inherits=["member"]), role("member"), permit("*", roles=["member"])]
    )
    assert policies.decide(request("moderator"))


@pytest.mark.parametrize("items", [(0, 1, 2), (0, 2, 1), (2, 1, 0), (1, 0, 2)])
def test_a_forbid_overrides(items: tuple[int, ...]) -> None:
    """A forbid that applies denies, at any position and against any permit."""
    all_items: list[Role | Policy] = [
        role("member", "*"),
        permit("*"),
        forbid("chat:say", id="no"),
    ]
    decision = PolicySet([all_items[n] for n in items]).decide(request("member"))
    assert decision == Decision(False, "forbidden by no", ("no",))


def test_a_forbid_that_does_not_apply_is_silent() -> None:
    """A forbid for other roles, another permission or other circumstances changes nothing."""
    policies = PolicySet(
        [
            role("member", "*"),
            role("muted"),
            forbid("chat:say", roles=["muted"]),
            forbid("chat:kick"),
            forbid("chat:say", when=never),
        ]
    )
    assert policies.decide(request("member")).policy_ids == ("role:member",)


@pytest.mark.parametrize(
    ("conditions", "allowed"),
    [
        ([always], True),
        ([always, always], True),
        ([always, never], False),
        ([never, always], False),
        (["environment.strength >= 1", always], True),
        (["environment.strength >= 2", always], False),
    ],
)
def test_all_conditions_must_hold(conditions: list[Any], allowed: bool) -> None:
    """Several conditions of one policy are joined by *and*."""
    policies = PolicySet([permit("chat:say", when=conditions)])
    assert policies.decide(request()).allowed is allowed


def test_one_condition_needs_no_list() -> None:
    """A condition may be given alone, as text or as a function."""
    policies = PolicySet([permit("a", when=always), permit("b", when="environment.strength >= 2")])
    assert policies.decide(request(permission="a"))
    assert not policies.decide(request(permission="b"))


def test_the_decision_names_all_that_allowed() -> None:
    """Permits come in the order of the set, then roles from the most exact pattern."""
    policies = PolicySet(
        [role("a", "*"), role("b", "chat:say"), permit("chat:*", id="p"), permit("*", id="q")]
    )
    assert policies.decide(request("a", "b")).policy_ids == ("p", "q", "role:b", "role:a")


# Conditions that are up to no good --------------------------------------------------------------


async def coroutine(request: AccessRequest) -> bool:
    """Condition written as a coroutine: the coroutine object is truthy before it has run."""
    await asyncio.sleep(0)
    return False


async def async_generator(request: AccessRequest) -> AsyncIterator[bool]:
    """Likewise."""
    yield False


def generator(request: AccessRequest) -> Iterator[bool]:
    """Likewise."""
    yield False


@types.coroutine
def old_coroutine(request: AccessRequest) -> Iterator[None]:
    """A coroutine in the style of Python 3.4."""
    yield None


class Check:
    """A class given where its instance's method was meant: calling it makes a true object."""

    def __init__(self, request: AccessRequest) -> None:
        self.closed = False

    def close(self) -> None:
        """Must not be called: a connection of a database has such a method, too."""
        raise AssertionError("closed a thing that is not ours")


class Liar:
    """Is equal to everything and true."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return hash(True)

    def __bool__(self) -> bool:
        return True


NOT_BOOLEAN: list[tuple[str, Callable[[AccessRequest], Any]]] = [
    ("coroutine", coroutine),
    ("async_generator", async_generator),
    ("generator", generator),
    ("generator", old_coroutine),
    ("int", lambda _: 1),
    ("int", lambda _: 0),
    ("float", lambda _: 1.0),
    ("str", lambda _: "yes"),
    ("str", lambda _: "False"),
    ("str", lambda _: ""),
    ("list", lambda _: [False]),
    ("list", lambda _: []),
    ("dict", lambda _: {"allowed": False}),
    ("tuple", lambda _: (True,)),
    ("NoneType", lambda _: None),
    ("ellipsis", lambda _: ...),
    ("NotImplementedType", lambda _: NotImplemented),
    ("function", lambda _: always),
    ("Decision", lambda _: Decision(True, "yes")),
    ("Decision", lambda _: Decision(False, "no")),
    ("Check", Check),
    ("Liar", lambda _: Liar()),
    ("type", lambda _: bool),
]
names_and_conditions = pytest.mark.parametrize(
    ("name", "condition"),
    NOT_BOOLEAN,
    ids=[f"{n}-{name}" for n, (name, _) in enumerate(NOT_BOOLEAN)],
)


@names_and_conditions
def test_a_permit_needs_a_plain_true(name: str, condition: Callable[[AccessRequest], Any]) -> None:
    """An answer that is neither True nor False denies, though a role would have allowed it."""
    policies = PolicySet([role("member", "*"), permit("chat:say", when=condition, id="odd")])
    decision = policies.decide(request("member"))
    error = f"odd: the condition returned {name}, not True or False"
    assert decision == Decision(False, f"a condition failed: {error}", ("odd",), (error,))


@names_and_conditions
def test_a_forbid_with_an_odd_answer_denies(
    name: str, condition: Callable[[AccessRequest], Any]
) -> None:
    """A forbid does not let pass because its condition answered None, 0 or a coroutine."""
    policies = PolicySet([role("member", "*"), forbid("chat:say", when=condition, id="odd")])
    decision = policies.decide(request("member"))
    assert (decision.allowed, decision.policy_ids) == (False, ("odd",))


class Unspeakable(Exception):
    """An exception that cannot even be printed."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


def raising(error: Exception) -> Callable[[AccessRequest], bool]:
    """A condition that raises `error`."""

    def condition(request: AccessRequest) -> bool:
        raise error

    return condition


def recursing(request: AccessRequest) -> bool:
    """A condition that never comes back."""
    return recursing(request)


RAISING = [
    pytest.param(raising(KeyError("department")), "KeyError: 'department'", id="KeyError"),
    pytest.param(raising(ValueError("no")), "ValueError: no", id="ValueError"),
    pytest.param(raising(AssertionError()), "AssertionError: ", id="AssertionError"),
    pytest.param(raising(StopIteration()), "StopIteration: ", id="StopIteration"),
    pytest.param(raising(TimeoutError()), "TimeoutError: ", id="TimeoutError"),
    pytest.param(raising(MemoryError()), "MemoryError: ", id="MemoryError"),
    pytest.param(raising(PermissionError("x")), "PermissionError: x", id="PermissionError"),
    pytest.param(raising(Unspeakable()), "Unspeakable: (its text cannot be read)", id="no-text"),
    pytest.param(raising(ValueError("x" * 99_999)), "ValueError: " + "x" * 200 + "...", id="long"),
]


@pytest.mark.parametrize(("condition", "said"), RAISING)
@pytest.mark.parametrize("make", [permit, forbid])
def test_a_condition_that_raises_denies(
    make: Callable[..., Policy], condition: Callable[[AccessRequest], bool], said: str
) -> None:
    """An exception denies in a permit and in a forbid, though a role would have allowed it."""
    policies = PolicySet([role("member", "*"), make("chat:say", when=condition, id="bad")])
    decision = policies.decide(request("member"))
    error = f"bad: {said}"
    assert decision == Decision(False, f"a condition failed: {error}", ("bad",), (error,))


@pytest.mark.parametrize("make", [permit, forbid])
def test_a_condition_that_recurses_denies(make: Callable[..., Policy]) -> None:
    """An exhausted stack denies like any other exception."""
    policies = PolicySet([role("member", "*"), make("chat:say", when=recursing, id="bad")])
    decision = policies.decide(request("member"))
    assert (decision.allowed, decision.policy_ids) == (False, ("bad",))


def test_something_that_cannot_be_called_denies() -> None:
    """A condition that cannot be called denies at its evaluation."""
    policies = PolicySet([role("member", "*"), permit("chat:say", when=[True], id="bad")])  # type: ignore[list-item]
    assert policies.decide(request("member")).policy_ids == ("bad",)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, asyncio.CancelledError])
def test_an_interruption_is_not_swallowed(error: type[BaseException]) -> None:
    """An exception that ends the process or the task propagates out of `decide`."""

    def condition(request: AccessRequest) -> bool:
        raise error

    policies = PolicySet([permit("chat:say", when=condition), role("member", "*")])
    with pytest.raises(error):
        policies.decide(request("member"))


def test_a_forbid_after_a_failure_is_still_named() -> None:
    """A forbid that applies is the reason, and the failure before it is not lost."""
    policies = PolicySet(
        [
            role("member", "*"),
            forbid("chat:say", when=raising(ValueError("x")), id="bad"),
            forbid("chat:say", id="no"),
        ]
    )
    decision = policies.decide(request("member"))
    assert decision == Decision(False, "forbidden by no", ("no",), ("bad: ValueError: x",))


def test_all_failures_are_named() -> None:
    """Each policy that failed is in the decision, in the order of asking."""
    policies = PolicySet(
        [
            permit("chat:say", when=raising(ValueError("x")), id="one"),
            forbid("chat:say", when=raising(ValueError("y")), id="two"),
        ]
    )
    decision = policies.decide(request())
    assert decision.policy_ids == ("two", "one")
    assert decision.errors == ("two: ValueError: y", "one: ValueError: x")


def test_a_failing_policy_for_others_is_not_asked() -> None:
    """A policy that does not concern the principal, the permission or the tenant cannot fail it."""
    bad = raising(ValueError("x"))
    policies = PolicySet(
        [
            role("member", "*", across_tenants=True),
            role("guest"),
            permit("chat:say", roles=["guest"], when=bad),
            permit("chat:kick", when=bad),
            permit("chat:say", when=bad),
        ]
    )
    assert policies.decide(request("member", tenant="acme", resource=UMBRELLA))


def test_an_absent_attribute_denies() -> None:
    """A text condition on a fact that the principal does not have denies."""
    policies = PolicySet(
        [role("member", "*"), permit("chat:say", when="principal.department == 1", id="p")]
    )
    assert policies.decide(request("member")).errors == ("p: KeyError: 'department'",)


# Scopes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scopes", "allowed"),
    [
        pytest.param(None, True, id="no-restriction"),
        pytest.param(frozenset({"chat:say"}), True, id="exact"),
        pytest.param(frozenset({"chat:*"}), True, id="pattern"),
        pytest.param(frozenset({"*"}), True, id="all"),
        pytest.param(frozenset(), False, id="none"),
        pytest.param(frozenset({""}), False, id="empty"),
        pytest.param(frozenset({"chat:kick"}), False, id="another"),
        pytest.param(frozenset({"chat"}), False, id="noun"),
        pytest.param(frozenset({"*:say"}), False, id="odd-star"),
        pytest.param(frozenset({"chat:say chat:kick"}), False, id="unsplit"),
    ],
)
@pytest.mark.parametrize("item", [role("member", "*"), permit("*")])
def test_scopes_restrict(item: Role | Policy, scopes: frozenset[str] | None, allowed: bool) -> None:
    """The scopes of a credential restrict the permissions of its principal."""
    decision = PolicySet([item]).decide(request("member"), scopes)
    assert decision.allowed is allowed
    assert allowed or decision == Decision(
        False, "the credential's scopes do not cover chat:say", ("scope",)
    )


def test_scopes_grant_nothing() -> None:
    """A scope is no permission: the principal must have it as well."""
    assert not PolicySet([role("member")]).decide(request("member"), frozenset({"*"}))


@pytest.mark.parametrize("scopes", ["chat:kick *", "*.read", "a*"])
def test_scopes_given_as_a_text_grant_nothing(scopes: Any) -> None:
    """A star inside a string of scopes is not the scope `*`."""
    assert not PolicySet([role("member", "*")]).decide(request("member"), scopes)


# What cannot mean what it says ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: role(""), "is not a name"),
        (lambda: role("a b"), "is not a name"),
        (lambda: role("a\n"), "is not a name"),
        (lambda: role("a" * 65), "is not a name"),
        (lambda: role("-a"), "is not a name"),
        (lambda: role("rôle"), "is not a name"),
        (lambda: role("a:b"), "is not a name"),
        (lambda: role("a", "chat*"), "is not a permission pattern"),
        (lambda: role("a", *"chat:*"), "is not a permission pattern"),
        (lambda: role("a", inherits="member"), r"must be a list; write \['member'\]"),
        (lambda: role("a", inherits=["b c"]), "is not a name"),
        (permit, r'needs a permission; write permit\("chat:say"'),
        (forbid, r'needs a permission; write forbid\("chat:say"'),
        (lambda: permit("Chat:say"), "is not a permission pattern"),
        (lambda: forbid("chat:"), "is not a permission pattern"),
        (lambda: permit("a", roles=[]), "can never apply"),
        (lambda: forbid("a", roles=iter([])), "can never apply"),
        (lambda: permit("a", roles="member"), "must be a list"),
        (lambda: forbid("a", roles=["x y"]), "is not a name"),
        (lambda: permit("a", when=[]), "leave `when` out"),
        (lambda: forbid("a", when=()), "leave `when` out"),
        (lambda: permit("a", when=iter([])), "leave `when` out"),
        (lambda: permit("a", when=""), "is not a condition"),
        (lambda: permit("a", when=[always, "true"]), "is not a condition"),
        (lambda: permit("a", id=""), "is not a name"),
        (lambda: permit("a", id="a:b"), "is not a name"),
        (lambda: permit("a", id="role:administrator"), "is not a name"),
        (lambda: permit("a", id="a\nb"), "is not a name"),
        (lambda: permit("a", id="scope"), "choose another"),
        (lambda: forbid("a", id="tenant"), "choose another"),
        (lambda: PolicySet([role("a"), role("a", "*")]), "defined twice"),
        (lambda: PolicySet([permit("a", id="x"), forbid("b", id="x")]), "used twice"),
        (lambda: PolicySet([permit("a", id="permit-2"), permit("b")]), "used twice"),
        (lambda: PolicySet([role("a", inherits=["b"])]), "inherits 'b', which is not defined"),
        (lambda: PolicySet([permit("a", roles=["b"])]), "names the role 'b', which is not defined"),
        (lambda: PolicySet([forbid("a", roles=["b"])]), "names the role 'b', which is not defined"),
        (lambda: PolicySet([role("a", inherits=["a"])]), "in a circle: a -> a"),
        (
            lambda: PolicySet(
                [role("a", inherits=["b"]), role("b", inherits=["c"]), role("c", inherits=["a"])]
            ),
            "in a circle: (a -> b -> c -> a|b -> c -> a -> b|c -> a -> b -> c)",
        ),
    ],
)
def test_a_broken_policy_is_refused(make: Callable[[], object], message: str) -> None:
    """A policy that cannot be applied is refused by name when it is written."""
    with pytest.raises(PolicyError, match=message):
        make()


def test_lists_may_be_generators() -> None:
    """Roles, parents and conditions may come from an iterator: it is read once, and completely."""
    parents = role("a", inherits=(name for name in ["b"]))
    policies = PolicySet(
        [parents, role("b"), permit("chat:say", roles=iter(["b"]), when=iter([never, always]))]
    )
    assert parents.inherits == ("b",)
    assert not policies.decide(request("a"))


def test_a_policy_without_an_id_gets_one() -> None:
    """The id is made of the effect and the position among policies."""
    policies = PolicySet([role("x"), permit("a"), forbid("b"), permit("c", id="mine")])
    assert [one.id for one in policies.policies] == ["permit-1", "forbid-2", "mine"]


@pytest.mark.parametrize("effect", ["FORBID", "Forbid", "deny", "", "permit "])
def test_an_unknown_effect_forbids(effect: Any) -> None:
    """A policy made by hand with an effect that does not exist is not silently left out."""
    odd = replace(forbid("chat:say", id="odd"), effect=effect)
    assert not PolicySet([role("member", "*"), odd]).decide(request("member"))


def test_the_set_cannot_be_changed() -> None:
    """Roles of a set that is in use cannot be replaced behind its back."""
    policies = PolicySet([role("member")])
    with pytest.raises(TypeError):
        policies.roles["member"] = role("member", "*")  # type: ignore[index]


# The memo of the hot path -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("items", "conditional"),
    [
        pytest.param([role("a", "*")], False, id="roles"),
        pytest.param([permit("chat:*")], False, id="permit"),
        pytest.param([forbid("*")], False, id="forbid"),
        pytest.param([permit("chat:say", when=always)], True, id="conditional-permit"),
        pytest.param([forbid("*", when=never)], True, id="conditional-forbid"),
        pytest.param([permit("chat:kick", when=always)], False, id="another-permission"),
        pytest.param([permit("chat:*"), forbid("chat:say", when=always)], True, id="one-of-two"),
    ],
)
def test_conditional(items: list[Role | Policy], conditional: bool) -> None:
    """A permission is conditional if any policy that can speak on it has a condition."""
    assert PolicySet(items).conditional("chat:say") is conditional


def test_principals_alike_share_a_memo() -> None:
    """Principals with the same roles, tenant and scopes share a memo."""
    policies = PolicySet()
    scopes = frozenset({"chat:*"})
    one = policies.memo(Principal("alice", frozenset({"a", "b"}), "acme"), scopes)
    assert one is policies.memo(Principal("bob", frozenset({"b", "a"}), "acme"), scopes)


@pytest.mark.parametrize(
    ("principal", "scopes"),
    [
        pytest.param(Principal("x", frozenset(), "acme"), None, id="roles"),
        pytest.param(Principal("x", frozenset({"a"}), None), None, id="tenant"),
        pytest.param(Principal("x", frozenset({"a"}), "acme"), frozenset(), id="scopes"),
    ],
)
def test_different_role_grants_do_not_share_a_memo(
    principal: Principal, scopes: frozenset[str] | None
) -> None:
    """A permission of one set of roles is not remembered for another."""
    policies = PolicySet()
    memo = policies.memo(Principal("x", frozenset({"a"}), "acme"), None)
    assert policies.memo(principal, scopes) is not memo


def test_a_new_set_has_new_memos() -> None:
    """After a reload nothing is remembered from before."""
    principal = Principal("x")
    assert PolicySet().memo(principal, None) is not PolicySet().memo(principal, None)


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many roles and permissions come along, memory is bounded and answers are right."""
    monkeypatch.setattr(policy_module, "_MEMO_LIMIT", 4)
    policies = PolicySet([role("member", "p3:*")])
    for n in range(20):
        principal = Principal("x", frozenset({"member", f"r{n}"}))
        asked = AccessRequest(principal, f"p{n}:x", None, ENVIRONMENT)
        assert policies.decide(asked).allowed is (n == 3)
        policies.memo(principal, None)
    sizes = {len(policies._relevant), len(policies._role_grants_memo), len(policies._memos)}
    assert max(sizes) <= 4


# Explanations -----------------------------------------------------------------------------------


def test_explain_tells_all() -> None:
    """An explanation has a line for each role and policy that could speak, and what it said."""
    policies = PolicySet(
        [
            role("member", "chat:*"),
            permit("chat:say", when=always, id="yes"),
            permit("chat:say", when=never, id="not-now"),
            permit("chat:say", when=raising(ValueError("x")), id="bad"),
            forbid("chat:say", roles=["member"], id="no"),
            forbid("chat:kick", id="other"),
        ]
    )
    assert policies.explain(request("member", "ghost"), frozenset({"chat:*"})) == [
        PolicyStep("scopes", "scope", True, "covers it"),
        PolicyStep("no", "forbid", True, "applies"),
        PolicyStep("yes", "permit", True, "applies"),
        PolicyStep("not-now", "permit", False, "does not apply"),
        PolicyStep("bad", "permit", True, "bad: ValueError: x"),
        PolicyStep("role:member", "role", True, "grants chat:*"),
        PolicyStep("role:ghost", "role", False, "is not defined and grants nothing"),
    ]


def test_explain_another_tenant() -> None:
    """A grant that does not reach the tenant of the resource is not said to apply."""
    policies = PolicySet(
        [
            role("member", "*"),
            role("support", "chat:*", across_tenants=True),
            permit("chat:say", id="here"),
            permit("chat:say", id="everywhere", across_tenants=True),
            forbid("chat:say", id="no", when=never),
        ]
    )
    steps = policies.explain(
        request("member", "support", tenant="acme", resource=UMBRELLA), frozenset()
    )
    assert steps == [
        PolicyStep("scopes", "scope", False, "does not cover it"),
        PolicyStep("tenant", "tenant", True, "the resource belongs to another tenant"),
        PolicyStep("no", "forbid", False, "does not apply"),
        PolicyStep("here", "permit", False, "does not reach other tenants"),
        PolicyStep("everywhere", "permit", True, "applies"),
        PolicyStep("role:support", "role", True, "grants chat:*"),
    ]


def test_explain_nothing() -> None:
    """The explanation is empty without a policy that applies."""
    assert PolicySet().explain(request()) == []
