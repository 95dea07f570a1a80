"""`stormdoor explain`: explain why a principal may or may not do an action, policy by policy."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Group, Parameter

from stormdoor.cli.duration import parse_duration
from stormdoor.cli.known import known_principal
from stormdoor.cli.moment import parse_moment
from stormdoor.cli.output import clean, console, print_json, remark, table
from stormdoor.cli.pairs import attributes as parsed
from stormdoor.cli.python_name import imported
from stormdoor.cli.usage import UsageError
from stormdoor.cli.where import CONFIG, STORE, UNSAID, Where, opened
from stormdoor.core.decision import AccessRequest, Environment, Resource
from stormdoor.core.permission import check_permission
from stormdoor.core.policy import PolicySet
from stormdoor.core.principal import Principal
from stormdoor.errors import StoreError

if TYPE_CHECKING:
    from rich.text import Text

    from stormdoor.core.decision import Decision
    from stormdoor.core.policy import PolicyStep

__all__ = ["app"]

app = App(name="explain", help_format="markdown")

app.command(
    "stormdoor.cli.explain_handshake:handshake",
    name="handshake",
    help="Show the credential of a handshake, each check, and the reason for the result.",
)

_PRINCIPAL = Group.create_ordered("Instead of the store")
_CIRCUMSTANCES = Group.create_ordered("Circumstances")

About = Annotated[str | None, Parameter(group=_PRINCIPAL)]
Abouts = Annotated[tuple[str, ...] | None, Parameter(group=_PRINCIPAL)]


@app.default
async def explain(
    principal: str,
    permission: str,
    /,
    *,
    resource: str | None = None,
    resource_tenant: str | None = None,
    resource_attribute: tuple[str, ...] = (),
    policies: str | None = None,
    role: Abouts = None,
    tenant: About = None,
    attribute: Abouts = None,
    scope: Annotated[tuple[str, ...] | None, Parameter(group=_CIRCUMSTANCES)] = None,
    address: Annotated[str, Parameter(group=_CIRCUMSTANCES)] = "127.0.0.1",
    endpoint: Annotated[str, Parameter(group=_CIRCUMSTANCES)] = "/",
    kind: Annotated[str, Parameter(group=_CIRCUMSTANCES)] = "session",
    age: Annotated[str, Parameter(group=_CIRCUMSTANCES)] = "0s",
    strength: Annotated[int, Parameter(group=_CIRCUMSTANCES)] = 1,
    at: Annotated[str | None, Parameter(group=_CIRCUMSTANCES)] = None,
    where: Where = UNSAID,
) -> int:
    """Explain whether a principal may do an action, with the result of each role and policy.

    Ends with 0 if it may, and with 1 if it may not.

    Args:
        principal: A principal of the store, or any name with --role.
        permission: The permission, such as chat:kick.
        resource: The resource, as type:id, such as room:lobby.
        resource_tenant: The tenant that the resource belongs to.
        resource_attribute: A fact about the resource, name=text or name:=json.
        policies: Roles and policies in Python, module:NAME, instead of those of the configuration.
        role: A role that it has, instead of those in the store; may be given several times.
        tenant: The tenant that it belongs to.
        attribute: A fact about it, name=text or name:=json.
        scope: A scope that its credential is restricted to; may be given several times.
        address: Address of the client. 127.0.0.1 if left out.
        endpoint: The path of the endpoint. / if left out.
        kind: The kind of credential. session if left out.
        age: Age of the authentication, such as 15min. 0s if left out.
        strength: Number of factors used. 1 if left out.
        at: Time, such as 2026-11-24T16:44+01:00. Now if left out.
        where: Which installation.
    """
    from stormdoor.auth.kinds import kind_names

    if kind not in (known := kind_names()):
        remark(f"no kind {kind} is installed; the kinds here are {', '.join(known)}")
    decided_by = await _policies(where, policies)
    who = (
        await _stored(where, principal)
        if role is None and tenant is None and attribute is None
        else _described(principal, role or (), tenant, attribute or ())
    )
    request = AccessRequest(
        principal=who,
        permission=check_permission(permission),
        resource=_resource(resource, resource_tenant, resource_attribute),
        environment=Environment(
            now=time.time() if at is None else parse_moment(at),
            address=address,
            endpoint=endpoint,
            kind=kind,
            authentication_age=parse_duration(age),
            strength=strength,
        ),
    )
    scopes = None if scope is None else frozenset(scope)
    decision = decided_by.decide(request, scopes)
    _show(where, decided_by, request, decision, decided_by.explain(request, scopes))
    return 0 if decision.allowed else 1


async def _policies(where: Where, name: str | None) -> PolicySet:
    """Return the policies of the Python name or of the configuration file."""
    if name is not None:
        return imported(name, PolicySet)
    from stormdoor.config.file import read_policies

    path = where.config
    if path is None and where.store is None and os.environ.get(CONFIG):
        path = Path(os.environ[CONFIG])
    if path is None:
        raise UsageError(
            "a store does not hold policies; give --config FILE, or --policies module:NAME"
        )
    policies = read_policies(path)
    if not policies.roles and not policies.policies:
        raise UsageError(
            f"{path} has no policies; give --policies module:NAME if the program defines them, or write"
            ' [[policies.role]] with name = "member" and grants = ["chat:say"] into it'
        )
    return policies


async def _stored(where: Where, id: str) -> Principal:
    if where == UNSAID and not os.environ.get(CONFIG) and not os.environ.get(STORE):
        raise UsageError("give --config or --store to look the principal up, or its --role")
    try:
        async with opened(where, purpose="read") as installation:
            return (await known_principal(installation.guard, id)).principal
    except StoreError as error:
        raise StoreError(f"{error} (or say what it has, with --role)") from None


def _described(
    id: str, roles: Sequence[str], tenant: str | None, attributes: Sequence[str]
) -> Principal:
    return Principal(id, frozenset(roles), tenant, parsed(attributes))


def _resource(text: str | None, tenant: str | None, attributes: Sequence[str]) -> Resource | None:
    if text is None:
        if tenant is not None or attributes:
            raise UsageError("which resource? Give --resource type:id")
        return None
    type, colon, id = text.partition(":")
    if not colon or not type or not id:
        raise UsageError(f"{text!r} is no resource; write type:id, such as room:lobby")
    return Resource(type, id, tenant, parsed(attributes))


def _show(
    where: Where,
    policies: PolicySet,
    request: AccessRequest,
    decision: Decision,
    steps: Sequence[PolicyStep],
) -> None:
    from rich.text import Text

    conditions = {
        one.id: [_named(condition) for condition in one.conditions] for one in policies.policies
    }
    roles_of = {one.id: sorted(one.roles) for one in policies.policies if one.roles is not None}
    if where.json:
        print_json(
            {
                "principal": request.principal.id,
                "roles": sorted(request.principal.roles),
                "permission": request.permission,
                "allowed": decision.allowed,
                "reason": decision.reason,
                "policies": list(decision.policy_ids),
                "errors": list(decision.errors),
                "steps": [
                    {
                        "id": one.id,
                        "effect": one.effect,
                        "applies": one.applies,
                        "said": one.said,
                        "roles": roles_of.get(one.id),
                        "when": conditions.get(one.id, []),
                    }
                    for one in steps
                ],
            }
        )
        return
    resource = request.resource
    on = f" {resource.type}:{resource.id}" if resource else ""
    verdict = ("allowed", "bold green") if decision.allowed else ("denied", "bold red")
    roles = ", ".join(sorted(request.principal.roles)) or "none"
    console().print(
        Text.assemble(verdict, clean(f": {request.principal.id} {request.permission}{on}")),
        Text(clean(f"{decision.reason}. Roles: {roles}.")),
        sep="\n",
    )
    if not steps:
        return
    console().print()
    table(
        ["", "who says it", "kind", "what it says"],
        [
            (
                _mark(one),
                one.id,
                one.effect,
                (
                    one.said.removeprefix(f"{one.id}: "),
                    *(f"for {name}" for name in roles_of.get(one.id, ())),
                    *(f"when {line}" for line in conditions.get(one.id, ())),
                ),
            )
            for one in steps
        ],
    )


def _named(condition: Callable[..., object]) -> str:
    """Return the line of a condition, or the name of its function."""
    name = getattr(condition, "__qualname__", None)
    return repr(condition) if name is None else f"{condition.__module__}.{name}"


def _mark(step: PolicyStep) -> Text:
    """Return the mark of a step: `+` grants, `-` denies, blank has no effect."""
    from rich.text import Text

    if step.effect == "scope":
        return Text("+", style="green") if step.applies else Text("-", style="red")
    if not step.applies or step.effect == "tenant":
        return Text(" ")
    if step.effect == "role" or (step.effect == "permit" and step.said == "applies"):
        return Text("+", style="green")
    # A forbid that applies, or a condition that failed, which denies.
    return Text("-", style="red")
