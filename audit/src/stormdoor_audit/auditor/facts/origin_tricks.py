"""Accepted hostile origins, for the rules about one kind each."""

from collections.abc import Callable, Iterator

from stormdoor_audit.auditor.judging.endpoint import Endpoint
from stormdoor_audit.auditor.rule import Found

__all__ = ["accepts_by"]


def accepts_by(trick: str) -> Callable[[Endpoint], Iterator[Found]]:
    """Make the check of a rule for one kind of origin that `check_origin()` wrongly accepts.

    Args:
        trick: Kind of the origin: `prefix`, `suffix`, `substring`, `pattern`, `null`.
    """

    def check(endpoint: Endpoint) -> Iterator[Found]:
        answer = endpoint.origins
        method = endpoint.method("check_origin")
        if answer.kind == "weak" and answer.trick == trick and method is not None:
            yield Found(
                method.module,
                method.node,
                f"check_origin() of {endpoint.info.name} accepts {answer.accepted}.",
            )

    return check
