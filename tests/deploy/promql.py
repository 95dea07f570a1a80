"""Expressions of PromQL, read: the series and labels that they use, and those that their results have."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import promql_parser

from stormdoor.core.denial import Denial
from stormdoor.runtime.measurements import Family, measure
from tests.guard.fakes import make_guard

__all__ = ["SERIES", "Selector", "faults", "result_labels", "selectors"]

FROM_PROMETHEUS = frozenset({"job", "instance"})
"""Labels that Prometheus adds to each series that it scrapes."""
VALUES = {
    "cause": frozenset(one.value for one in Denial),
    "result": frozenset({"admitted", "refused"}),
}
"""The values of labels with a closed list."""
_VARIABLES = {"$__rate_interval": "5m", "$job": ".*", "$instance": ".*"}


def _series(family: Family) -> Iterator[tuple[str, frozenset[str]]]:
    labels = frozenset(family.labels) | FROM_PROMETHEUS
    if family.kind == "counter":
        yield f"{family.name}_total", labels
    elif family.kind == "gauge":
        yield family.name, labels
    else:
        yield f"{family.name}_bucket", labels | {"le"}
        yield f"{family.name}_sum", labels
        yield f"{family.name}_count", labels


SERIES = dict(pair for family in measure(make_guard()) for pair in _series(family))
"""The labels of each series of the exposition."""


@dataclass(frozen=True)
class Selector:
    """One selection of series in an expression."""

    name: str
    labels: tuple[tuple[str, str], ...]


def _parse(text: str) -> Any:
    for variable, value in _VARIABLES.items():
        text = text.replace(variable, value)
    return promql_parser.parse(text)


def _parts(node: Any) -> Iterator[Any]:
    yield node
    for name in ("lhs", "rhs", "expr", "vector_selector"):
        part = getattr(node, name, None)
        if part is not None:
            yield from _parts(part)
    for part in getattr(node, "args", None) or ():
        yield from _parts(part)


def selectors(text: str) -> list[Selector]:
    """Return each selection of series in an expression.

    Raises:
        ValueError: It is not PromQL.
    """
    return [
        Selector(one.name, tuple((each.name, each.value) for each in one.matchers.matchers))
        for one in _parts(_parse(text))
        if type(one).__name__ == "VectorSelector"
    ]


def faults(text: str) -> list[str]:
    """Return what is wrong with an expression: a series, a label or a value that does not exist."""
    found = []
    for one in selectors(text):
        if one.name not in SERIES:
            found.append(f"no series {one.name}")
            continue
        for label, value in one.labels:
            if label not in SERIES[one.name]:
                found.append(f"{one.name} has no label {label}")
            known = VALUES.get(label)
            if known is not None and not set(value.split("|")) <= known:
                found.append(f"{label} is never {value}")
    for node in _parts(_parse(text)):
        if type(node).__name__ == "AggregateExpr" and node.modifier is not None:
            inside = _labels(node.expr)
            found += [
                f"{one} is no label here" for one in node.modifier.labels if one not in inside
            ]
    return found


def _labels(node: Any) -> frozenset[str]:
    kind = type(node).__name__
    if kind == "VectorSelector":
        return SERIES.get(node.name, frozenset())
    if kind == "MatrixSelector":
        return _labels(node.vector_selector)
    if kind == "AggregateExpr":
        by = node.modifier
        return frozenset(by.labels) if by is not None else frozenset()
    if kind == "Call":
        inner = frozenset().union(*map(_labels, node.args))
        return inner - {"le"} if node.func.name == "histogram_quantile" else inner
    if kind == "BinaryExpr":
        return _labels(node.lhs) | _labels(node.rhs)
    if kind == "ParenExpr":
        return _labels(node.expr)
    return frozenset()


def result_labels(text: str) -> frozenset[str]:
    """Return the labels that the result of an expression has."""
    return _labels(_parse(text))


def unit(text: str) -> str:
    """Return Grafana's unit of the result: of seconds, bytes, events each second, a share, or a number."""
    names = {re.sub(r"_(bucket|sum|count|total)$", "", one.name) for one in selectors(text)}
    if re.search(r"\) / |\} / ", text):
        return "percentunit"
    if "histogram_quantile" in text or all(one.endswith("_seconds") for one in names):
        return "s"
    if all(one.endswith("_bytes") for one in names):
        return "bytes"
    return "ops" if "rate(" in text else "short"
