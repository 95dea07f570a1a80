"""Actions of models: the behaviours that a table of a model can name."""

from stormdoor_audit.analyzer.engine.actions import checks, ends, functions, programs, sources
from stormdoor_audit.analyzer.engine.context import Invocation, Result

__all__ = ["run"]

_ACTIONS = {**checks.TABLE, **ends.TABLE, **functions.TABLE, **programs.TABLE, **sources.TABLE}


def run(call: Invocation) -> Result:
    """Do what a model says."""
    if call.model.attribute and call.owner is None and call.given.positional:
        (call.owner,) = tuple(call.given.positional[0])[:1] or (None,)
    return _ACTIONS[call.model.action](call)
