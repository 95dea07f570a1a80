"""Which hostile origin gets past a check, for the rules that have one trick each."""

from collections.abc import Callable, Iterator

from stormdoor.auditor.judging.endpoint import Endpoint
from stormdoor.auditor.rule import Found

__all__ = ["accepts_by"]


def accepts_by(trick: str) -> Callable[[Endpoint], Iterator[Found]]:
    """The check of endpoints whose `check_origin()` is deceived by an origin of this kind.

    Args:
        trick: As the origins that are tried are called: `prefix`, `suffix`, `substring`, `pattern`, `null`.
    """

    def check(endpoint: Endpoint) -> Iterator[Found]:
        answer = endpoint.origins
        method = endpoint.method("check_origin")
        if answer.kind == "weak" and answer.trick == trick and method is not None:
            yield Found(
                method.module,
                method.node,
                f"check_origin() of {endpoint.info.name} lets {answer.accepted} in.",
            )

    return check
