"""The exposition of Prometheus, read by a parser of its text format."""

from __future__ import annotations

import math

import pytest
from prometheus_client.parser import text_string_to_metric_families

from stormdoor.runtime.measurements import measure
from stormdoor.tornado.metrics import exposition
from tests.guard.fakes import bearer, make_guard, opened, refused, settle


async def test_the_exposition_has_each_measurement() -> None:
    """Names, types, labels and values; the buckets of a histogram ascend to its count."""
    guard = await settle(make_guard())
    await opened(guard, bearer("alice"))
    await refused(guard, bearer("mallory"))
    found = {one.name: one for one in text_string_to_metric_families(exposition(guard).decode())}
    for family in measure(guard):
        metric = found.pop(family.name)
        assert (metric.type, metric.documentation) == (family.kind, family.text)
        assert {name for one in metric.samples for name in one.labels} - {"le"} == (
            set(family.labels) if family.samples else set()
        )
    assert not found
    text = exposition(guard).decode()
    assert 'stormdoor_handshakes_admitted_total{kind="token"} 1.0' in text
    assert 'stormdoor_handshakes_admitted_total{kind="session"} 0.0' in text
    assert 'stormdoor_handshakes_refused_total{cause="bad-credential"} 1.0' in text
    assert 'stormdoor_handshake_seconds_bucket{le="+Inf",result="admitted"} 1.0' in text
    assert 'stormdoor_handshake_seconds_count{result="refused"} 1.0' in text
    await guard.close()


async def test_buckets_ascend() -> None:
    """Prometheus wants cumulative counts, and the last bucket without a bound."""
    guard = await settle(make_guard())
    await opened(guard, bearer("alice"))
    for metric in text_string_to_metric_families(exposition(guard).decode()):
        if metric.type != "histogram":
            continue
        series: dict[str, list[tuple[float, float]]] = {}
        for one in metric.samples:
            if one.name.endswith("_bucket"):
                labels = repr({**one.labels, "le": ""})
                series.setdefault(labels, []).append((float(one.labels["le"]), one.value))
        for buckets in series.values():
            assert buckets == sorted(buckets)
            assert [count for _, count in buckets] == sorted(count for _, count in buckets)
            assert math.isinf(buckets[-1][0])
    await guard.close()


@pytest.mark.parametrize("secret", ["alice", "192.0.2.1", "app.example"])
async def test_no_label_holds_personal_data(secret: str) -> None:
    """No principal, no address, no origin."""
    guard = await settle(make_guard())
    await opened(guard, bearer("alice"))
    await refused(guard, bearer("alice", origin="https://evil.example"))
    assert secret not in exposition(guard).decode()
    await guard.close()
