"""The dashboard of Grafana and the alerts of Prometheus use only what the exposition has."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from stormdoor.tornado.metrics import exposition
from tests.deploy.files import DEPLOY
from tests.deploy.promql import FROM_PROMETHEUS, SERIES, faults, result_labels, selectors, unit
from tests.docs.test_links import anchors
from tests.guard.fakes import bearer, make_guard, opened, refused, settle
from tests.support.installing import missing
from tests.support.project import ROOT

ALERTS = DEPLOY / "prometheus" / "alerts.yaml"
RULES: list[dict[str, Any]] = yaml.safe_load(ALERTS.read_text("utf-8"))["groups"][0]["rules"]
BOARD: dict[str, Any] = json.loads((DEPLOY / "grafana" / "stormdoor.json").read_text("utf-8"))
PANELS = [one for one in BOARD["panels"] if one["type"] != "row"]
RUNBOOK = "docs/how-to/runbook.md"
DASHBOARD_PAGE = "docs/how-to/metrics.md"


def expressions() -> Iterator[tuple[str, str]]:
    """Each expression, with its place."""
    for rule in RULES:
        yield rule["alert"], rule["expr"]
    for panel in PANELS:
        for number, target in enumerate(panel["targets"]):
            yield f"{panel['title']} {number}", target["expr"]
    page = (ROOT / DASHBOARD_PAGE).read_text("utf-8")
    for number, found in enumerate(re.findall(r"^\| [^|]*\? \| `([^|]+)` \|$", page, re.MULTILINE)):
        yield f"how-to {number}", found


EXPRESSIONS = list(expressions())


@pytest.mark.parametrize(
    "text", [text for _, text in EXPRESSIONS], ids=[at for at, _ in EXPRESSIONS]
)
def test_an_expression_uses_what_there_is(text: str) -> None:
    """It is PromQL; each series, label and value of a label exists."""
    assert selectors(text)
    assert faults(text) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("rate(stormdoor_messages[5m])", "no series stormdoor_messages"),
        ("stormdoor_fenced{kind='x'}", "stormdoor_fenced has no label kind"),
        (
            "stormdoor_handshakes_refused_total{cause='bad-credentials'}",
            "cause is never bad-credentials",
        ),
        ("sum by (cause) (stormdoor_fenced)", "cause is no label here"),
        (
            "sum by (kind) (sum by (le) (stormdoor_authentication_seconds_bucket))",
            "kind is no label here",
        ),
    ],
)
def test_a_wrong_expression_is_found(text: str, fault: str) -> None:
    """The check above can fail."""
    assert faults(text) == [fault]


async def test_the_series_are_those_of_the_exposition() -> None:
    """The list that the expressions are compared with is what a scrape returns."""
    guard = await settle(make_guard())
    await opened(guard, bearer("alice"))
    await refused(guard, bearer("mallory"))
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(exposition(guard).decode()):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    for name, labels in found.items():
        assert SERIES[name] == labels | FROM_PROMETHEUS
    # Without a provider and a file there are no series of these.
    left = {"stormdoor_breaker_open", "stormdoor_breaker_openings_total"}
    assert SERIES.keys() - found.keys() == left | {
        "stormdoor_store_bytes",
        "stormdoor_store_free_bytes",
    }
    await guard.close()


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_a_panel_fits_its_expressions(panel: dict[str, Any]) -> None:
    """Its unit, the labels in its legend, and the variables of the dashboard."""
    assert {unit(one["expr"]) for one in panel["targets"]} == {
        panel["fieldConfig"]["defaults"]["unit"]
    }
    for target in panel["targets"]:
        assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= result_labels(
            target["expr"]
        )
        assert 'job=~"$job", instance=~"$instance"' in target["expr"]
        assert target["datasource"]["uid"] == "${datasource}"


def test_the_dashboard_has_no_two_of_one() -> None:
    """Panels have ids of their own and do not overlap; the variables exist."""
    assert len({one["id"] for one in BOARD["panels"]}) == len(BOARD["panels"])
    places = [one["gridPos"] for one in BOARD["panels"]]
    cells = [
        (x, y)
        for one in places
        for x in range(one["x"], one["x"] + one["w"])
        for y in range(one["y"], one["y"] + one["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24
    assert [one["name"] for one in BOARD["templating"]["list"]] == ["datasource", "job", "instance"]


def test_each_series_is_on_the_dashboard() -> None:
    """Nothing is counted that the dashboard does not show, apart from what only sums up."""
    shown = {one.name for _, text in EXPRESSIONS for one in selectors(text)}
    summed = {name for name in SERIES if name.endswith(("_sum", "_count"))}
    assert SERIES.keys() - shown - summed == {"stormdoor_connections_fenced_total"}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_says_what_to_do(rule: dict[str, Any]) -> None:
    """Its section of the runbook exists and names it; its text uses labels that it has."""
    address = rule["annotations"]["runbook_url"]
    path, _, anchor = address.rpartition("/main/")[2].partition("#")
    assert path == RUNBOOK
    assert anchor in anchors(ROOT / RUNBOOK)
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    used = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
    assert used <= result_labels(rule["expr"])


def test_the_runbook_names_each_alert() -> None:
    """An operator who searches the page for the alert finds it."""
    text = (ROOT / RUNBOOK).read_text("utf-8")
    assert [one["alert"] for one in RULES if f"`{one['alert']}`" not in text] == []


# -- with promtool -----------------------------------------------------------------------------------


def _promtool(*words: str | Path) -> str:
    if shutil.which("promtool") is None:
        missing("promtool is not installed")
    done = subprocess.run(
        ["promtool", *map(str, words)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_promtool_accepts_the_rules() -> None:
    """The real parser of Prometheus reads the file."""
    assert f"{len(RULES)} rules found" in _promtool("check", "rules", ALERTS)


REFUSED = "stormdoor_handshakes_refused_total"
FIRES: dict[str, tuple[dict[str, str], str]] = {
    "StormdoorNoMetrics": ({}, "10m"),
    "StormdoorStoreDown": ({f'{REFUSED}{{cause="unavailable"}}': "0+60x20"}, "10m"),
    "StormdoorFenced": ({"stormdoor_fenced": "1x20"}, "10m"),
    "StormdoorFencedOften": ({"stormdoor_fences_total": "0+1x60"}, "60m"),
    "StormdoorRevocationsUnknown": ({"stormdoor_revocations_age_seconds": "0+60x20"}, "10m"),
    "StormdoorRevocationsLate": (
        {
            'stormdoor_revocation_lag_seconds_bucket{le="2.5"}': "0x60",
            'stormdoor_revocation_lag_seconds_bucket{le="5.0"}': "0+1x60",
            'stormdoor_revocation_lag_seconds_bucket{le="+Inf"}': "0+1x60",
        },
        "40m",
    ),
    "StormdoorTrailLost": ({"stormdoor_trail_lost_total": "0x5 1x20"}, "10m"),
    "StormdoorTrailWaiting": ({"stormdoor_trail_waiting": "2000x20"}, "10m"),
    "StormdoorStoreNearlyFull": ({"stormdoor_store_alarm": "1x20"}, "10m"),
    "StormdoorFull": (
        {"stormdoor_connections": "95x20", "stormdoor_connections_limit": "100x20"},
        "10m",
    ),
    "StormdoorProviderDown": (
        {'stormdoor_breaker_open{issuer="https://id.example",question="keys"}': "1x20"},
        "10m",
    ),
    "StormdoorHandshakesSlow": (
        {
            'stormdoor_handshake_seconds_bucket{result="admitted",le="1.0"}': "0x60",
            'stormdoor_handshake_seconds_bucket{result="admitted",le="2.5"}': "0+9x60",
            'stormdoor_handshake_seconds_bucket{result="admitted",le="+Inf"}': "0+9x60",
        },
        "40m",
    ),
    "StormdoorErrors": (
        {
            f'{REFUSED}{{cause="internal"}}': "0x5 2x20",
            'stormdoor_connections_ended_total{cause="internal"}': "0x30",
        },
        "10m",
    ),
    "StormdoorGuessing": (
        {
            f'{REFUSED}{{cause="bad-credential"}}': "0+40x60",
            f'{REFUSED}{{cause="authentication-backoff"}}': "0+40x60",
        },
        "40m",
    ),
    "StormdoorForeignPages": ({f'{REFUSED}{{cause="origin-not-allowed"}}': "0+12x90"}, "80m"),
    "StormdoorFlood": (
        {'stormdoor_messages_refused_total{cause="message-rate"}': "0+900x60"},
        "40m",
    ),
}
"""The series with which each alert fires, and when."""


def _cases(alert: str, at: str) -> list[dict[str, Any]]:
    series, time = FIRES[alert]
    present = {"stormdoor_info": "1x120"} if alert != "StormdoorNoMetrics" else {}
    return [
        {
            "interval": "1m",
            "name": f"{alert} at {at}",
            "input_series": [
                {"series": name, "values": values} for name, values in {**present, **series}.items()
            ],
            "promql_expr_test": [
                {
                    "expr": f'count(ALERTS{{alertstate="firing", alertname="{alert}"}}) or vector(0)',
                    "eval_time": time if at == "the end" else "0m",
                    "exp_samples": [{"labels": "{}", "value": 1 if at == "the end" else 0}],
                }
            ],
        }
    ]


def test_each_alert_fires(tmp_path: Path) -> None:
    """On series with its fault, and not at once; Prometheus evaluates the rules."""
    assert sorted(FIRES) == sorted(one["alert"] for one in RULES)
    tests = [
        case for alert in FIRES for at in ("the beginning", "the end") for case in _cases(alert, at)
    ]
    file = tmp_path / "alerts.test.yaml"
    file.write_text(yaml.safe_dump({"rule_files": [str(ALERTS)], "tests": tests}), "utf-8")
    _promtool("test", "rules", file)


def test_no_alert_fires_on_a_quiet_server(tmp_path: Path) -> None:
    """With every series at 0, and one process that is there."""
    quiet = [
        {"series": f"{name}{_some(name)}", "values": "0x120"}
        for name in SERIES
        if name not in {"stormdoor_info", "stormdoor_connections_limit"}
    ]
    quiet += [
        {"series": "stormdoor_info", "values": "1x120"},
        {"series": "stormdoor_connections_limit", "values": "100x120"},
    ]
    test = {
        "interval": "1m",
        "input_series": quiet,
        "promql_expr_test": [
            {
                "expr": "count(ALERTS) or vector(0)",
                "eval_time": "100m",
                "exp_samples": [{"labels": "{}", "value": 0}],
            }
        ],
    }
    file = tmp_path / "quiet.test.yaml"
    file.write_text(yaml.safe_dump({"rule_files": [str(ALERTS)], "tests": [test]}), "utf-8")
    _promtool("test", "rules", file)


def _some(name: str) -> str:
    values = {"cause": "internal", "le": "+Inf", "result": "admitted"}
    labels = sorted(SERIES[name] - FROM_PROMETHEUS)
    text = ",".join(f'{one}="{values.get(one, "x")}"' for one in labels)
    return f"{{{text}}}" if text else ""
