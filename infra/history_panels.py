"""What Grafana asks the history for: one statement a panel, with Grafana's macros for the time that is looked at."""

from __future__ import annotations

from typing import Literal, NamedTuple


class HistoryPanel(NamedTuple):
    """One panel.

    Attributes:
        sql: `$__timeFilter(column)` and `$counter` are Grafana's to fill in. It names columns that exist in every
            version of the schema from 6 on.
    """

    title: str
    description: str
    kind: Literal["timeseries", "table"]
    unit: str
    sql: str


NETWORK = (
    HistoryPanel(
        "Spread over the network",
        "Mean, ninth tenth and greatest of the counter over all objects, hour by hour: averages hide the worst.",
        "timeseries",
        "short",
        """
        SELECT begin AS time, avg(mean) AS mean, percentile_cont(0.9) WITHIN GROUP (ORDER BY mean) AS p90,
            max(max) AS greatest
        FROM measurement_hourly
        WHERE $__timeFilter(begin) AND counter = '$counter'
        GROUP BY begin ORDER BY begin
        """,
    ),
    HistoryPanel(
        "Worst objects",
        "Objects by their busiest hour of the time looked at.",
        "table",
        "short",
        """
        SELECT dn AS object, max(mean) AS busiest_hour, avg(mean) AS average, sum(periods) AS periods
        FROM measurement_hourly
        WHERE $__timeFilter(begin) AND counter = '$counter'
        GROUP BY dn ORDER BY busiest_hour DESC NULLS LAST LIMIT 50
        """,
    ),
    HistoryPanel(
        "Drifts",
        "Where reality has moved away from what the twin expects, and what kind of change it takes that for.",
        "table",
        "short",
        """
        SELECT time, body->>'object' AS object, body->>'counter' AS counter, body->>'kind' AS kind,
            body->>'direction' AS direction, (body->>'size')::float8 AS size
        FROM event WHERE $__timeFilter(time) AND kind = 'drift' ORDER BY time DESC LIMIT 200
        """,
    ),
    HistoryPanel(
        "Fidelity",
        "How well the twin's expectation agrees with what was measured, 1 is best; by counter, mean over partitions.",
        "timeseries",
        "percentunit",
        """
        SELECT time, body->>'counter' AS metric, avg((body->>'score')::float8) AS value
        FROM event
        WHERE $__timeFilter(time) AND kind = 'fidelity' AND coalesce(body->>'context', '') = ''
        GROUP BY time, metric ORDER BY time
        """,
    ),
    HistoryPanel(
        "Alarms",
        "What the twin was told of alarms: raised, changed, cleared.",
        "table",
        "short",
        """
        SELECT time, body#>>'{objects,0}' AS object, body#>>'{detail,perceivedSeverity}' AS severity,
            body#>>'{detail,probableCause}' AS cause
        FROM event
        WHERE $__timeFilter(time) AND kind = 'updates' AND body->>'change' = 'alarm' ORDER BY time DESC LIMIT 200
        """,
    ),
    HistoryPanel(
        "Silent elements",
        "Elements that went silent, and that were heard again.",
        "table",
        "short",
        """
        SELECT time, body#>>'{objects,0}' AS element, body->>'change' AS change
        FROM event
        WHERE $__timeFilter(time) AND kind = 'updates' AND body->>'change' IN ('stale', 'fresh')
        ORDER BY time DESC LIMIT 200
        """,
    ),
)
