"""VIAVI's CellReports: units, an energy that counts up, sleeping cells, begin and end of a period."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import folding
import msgspec
import pytest

from stream.sources import viavi
from stream.sources.account import Account
from stream.sources.files import recognise
from stream.sources.profile import full_catalogue
from twin.errors import BadInput
from twin.events import Report, TopologyChange

HEAD = (
    "timestamp,Viavi.Cell.Name,Viavi.isEnergySaving,DRB.UEThpDl,RRU.PrbTotDl,PEE.Energy,Viavi.Geo.x,Viavi.Radio.power"
)
AT = 1_714_550_400_000


def row(minute: float, cell: str = "S1/B2/C1", sleeping: int = 0, energy: object = "", power: float = 30.0) -> str:
    return f"{AT + int(60_000 * minute)}.00 ,{cell},{sleeping},0.027,41,{energy},12.5,{power}"


def taken(*rows: str, head: str = HEAD, **options: str) -> tuple[list[Report], list[TopologyChange], Account]:
    account = Account("viavi", options=options)
    body = "\n".join([head, *rows]).encode()
    assert recognise(body) == "viavi"
    events = list(viavi.read(io.BytesIO(body), account))
    reports = [event for event in events if isinstance(event, Report)]
    return reports, [event for event in events if isinstance(event, TopologyChange)], account


def column(reports: list[Report], counter: str) -> list[float | None]:
    return [report.values[0][report.counters.index(counter)] for report in reports]


def test_values_have_the_standards_units_and_cells_their_names() -> None:
    reports, _, _ = taken(row(0), row(0, "S1/B13/C1"), row(0, "S2/B2/C1"), row(1))
    assert [(r.element, r.objects) for r in reports[:2]] == [
        ("ManagedElement=S1", ["NRCellDU=S1/B2/C1", "NRCellDU=S1/B13/C1"]),
        ("ManagedElement=S2", ["NRCellDU=S2/B2/C1"]),
    ]
    assert column(reports, "DRB.UEThpDl") == [27_000.0] * 3, "Gbit/s to kbit/s"
    assert column(reports, "RRU.PrbTotDl") == [41.0] * 3


def test_energy_of_a_period_is_the_difference_and_missing_where_the_count_begins_again() -> None:
    counts = ((0, 5.0), (1, 5.25), (2, 6.0), (3, 0.5), (4, 1.0))
    reports, _, _ = taken(*(row(minute, energy=count) for minute, count in counts))
    assert reports[0].cumulative == ["PEE.Energy"]
    assert column(reports, "PEE.Energy") == [5.0, 5.25, 6.0, 0.5, 1.0], "totals leave the file as they stand in it"
    place = reports[0].counters.index("PEE.Energy")
    told = (msgspec.to_builtins(report) for report in reports)
    stored = [kept[6][place] for kept in folding.history(folding.tell(folding.new_shard(), *told))]
    assert stored == [None, 0.25, 0.75, None, 0.5]


def test_a_sleeping_cell_says_so_when_it_changes_and_only_then() -> None:
    _, changes, _ = taken(*(row(minute, sleeping=s) for minute, s in enumerate((0, 0, 1, 1, 0))))
    assert [c.entities[0].reported.get("energySavingState") for c in changes] == [
        "IS_NOT_ENERGY_SAVING",
        "IS_ENERGY_SAVING",
        "IS_NOT_ENERGY_SAVING",
    ]
    assert changes[0].entities[0].dn == "ManagedElement=S1,NRCellDU=S1/B2/C1"
    assert changes[0].entities[0].reported["geoX"] == 12.5
    assert changes[0].entities[0].attributes == {}, "it reports; the inventory declares"
    assert "geoX" not in changes[1].entities[0].reported


def test_a_stamp_is_the_end_of_its_period_unless_it_is_said_to_be_the_begin() -> None:
    time = datetime(2024, 5, 1, 8, 0, tzinfo=UTC)
    reports, _, account = taken(row(0), row(15))
    assert (reports[0].begin, reports[0].end) == (time - timedelta(minutes=15), time)
    assert account.notes["a period of 900 s, from the first two stamps"] == 1
    reports, _, _ = taken(row(0), row(15), stamp="begin")
    assert (reports[0].begin, reports[0].end) == (time, time + timedelta(minutes=15))
    reports, _, _ = taken(row(0), period="30")
    assert reports[0].begin == time - timedelta(seconds=30)


@pytest.mark.parametrize("text", ["1714550400", "1714550400000.0", "2024-05-01T08:00:00Z", "2024-05-01T10:00:00+0200"])
def test_stamps_of_every_kind(text: str) -> None:
    reports, _, _ = taken(f"{text},S1/B2/C1,0,1,2,3,4,5", period="60")
    assert reports[0].end == datetime(2024, 5, 1, 8, 0, tzinfo=UTC)


def test_what_is_unknown_is_dropped_and_own_counters_are_taken_where_declared() -> None:
    head = "timestamp,Viavi.Cell.Name,RRC.ConnMean,Viavi.QoS.Score,QosFlow.TotPdcpPduVolumeDl,_FrameCnt"
    rows = [f"{AT + 60_000 * k},S1/B2/C1,7,3,9,1" for k in range(2)]
    reports, _, account = taken(*rows, head=head)
    assert reports[0].counters == ["RRC.ConnMean"]
    assert account.dropped == {"Viavi.QoS.Score": 2, "QosFlow.TotPdcpPduVolumeDl": 2}
    own = Account("viavi", catalogue=full_catalogue(vendors=["Viavi"]))
    events = list(viavi.read(io.BytesIO("\n".join([head, *rows]).encode()), own))
    assert isinstance(events[0], Report)
    assert events[0].counters == ["RRC.ConnMean", "Viavi.QoS.Score"]


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([row(0)], "bad-period"),
        ([row(1), row(0)], "bad-period"),
        ([row(0, energy="x"), row(1)], "wrong-type"),
        ([row(0, energy="inf"), row(1)], "out-of-range"),
        ([row(0, cell="/B1"), row(1)], "bad-name"),
        (["yesterday,S1,0,1,2,3,4,5"], "wrong-type"),
    ],
)
def test_what_cant_be_read_is_refused(rows: list[str], reason: str) -> None:
    with pytest.raises(BadInput) as caught:
        taken(*rows)
    assert caught.value.reason == reason


def test_a_row_with_other_fields_is_left_out_and_a_cell_twice_counts_once() -> None:
    reports, _, account = taken(row(0), "1,2", row(0), row(1))
    assert [r.objects for r in reports] == [["NRCellDU=S1/B2/C1"]] * 2
    assert account.notes["rows of 2 fields instead of 8 left out"] == 1
    assert account.notes["a cell twice at one time: the first is taken"] == 1
