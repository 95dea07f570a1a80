"""Hypothesis strategies for small worlds with frequent interactions.

Names come from pools of three or four, so that roles, tenants, patterns and scopes of one draw
really concern each other. Conditions are deterministic: each answers the same for the same request.
"""

from collections.abc import Callable, Coroutine
from typing import Any

from hypothesis import strategies as st

from stormdoor.core.decision import AccessRequest, Environment, Resource
from stormdoor.core.event import Event
from stormdoor.core.log_position import LogPosition
from stormdoor.core.policy import Policy, Role, forbid, permit, role
from stormdoor.core.principal import Authentication, Principal
from stormdoor.core.revocation import Revocation, Target

__all__ = [
    "PERMISSIONS",
    "ROLES",
    "authentications",
    "events",
    "forbids",
    "items",
    "json_values",
    "nearly",
    "patterns",
    "permits",
    "requests",
    "revocations",
    "role_lists",
    "scopes",
]

ROLES = ("r0", "r1", "r2", "r3")
PERMISSIONS = ("chat:say", "chat:kick", "chat:room:say", "trail:read")
TENANTS = (None, "acme", "umbrella")

patterns = st.sampled_from([*PERMISSIONS, "chat:*", "chat:room:*", "trail:*", "*"])


def _odd(request: AccessRequest) -> Any:
    return request.environment.strength  # 1 or 2: true, and not True


def _raises(request: AccessRequest) -> bool:
    raise LookupError("no such attribute")


async def _coroutine(request: AccessRequest) -> bool:
    return True


def _always(request: AccessRequest) -> bool:
    return True


def _never(request: AccessRequest) -> bool:
    return False


def _at_home(request: AccessRequest) -> bool:
    return request.environment.address == "10.0.0.1"


_Check = (
    Callable[[AccessRequest], bool] | Callable[[AccessRequest], Coroutine[Any, Any, bool]] | str
)

_SOUND: list[_Check] = [
    _always,
    _never,
    _at_home,
    "environment.strength >= 2",
    'principal.id == "alice"',
    'environment.address within "10.0.0.0/8"',
]
_FAILING: list[_Check] = [_odd, _raises, _coroutine, "principal.absent == 1", "resource.id == 5"]


def _when(*, failing: bool) -> st.SearchStrategy[Any]:
    # A failing condition decides everything: rare enough, the rest of the set gets its say.
    checks = st.sampled_from(_SOUND * 3 + _FAILING if failing else _SOUND)
    return st.none() | checks | st.lists(checks, min_size=1, max_size=2)


def permits(*, failing: bool = True) -> st.SearchStrategy[Policy]:
    """Permits; with conditions that fail, unless told not to."""
    return st.builds(
        lambda names, roles, when, across: permit(
            *names, roles=roles, when=when, across_tenants=across
        ),
        st.lists(patterns, min_size=1, max_size=2),
        st.none() | st.lists(st.sampled_from(ROLES), min_size=1, max_size=2),
        _when(failing=failing),
        st.booleans(),
    )


def forbids(*, failing: bool = True, by_role: bool = True) -> st.SearchStrategy[Policy]:
    """Forbids; with conditions that fail, and for some roles only, unless told not to."""
    some = st.lists(st.sampled_from(ROLES), min_size=1, max_size=2)
    return st.builds(
        lambda names, roles, when: forbid(*names, roles=roles, when=when),
        st.lists(patterns, min_size=1, max_size=2),
        st.none() | some if by_role else st.none(),
        _when(failing=failing),
    )


@st.composite
def role_lists(draw: st.DrawFn) -> list[Role]:
    """All of `ROLES`, in some order; a role inherits only from those before it in `ROLES`."""
    made = []
    for position, name in enumerate(ROLES):
        grants = draw(st.lists(patterns, min_size=position % 2, max_size=3))
        parents = draw(st.sets(st.sampled_from(ROLES[:position]))) if position else set()
        tenant = draw(st.sampled_from([None, *TENANTS]))
        across = draw(st.booleans())
        made.append(
            role(name, *grants, inherits=sorted(parents), tenant=tenant, across_tenants=across)
        )
    return draw(st.permutations(made))


@st.composite
def items(
    draw: st.DrawFn, *, failing: bool = True, forbid_by_role: bool = True
) -> list[Role | Policy]:
    """Draw all parts of a policy set."""
    policies = st.lists(
        permits(failing=failing) | forbids(failing=failing, by_role=forbid_by_role), max_size=4
    )
    return draw(st.permutations([*draw(role_lists()), *draw(policies)]))


requests = st.builds(
    lambda roles, tenant, id, permission, resource, address, strength: AccessRequest(
        Principal(id, roles, tenant),
        permission,
        resource,
        Environment(0.0, address, "/chat", "session", 60.0, strength),
    ),
    st.frozensets(st.sampled_from([*ROLES, "unknown"]), min_size=1),
    st.sampled_from(TENANTS),
    st.sampled_from(["alice", "bob"]),
    st.sampled_from(PERMISSIONS),
    st.none()
    | st.builds(Resource, st.just("room"), st.just("lobby"), st.sampled_from([*TENANTS, ""])),
    st.sampled_from(["10.0.0.1", "192.0.2.1"]),
    st.sampled_from([1, 2]),
)
"""Questions of all kinds of principals about all kinds of resources."""

scopes = st.none() | st.frozensets(patterns, min_size=1, max_size=4)

any_text = st.text(st.characters(exclude_categories=[]), max_size=30)
"""Any text at all, also half a surrogate pair."""

events = st.builds(
    Event,
    time=st.floats(0, 4e9),
    name=st.sampled_from(["authz_fail", "authn_login_success"]),
    cause=st.sampled_from(["", "forbidden"]),
    endpoint=any_text,
    permission=any_text,
    policies=st.lists(st.sampled_from(["p", "role:member"]), max_size=2).map(tuple),
    count=st.integers(1, 10**6),
    principal=any_text,
    address=any_text,
    user_agent=any_text,
    detail=any_text,
)

_ids = st.sampled_from(["", "a", "b"])

_epochs = st.sampled_from(["e", "f"])

revocations = st.builds(
    lambda target, value, at, position, by_time: Revocation(
        target, value, at, position[1], "", position[0], by_time
    ),
    st.sampled_from(Target),
    _ids,
    st.integers(0, 9).map(float),
    st.just(("", 0)) | st.tuples(_epochs, st.integers(1, 9)),
    st.booleans(),
)
"""Entries of the log in two epochs of it, and those that are not stored yet."""

authentications = st.builds(
    lambda principal, roles, tenant, credential, session, device, token, issued_at, position: (
        Authentication(
            Principal(principal, roles, tenant),
            "session",
            credential,
            False,
            0.0,
            issued_at,
            session_id=session,
            device_id=device,
            token_hash=token,
            position=position,
        )
    ),
    _ids,
    st.frozensets(_ids, max_size=2),
    st.none() | _ids,
    _ids,
    st.none() | _ids,
    st.none() | _ids,
    st.none() | _ids,
    st.integers(0, 10).map(float),
    st.none() | st.builds(LogPosition, _epochs, st.integers(0, 9)),
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text('a"\\[]{}', max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('b"[', max_size=3), inner),
    max_leaves=12,
)


@st.composite
def nearly(draw: st.DrawFn, good: st.SearchStrategy[str]) -> str:
    """A good text with up to three characters exchanged, put in or taken out."""
    text = draw(good)
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(text)))
        put = draw(
            st.text(st.sampled_from("aZ0 .:/-_*@#?%[]\"'\\<>=!\n\x00é\u3002\ud800"), max_size=2)
        )
        text = text[:at] + put + text[at + draw(st.integers(0, 1)) :]
    return text
