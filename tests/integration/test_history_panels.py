"""What Grafana asks the history for runs on the schema, and finds what is there."""

from __future__ import annotations

import psycopg
import pytest

from infra.history_panels import NETWORK, HistoryPanel
from infra.store.migrate import migrate

WHEN = "BETWEEN '2026-01-01' AND '2026-01-02'"


def as_grafana_sends(panel: HistoryPanel) -> str:
    """A panel's statement with Grafana's macros filled in."""
    text = panel.sql.replace("$__timeFilter(begin)", f"begin {WHEN}").replace("$__timeFilter(time)", f"time {WHEN}")
    return text.replace("$counter", "RRU.PrbTotDl")


@pytest.fixture
def filled(postgres_dsn: str) -> str:
    migrate(postgres_dsn)
    with psycopg.connect(postgres_dsn) as connection:
        connection.execute(
            "INSERT INTO shard (partition, log_id, epoch, owner, next_offset) VALUES (0, 'p', 1, 'x', 0)"
        )
        connection.execute("INSERT INTO object (id, dn, object_class) VALUES (1, 'NRCellDU=1', 'NRCellDU')")
        connection.execute("INSERT INTO counter_set VALUES (1, '{RRU.PrbTotDl}')")
        connection.execute(
            "INSERT INTO observation SELECT timestamptz '2026-01-01 06:00+00' + q * interval '15 min', 1, 1, q, "
            "(SELECT id FROM shard WHERE log_id = 'p'), 900, 'NaN', 0, '{}', ARRAY[10.0 * q] "
            "FROM generate_series(1, 8) q"
        )
        for kind, body in (
            ("drift", '{"object": "NRCellDU=1", "counter": "RRU.PrbTotDl", "kind": "radio", "size": 3.5}'),
            ("fidelity", '{"counter": "RRU.PrbTotDl", "score": 0.9}'),
            ("updates", '{"change": "alarm", "objects": ["NRCellDU=1"], "detail": {"perceivedSeverity": "MAJOR"}}'),
            ("updates", '{"change": "stale", "objects": ["ManagedElement=1"]}'),
        ):
            connection.execute(
                "INSERT INTO event VALUES ('2026-01-01 12:00+00', %s, %s, '', "
                "(SELECT id FROM shard WHERE log_id = 'p'), %s)",
                [f"{kind}{len(body)}", kind, body],
            )
    return postgres_dsn


FOUND = {
    "Spread over the network": lambda row: row[1:] == (25.0, 25.0, 40.0),
    "Worst objects": lambda row: row[:2] == ("NRCellDU=1", 65.0),
    "Drifts": lambda row: row[1:] == ("NRCellDU=1", "RRU.PrbTotDl", "radio", None, 3.5),
    "Fidelity": lambda row: row[1:] == ("RRU.PrbTotDl", 0.9),
    "Alarms": lambda row: row[1:] == ("NRCellDU=1", "MAJOR", None),
    "Silent elements": lambda row: row[1:] == ("ManagedElement=1", "stale"),
}


@pytest.mark.parametrize("panel", NETWORK, ids=lambda panel: panel.title)
def test_a_panel_finds_what_is_there(filled: str, panel: HistoryPanel) -> None:
    with psycopg.connect(filled) as connection:
        rows = connection.execute(as_grafana_sends(panel)).fetchall()  # type: ignore[arg-type]
    assert rows
    assert FOUND[panel.title](rows[0]), rows
