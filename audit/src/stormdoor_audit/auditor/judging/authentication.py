"""Authentication verdict from a connection's ways: does any client have to prove its identity?"""

from stormdoor_audit.auditor.classes.knowledge import Knowledge
from stormdoor_audit.auditor.connection.pathway import Pathway
from stormdoor_audit.auditor.judging.optional import by_a_setting
from stormdoor_audit.auditor.judging.shipped import in_use
from stormdoor_audit.auditor.judging.verdicts import Authentication, classified

__all__ = ["judge"]


def judge(pathway: Pathway, knowledge: Knowledge | None = None) -> Authentication:
    """The answer for an endpoint, from all ways of a client without a credential.

    Args:
        pathway: The ways.
        knowledge: What is known of bases that were not read.
    """
    shipped = [path for path in pathway.paths if path.is_as_shipped]
    used = in_use(shipped, pathway.paths)
    answer = classified(used)
    if answer.kind in {"guarded", "presumed", "unreachable"}:
        # INVARIANT: no endpoint is called safe because work ran out: the next way might have let a client
        # in.
        return answer if pathway.complete else Authentication("incomplete")
    optional = by_a_setting(pathway.paths) if used is shipped else None
    if optional is not None and optional.certain_default:
        return optional
    unread = _unread(pathway, knowledge)
    if unread is not None and unread[1] == "guarded":
        return Authentication("presumed", base=unread[0], event=answer.event, path=answer.path)
    if answer.kind in {"after-accept", "frames-pass", "skippable"}:
        return answer
    if optional is not None:
        return optional
    if unread is not None:
        return Authentication("unread", base=unread[0], event=answer.event, path=answer.path)
    return answer


def _unread(pathway: Pathway, knowledge: Knowledge | None) -> tuple[str, str] | None:
    """A base that was not read and may refuse before the 101, with what is known of it."""
    for name in ("prepare", "get", "get_current_user", "current_user", "open"):
        base = pathway.uncertain.get(name)
        if base is None:
            continue
        known = knowledge.about(base) if knowledge is not None else None
        if known is None:
            return base, "unknown"
        if known.authentication != "missing":
            return base, known.authentication
    return None
