"""Grafana's dashboards and Prometheus' rules: they parse, and name only what there is."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from infra.dashboards import FOLDER, WORKERS, expressions, files
from infra.metrics import CATALOGUE, PREFIX, Metric

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "infra" / "compose"
RULES: list[dict[str, Any]] = yaml.safe_load((COMPOSE / "prometheus" / "rules.yml").read_text())["groups"][0]["rules"]
PROMETHEUS: dict[str, Any] = yaml.safe_load((COMPOSE / "prometheus" / "prometheus.yml").read_text())
OF_THE_SCRAPE = {"instance", "job", "role"}


def series() -> dict[str, set[str]]:
    """Every series that Prometheus gets of us, with its labels."""
    found = {"up": set[str]()}
    for metric in CATALOGUE:
        names = [""] if metric.kind != "histogram" else ["_bucket", "_sum", "_count"]
        for end in names:
            found[PREFIX + metric.name + end] = {*metric.labels, *({"le"} if end == "_bucket" else ())}
    return found


SERIES = series()


def selectors(node: Any) -> list[Any]:
    """The vector selectors of an expression, wherever in it."""
    if isinstance(node, promql_parser.VectorSelector):
        return [node]
    if isinstance(node, promql_parser.MatrixSelector):
        return [node.vector_selector]
    inner = [getattr(node, name) for name in ("expr", "lhs", "rhs") if hasattr(node, name)]
    inner += getattr(node, "args", [])
    return [found for each in inner for found in selectors(each)]


def check(expression: str) -> set[str]:
    """Parse an expression and look up all it names; its series' labels."""
    parsed = promql_parser.parse(expression.replace("$__rate_interval", "1m"))
    found = selectors(parsed)
    assert found, expression
    labels: set[str] = set()
    for selector in found:
        assert selector.name in SERIES, f"{selector.name} is in no catalogue"
        known = SERIES[selector.name] | OF_THE_SCRAPE
        assert {matcher.name for matcher in selector.matchers.matchers} <= known, expression
        labels |= known
    for grouped in re.findall(r"by \(([\w, ]+)\)", expression):
        assert set(grouped.split(", ")) <= labels, expression
    return labels


def test_a_made_up_name_is_found_out() -> None:
    with pytest.raises(AssertionError, match="no catalogue"):
        check("rate(lockstep_nonsense_total[5m])")
    with pytest.raises(AssertionError):
        check('lockstep_stuck{colour="red"}')
    with pytest.raises(AssertionError):
        check("sum by (colour) (lockstep_stuck)")
    with pytest.raises(ValueError):
        check("sum(lockstep_stuck")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_names_what_there_is_and_says_what_to_do(rule: dict[str, Any]) -> None:
    labels = check(rule["expr"])
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert set(rule["annotations"]) == {"summary", "action"}
    assert len(rule["annotations"]["action"]) > 20
    named = set(re.findall(r"\$labels\.(\w+)", " ".join(rule["annotations"].values())))
    grouped = [set(each.split(", ")) for each in re.findall(r"by \(([\w, ]+)\)", rule["expr"])]
    left = set.intersection(*grouped) if grouped else labels
    assert named <= left, "an annotation names a label that the expression has lost"


def test_alerts_have_names_of_their_own() -> None:
    names = [rule["alert"] for rule in RULES]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"Lockstep[A-Z]\w+", name) for name in names)


@pytest.mark.parametrize("panel", [p for row in WORKERS.values() for p in row], ids=lambda panel: panel.metric.name)
def test_a_panel_asks_for_what_there_is(panel: Any) -> None:
    for expression, _ in expressions(panel):
        check(expression)


def test_every_metric_is_shown_or_only_counted() -> None:
    shown = {panel.metric.name for row in WORKERS.values() for panel in row}
    # Rates of these say the same as others that are shown.
    same = {"records_total", "reports_total", "snapshots_total", "ticks_total", "prediction_recall"}
    missing = {metric.name for metric in CATALOGUE if isinstance(metric, Metric)} - shown
    assert missing - same <= {"prediction_labels"}, f"no panel shows {sorted(missing - same)}"


def test_the_files_are_what_the_code_makes() -> None:
    made = files()
    assert {file.name for file in FOLDER.iterdir()} == set(made)
    for name, text in made.items():
        assert (FOLDER / name).read_text() == text, "run python -m infra.dashboards"
        ids = [panel["id"] for panel in json.loads(text)["panels"]]
        assert len(set(ids)) == len(ids)


def test_the_data_sources_of_the_panels_are_provisioned() -> None:
    provisioned = yaml.safe_load((COMPOSE / "grafana" / "provisioning" / "datasources" / "lockstep.yml").read_text())
    known = {(one["type"], one["uid"]) for one in provisioned["datasources"]}
    for text in files().values():
        for panel in json.loads(text)["panels"]:
            if panel["type"] != "row":
                assert (panel["datasource"]["type"], panel["datasource"]["uid"]) in known


def test_prometheus_asks_services_that_exist() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    names = {name for job in PROMETHEUS["scrape_configs"] for name in job["dns_sd_configs"][0]["names"]}
    assert names == {name for name, service in services.items() if "healthcheck" in service and "build" in service}
    assert PROMETHEUS["rule_files"] == ["/etc/prometheus/rules.yml"]
