"""Grafana dashboards as code: what a panel shows comes from the catalogue of metrics, so its help text does, too.

`python -m infra.dashboards` writes them to `infra/compose/grafana/dashboards`; a test holds files and code together.

Source: Grafana, "Dashboard JSON model", schema version 39.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from infra import metrics as m
from infra.history_panels import NETWORK
from infra.metrics import PREFIX, Metric

FOLDER = Path(__file__).parent / "compose" / "grafana" / "dashboards"
WIDTH, HEIGHT = 24, 8
"""Of Grafana's grid, and of a row of panels on it."""
METRICS = {"type": "prometheus", "uid": "metrics"}
HISTORY = {"type": "postgres", "uid": "history"}
UNITS = {"s": "s", "byte": "bytes", "1": "short", "0 or 1": "bool_on_off"}
WINDOW = "$__rate_interval"


class Panel(NamedTuple):
    """One panel: a metric of the catalogue, by which label it is told apart.

    Attributes:
        adds: A gauge of things that each partition has its own of: they are added up.
    """

    metric: Metric
    by: str = ""
    adds: bool = False


WORKERS: dict[str, list[Panel]] = {
    "Is it in step?": [
        Panel(m.READY, "instance"),
        Panel(m.STUCK, "partition"),
        Panel(m.EVENT_TIME_LAG, "partition"),
        Panel(m.COMMITTED_LAG, "partition"),
        Panel(m.POSITION_LAG, "partition"),
        Panel(m.PROGRESS_AGE, "partition"),
    ],
    "What comes in": [
        Panel(m.CELL_PERIODS),
        Panel(m.INGESTED, "source"),
        Panel(m.ARRIVALS, "kind"),
        Panel(m.REJECTED, "reason"),
        Panel(m.STALE, "partition"),
        Panel(m.MISSING),
    ],
    "What goes out": [
        Panel(m.OUTLETS, "kind"),
        Panel(m.BATCH),
        Panel(m.TRANSACTION),
        Panel(m.PUBLISH),
        Panel(m.SNAPSHOT_AGE, "partition"),
        Panel(m.SNAPSHOT_SIZE, "partition"),
    ],
    "Broker, database, group": [
        Panel(m.SERVICE_UP, "service"),
        Panel(m.RETRIES, "step"),
        Panel(m.REBALANCES, "instance"),
        Panel(m.FENCED, "instance"),
        Panel(m.LOOP_STALL, "instance"),
        Panel(m.PARTITIONS, "instance"),
    ],
    "Alarms of the network": [
        Panel(m.ALARMS, "severity", adds=True),
        Panel(m.ALARMS_UNSEEN, "severity", adds=True),
        Panel(m.ALARMS_HELD, "reason", adds=True),
        Panel(m.ALARM_CHANGES, "change"),
        Panel(m.ALARMS_SUPPRESSED, "reason"),
    ],
    "Simulation bursts": [
        Panel(m.BURSTS_OPEN, "instance"),
        Panel(m.BURSTS, "outcome"),
        Panel(m.BURST_ENDS, "cause"),
        Panel(m.BURST_TIME),
    ],
    "How good predictions are": [
        Panel(m.EPISODE_RECALL, "target"),
        Panel(m.PRECISION, "target"),
        Panel(m.CALIBRATION_ERROR, "target"),
        Panel(m.BRIER, "target"),
        Panel(m.LEAD_TIME, "target"),
        Panel(m.FALSE_ALARMS, "target"),
    ],
    "Batch models": [
        Panel(m.MODELS, "state"),
        Panel(m.TRANSITIONS, "state"),
        Panel(m.TRAININGS, "outcome"),
        Panel(m.TRAINING),
    ],
    "HTTP API": [
        Panel(m.API_ANSWERS, "status"),
        Panel(m.API_TIME),
        Panel(m.API_SUBSCRIBERS, "instance"),
    ],
}


def expressions(panel: Panel) -> list[tuple[str, str]]:
    """What Prometheus is asked for one panel: expressions and the names of their lines."""
    name, by = PREFIX + panel.metric.name, panel.by
    line = f"{{{{{by}}}}}" if by else panel.metric.name
    if panel.metric.kind == "counter":
        return [(f"sum{f' by ({by})' if by else ''} (rate({name}[{WINDOW}]))", line)]
    if panel.metric.kind == "gauge":
        # Several processes say the same of one partition only while it changes hands: the greater counts.
        if panel.adds:
            return [(f"sum by ({by}) (max by (partition, {by}) ({name}))", line)]
        return [(f"max by ({by}) ({name})" if by else f"max ({name})", line)]
    quantile = f"sum by (le) (rate({name}_bucket[{WINDOW}]))"
    return [(f"histogram_quantile({q}, {quantile})", f"p{q * 100:.0f}") for q in (0.5, 0.95, 0.99)]


def workers() -> dict[str, Any]:
    """The dashboard of Lockstep's own processes."""
    panels: list[dict[str, Any]] = []
    top = 0
    for title, row in WORKERS.items():
        panels.append({"type": "row", "title": title, "gridPos": _place(0, top, WIDTH, 1), "panels": []})
        top += 1
        for number, panel in enumerate(row):
            place = _place(number % 3 * 8, top + number // 3 * HEIGHT, 8, HEIGHT)
            panels.append(_chart(panel, place))
        top += (len(row) + 2) // 3 * HEIGHT
    return _dashboard("lockstep-workers", "Lockstep: workers", panels, "now-6h")


def network() -> dict[str, Any]:
    """The dashboard of the network as the twin has it in its history."""
    panels = []
    for number, one in enumerate(NETWORK):
        panels.append(
            {
                "type": one.kind,
                "title": one.title,
                "description": one.description,
                "datasource": HISTORY,
                "gridPos": _place(number % 2 * 12, number // 2 * 9, 12, 9),
                "fieldConfig": {"defaults": {"unit": one.unit}, "overrides": []},
                "targets": [
                    {
                        "refId": "A",
                        "datasource": HISTORY,
                        "format": "table" if one.kind == "table" else "time_series",
                        "rawQuery": True,
                        "rawSql": one.sql,
                    }
                ],
            }
        )
    made = _dashboard("lockstep-network", "Lockstep: network", panels, "now-24h")
    made["templating"] = {
        "list": [
            {
                "name": "counter",
                "label": "Counter",
                "type": "query",
                "datasource": HISTORY,
                "query": "SELECT DISTINCT unnest(names) AS counter FROM counter_set ORDER BY counter",
                "current": {"text": "RRU.PrbTotDl", "value": "RRU.PrbTotDl"},
                "refresh": 1,
            }
        ]
    }
    return made


def _chart(panel: Panel, place: dict[str, int]) -> dict[str, Any]:
    metric = panel.metric
    unit = UNITS.get(metric.unit, "short")
    return {
        "type": "timeseries",
        "title": metric.name.removesuffix("_total").replace("_", " "),
        "description": f"{metric.meaning} {metric.advice}".strip(),
        "datasource": METRICS,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + number), "datasource": METRICS, "expr": expr, "legendFormat": line}
            for number, (expr, line) in enumerate(expressions(panel))
        ],
    }


def _dashboard(uid: str, title: str, panels: Sequence[dict[str, Any]], since: str) -> dict[str, Any]:
    return {
        "uid": uid,
        "title": title,
        "schemaVersion": 39,
        "editable": False,
        "refresh": "30s",
        "timezone": "browser",
        "tags": ["lockstep"],
        "time": {"from": since, "to": "now"},
        "panels": [{"id": number, **panel} for number, panel in enumerate(panels, 1)],
    }


def _place(x: int, y: int, w: int, h: int) -> dict[str, int]:
    return {"x": x, "y": y, "w": w, "h": h}


def files() -> dict[str, str]:
    """Name and text of each dashboard's file."""
    made = (workers(), network())
    return {f"{one['uid']}.json": json.dumps(one, indent=1) + "\n" for one in made}


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in files().items():
        (FOLDER / name).write_text(text)
