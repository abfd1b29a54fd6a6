"""Drive tests become soundings with positions: what is taken, what is left out and why, and where they arrive."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from folding import new_shard

from stream.config import ShardConfig
from stream.decode import SOUNDING, TOPOLOGY, decode
from stream.pseudonyms import MARK, Pseudonyms
from stream.routing import entries
from stream.source_messages import told
from stream.sources import drive_spec, drive_test
from stream.sources.account import Account
from stream.sources.files import recognise
from stream.sources.geodetic import Origin, parse_origin
from twin.errors import BadInput, ConfigurationError
from twin.log import LogRecord
from twin.radio import soundings
from twin.radio.events import BurstRequest, Sounding

DATA = Path(__file__).parents[3] / "shared" / "data"
HEAD = "Timestamp,Longitude,Latitude,Speed,CellID,NetworkMode,RSRP,RSRQ,SNR,NODEHEX,DL_bitrate"
ORIGIN = {"origin": "53.0,-8.0"}


def row(second: int = 0, **more: Any) -> str:
    said = {
        "Timestamp": f"2026.07.01_10.00.{second:02}", "Longitude": "-8.0", "Latitude": "53.0", "Speed": 3, "CellID": 2,
        "NetworkMode": "LTE", "RSRP": -90, "RSRQ": -10, "SNR": "-", "NODEHEX": "A1", "DL_bitrate": 7,
    } | more  # fmt: skip
    return ",".join(str(said[name]) for name in HEAD.split(","))


def read(*rows: str, head: str = HEAD, name: str = "walk.csv", **options: str) -> tuple[list[Sounding], Account]:
    body = "\n".join([head, *rows, ""]).encode()
    account = Account("drive-test", name=name, options=ORIGIN | options)
    found = list(drive_test.read(io.BytesIO(body), account))
    for event in found:
        soundings.check(event)
        assert decode(SOUNDING, told(event).body) == event
    return found, account


def test_a_row_is_a_place_and_what_was_heard_there() -> None:
    ((event,), account) = read(row(), row(2, RSRP=-95, SNR=4.5, Latitude=53.001))
    assert event.element == "SubNetwork=drive,Terminal=walk"
    assert event.time == datetime(2026, 7, 1, 9, 0, 2, tzinfo=UTC), "Irish summer time"
    assert event.cells == ["SubNetwork=drive,ManagedElement=A1,NRCellDU=2"]
    assert (event.rsrp, event.rsrq, event.sinr) == ([[-90.0], [-95.0]], [[-10.0], [-10.0]], [[None], [4.5]])
    assert event.positions == [(0.0, 0.0, 1.5), (0.0, pytest.approx(111.28, abs=0.05), 1.5)]
    assert account.dropped == Counter(Speed=2, DL_bitrate=2)


def test_a_minute_and_a_cell_more_is_another_column_and_another_sounding() -> None:
    found, _ = read(row(0), row(30, CellID=3), row(0, Timestamp="2026.07.01_10.01.00"))
    assert [len(event.positions) for event in found] == [2, 1]
    assert found[0].rsrp == [[-90.0, None], [None, -90.0]]
    assert len({event.id for event in found}) == 2
    again, _ = read(row(0), row(30, CellID=3), row(0, Timestamp="2026.07.01_10.01.00"))
    assert again == found, "ids are functions of the content"


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"RSRP": "-"}, "no RSRP"),
        ({"RSRP": "loud"}, "RSRP is no number"),
        ({"RSRP": "nan"}, "RSRP is no number"),
        ({"RSRP": 7}, "an RSRP that no terminal reports"),
        ({"CellID": "-"}, "no cell"),
        ({"NetworkMode": "HSPA+"}, "mode 'HSPA+', which has no RSRP"),
        ({"Latitude": "-"}, "no position"),
        ({"Latitude": 0, "Longitude": 0}, "no position"),
        ({"Latitude": 91}, "91.0, -8.0 is no place on earth"),
        ({"Longitude": -3}, "a position too far from the scene's origin"),
        ({"Timestamp": "yesterday"}, "a stamp that is not of the form '%Y.%m.%d_%H.%M.%S'"),
    ],
)
def test_a_row_that_can_not_be_used_is_left_out_and_counted(changed: dict[str, Any], why: str) -> None:
    (event,), account = read(row(0), row(1, **changed), row(2))
    assert len(event.positions) == 2
    assert account.notes == Counter({f"left out: {why}": 1})


def test_doubled_and_disordered_stamps() -> None:
    (event,), account = read(row(5), row(5), row(5, RSRP=-91), row(3), row(6))
    assert [x for (x,) in event.rsrp] == [-90.0, -91.0, -90.0, -90.0]
    assert account.notes == {
        "left out: rows that stand again": 1,
        "a stamp again with other values: both are taken": 1,
        "a stamp before the one before: taken where it stands": 1,
    }


def test_notes_are_bounded() -> None:
    _, account = read(*(row(k % 60, NetworkMode=f"M{k}") for k in range(300)))
    assert len(account.notes) == drive_test.MOST_NOTES + 1
    assert sum(account.notes.values()) == 300


def profile(tmp_path: Path, **more: Any) -> str:
    said = """
    name = "own"
    element = "SubNetwork=1,UE={ue}"
    time = {column = "when"}
    position = {latitude = "lat", longitude = "lon"}
    cell = {name = "SubNetwork=1,NRCellDU={ci}", whole = ["ci"], names = {"SubNetwork=1,NRCellDU=7" = "NRCellDU=seven"}}
    value = {rsrp = "p"}
    """
    path = tmp_path / "own.toml"
    path.write_text(said + "\n".join(f"{k} = {json.dumps(v)}" for k, v in more.items()))
    return str(path)


OWN = "when,lat,lon,ci,p,ue"


def test_a_profile_of_ones_own_names_cells_as_the_inventory_does(tmp_path: Path) -> None:
    rows = ("2026-07-01T10:00:00+01:00,53.0,-8.0,7.0,-80,a", "2026-07-01T09:00:01Z,53.0,-8.0,8,-81,a")
    (event,), _ = read(*rows, head=OWN, drive=profile(tmp_path))
    assert event.cells == ["NRCellDU=seven", "SubNetwork=1,NRCellDU=8"]
    assert event.rsrp == [[-80.0, None], [None, -81.0]]


def test_without_a_zone_or_an_origin_nothing_is_guessed(tmp_path: Path) -> None:
    none, account = read("2026-07-01T10:00:00,53.0,-8.0,7,-80,a", head=OWN, drive=profile(tmp_path))
    assert none == []
    assert account.notes == {"left out: a stamp without zone, and the profile declares none": 1}
    body = f"{OWN}\n2026-07-01T10:00:00Z,53.0,-8.0,7,-80,a\n".encode()
    with pytest.raises(BadInput, match="say --set origin="):
        list(drive_test.read(io.BytesIO(body), Account("drive-test", options={"drive": profile(tmp_path)})))


def test_subscribers_are_pseudonyms_in_the_log(tmp_path: Path) -> None:
    imsi = "262011234567890"
    (event,), _ = read(f"2026-07-01T10:00:00Z,53.0,-8.0,7,-80,imsi-{imsi}", head=OWN, drive=profile(tmp_path))
    one = told(event)
    record = LogRecord(0, 0, one.key, one.time, one.type, one.body)
    with pytest.raises(BadInput, match="subscriber-id"):
        entries("sounding", record, 4, Pseudonyms())
    (entry,) = entries("sounding", record, 4, Pseudonyms(b"k" * 32))
    assert imsi.encode() not in entry.value + entry.key.encode()
    assert MARK in entry.key


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("name = 1", "can't be read"),
        ('colour = "red"', "can't be read"),
        ('separator = "ab"', "separator is one character"),
        ("group_s = 0", "group_s at least 1"),
    ],
)
def test_a_wrong_profile_is_refused(tmp_path: Path, text: str, what: str) -> None:
    path = Path(profile(tmp_path))
    path.write_text(text + path.read_text() if "name" not in text else text)
    with pytest.raises(ConfigurationError, match=what):
        drive_spec.read(path)
    with pytest.raises(BadInput, match="wrong-type"):
        read(head=OWN, drive=str(path))


def test_files_are_recognised_by_their_columns() -> None:
    assert recognise(f"{HEAD}\n{row()}".encode()) == "drive-test"
    assert recognise(b"Timestamp,Latitude,Longitude\n") == ""
    with pytest.raises(BadInput, match="say --set drive="):
        read(head="a,b,c")


# Degrees and metres ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("latitude", "north_m", "east_m"),
    # Lengths of a degree of latitude and of longitude, as tables of WGS 84 have them.
    [(0.0, 110_574.3, 111_319.5), (45.0, 111_131.8, 78_846.8), (60.0, 111_412.3, 55_800.0)],
)
def test_a_degree_is_as_long_as_tables_say(latitude: float, north_m: float, east_m: float) -> None:
    origin = Origin(latitude=latitude, longitude=12.0)
    x, y = origin.local(latitude, 12.001)
    assert (x, y) == (pytest.approx(east_m / 1000, rel=1e-5), pytest.approx(0.0, abs=1e-3))
    x, y = origin.local(latitude + 0.001, 12.0)
    assert (x, y) == (pytest.approx(0.0, abs=1e-9), pytest.approx(north_m / 1000, rel=2e-5))


def test_a_scene_may_be_turned_and_moved() -> None:
    plain, turned = parse_origin("60,12"), parse_origin("60,12,100,-50,90")
    x, y = plain.local(60.001, 12.002)
    assert turned.local(60.001, 12.002) == (pytest.approx(100 - y), pytest.approx(-50 + x))
    for wrong in ("60", "a,b", "91,0", "1,2,3", "nan,1"):
        with pytest.raises(BadInput):
            parse_origin(wrong)


# Recorded ones --------------------------------------------------------------------------------------------------------


def recorded(folder: str) -> list[Path]:
    files = sorted((DATA / folder).glob("*.csv"))
    if not files:
        pytest.skip(f"../shared/data/{folder} is not there")
    return files


def of_file(path: Path, **options: str) -> tuple[list[Sounding], Account]:
    account = Account("drive-test", name=path.name, options=options)
    with path.open("rb") as file:
        assert recognise(file.read(8192), path.name) == "drive-test"
        file.seek(0)
        found = list(drive_test.read(file, account))
    for event in found:
        soundings.check(event)
    return found, account


def test_every_row_of_the_recorded_drives_is_taken_or_counted() -> None:
    lte = taken = 0
    for path in recorded("ucc_5g_drive"):
        rows = list(csv.DictReader(path.read_text().splitlines()))
        found, account = of_file(path)
        places = sum(len(event.positions) for event in found)
        left = sum(n for note, n in account.notes.items() if note.startswith("left out"))
        assert places + left == len(rows), path.name
        others = sum(r["NetworkMode"] not in ("LTE", "5G") for r in rows)
        assert sum(n for note, n in account.notes.items() if "has no RSRP" in note) == others
        powers = Counter(x for event in found for r in event.rsrp for x in r if x is not None)
        assert powers <= Counter(float(r["RSRP"]) for r in rows if r["RSRP"] != "-")
        assert all(sum(x is not None for x in r) == 1 for event in found for r in event.rsrp)
        lte, taken = lte + len(rows) - others, taken + places
    assert taken > 0.95 * lte, "what is left out of LTE and 5G are rows that stand again"


def test_the_walks_of_cellularx_have_their_cells_and_places() -> None:
    for path in recorded("cellularx/real"):
        rows = [r for r in csv.DictReader(path.read_text().splitlines()) if r["ECI"]]
        found, _ = of_file(path)
        heard = [(c, x) for e in found for r in e.rsrp for c, x in zip(e.cells, r, strict=True) if x is not None]
        names = [f"SubNetwork=cellularx,EUtranCellFDD={int(float(r['ECI']))}" for r in rows]
        assert heard == [(name, float(r["RSRP"])) for name, r in zip(names, rows, strict=True)]
        first, last = found[0].positions[0], found[-1].positions[-1]
        north = (float(rows[-1]["LATITUDE"]) - float(rows[0]["LATITUDE"])) * 110_869
        east = (float(rows[-1]["LONGITUDE"]) - float(rows[0]["LONGITUDE"])) * 95_200
        assert last[1] - first[1] == pytest.approx(north, abs=1.0)
        assert last[0] - first[0] == pytest.approx(east, abs=2.0)
        stamp = datetime.strptime(rows[-1]["TIME"], "%Y%m%d %H:%M:%S.%f").replace(tzinfo=UTC)
        assert found[-1].time == stamp - timedelta(hours=8), "Shanghai"


def test_the_walks_arrive_at_the_radio_twin_which_asks_for_its_first_map() -> None:
    """As ordinary events: through the checks of ingest, into the fold."""
    events = [event for path in recorded("cellularx/real") for event in of_file(path)[0]]
    origin = drive_spec.find("cellularx").origin
    assert origin is not None
    own = {"azimuth_deg": 0.0, "tilt_deg": 0.0, "configuredMaxTxPower_dBm": 46.0, "frequency_Hz": 1.8425e9}
    cells = []
    for base in csv.DictReader((DATA / "cellularx" / "bs_info.csv").read_text().splitlines()):
        x, y = origin.local(float(base["lat"]), float(base["lon"]))
        place = {"x_m": x, "y_m": y, "z_m": 30.0, "num_prbs": 100, "antenna_pattern": "iso"}
        dn = f"SubNetwork=cellularx,EUtranCellFDD={base['cell(ECI)']}"
        cells.append({"dn": dn, "kind": "cell", "attributes": own | place})
    region = {"dn": "SubNetwork=cellularx", "kind": "region", "attributes": {"radio_scene": "campus.xml"}}
    change = {"id": "1", "time": "2023-02-27T00:00:00Z", "entities": [region, *cells]}
    sent = [(TOPOLOGY, "topology", json.dumps(change).encode())]
    sent += [(SOUNDING, "sounding", told(event).body) for event in sorted(events, key=lambda event: event.time)]
    records = []
    for offset, (type_, kind, body) in enumerate(sent):
        (entry,) = entries(kind, LogRecord(0, offset, "", 0, type_, body), 1, Pseudonyms())
        records.append(LogRecord(0, offset, entry.key, entry.time, entry.type, entry.value))
    shard = new_shard(ShardConfig())
    outlets = shard.apply(records).outlets
    assert shard.counts["sounding"] == len(events)
    assert shard.counts["sounding.empirical"] > 1500
    assert not any(name.startswith("rejected") for name in shard.counts)
    request = msgspec.json.decode(next(o for o in outlets if o.kind == "bursts").value, type=BurstRequest)
    assert len(request.cells) == 6
    assert len(request.soundings.positions) >= 120
    assert shard.radio["SubNetwork=cellularx"].error_db() is not None
