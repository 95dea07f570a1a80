"""The rules: one file each, `sdNNN_slug.py`, with a `RULE`."""

from importlib import import_module
from pkgutil import iter_modules

from stormdoor_audit.auditor.rule import Rule, RuleError

__all__ = ["RULES"]


def _all_rules() -> tuple[Rule, ...]:
    """Every rule, by id.

    Raises:
        RuleError: A file has no `RULE`, or two share an id or a slug.
    """
    rules: list[Rule] = []
    for found in sorted(iter_modules(__path__), key=lambda one: one.name):
        if not found.name.startswith("sd"):
            continue
        module = import_module(f"{__name__}.{found.name}")
        rule = getattr(module, "RULE", None)
        if not isinstance(rule, Rule):
            raise RuleError(f"{found.name} has no RULE")
        rules.append(rule)
    for key in ("id", "slug"):
        values = [getattr(rule.meta, key) for rule in rules]
        twice = {value for value in values if values.count(value) > 1}
        if twice:
            raise RuleError(f"two rules share {', '.join(sorted(twice))}")
    return tuple(sorted(rules, key=lambda rule: rule.meta.id))


RULES: tuple[Rule, ...] = _all_rules()
"""Every rule, by id."""
