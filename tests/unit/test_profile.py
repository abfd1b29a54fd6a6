"""Declared tables become a log: counts of the real ones, order, and a source that needs no code."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec
import pytest

from stream.partition import partition_of
from stream.sources.inventory import MAX_BYTES, changes
from stream.sources.profile import MAX_LENGTH, Records, full_catalogue, load_profile, profile_names, records
from stream.sources.profile_spec import TimeSpec
from stream.sources.stamps import Stamps
from stream.sources.template import Template, escape
from twin import dn
from twin.errors import BadInput, ConfigurationError
from twin.events import Entity, Relation, Report, TopologyChange
from twin.log import LogRecord

DATA = Path(__file__).parents[3] / "shared" / "data"
ITU = DATA / "itu_5g_cell_load_energy"
PRB = DATA / "lte_prb_hourly_4cells"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"the recorded data sets are not at {DATA}")

MINE = """
name = "mine"
[[report]]
files = "*.csv"
separator = ";"
granularity = "15min"
element = "SubNetwork={Area},ManagedElement={Mast}"
object = "NRCellDU={Cell}"
missing = ["", "-"]
time = { column = "When", format = "%d.%m.%Y %H:%M", zone = "Europe/Rome", stamp = "begin" }
column = [
    { column = "Busy", counter = "RRU.PrbTotDl", unit = "fraction" },
    { column = "Supply", counter = "PEE.Voltage", unit = "mV" },
    { column = "Odd", counter = "Mine.Odd" },
]
[[inventory]]
files = "*.csv"
separator = ";"
missing = ["-"]
entity = [
    { dn = "SubNetwork={Area},ManagedElement={Mast}", kind = "element" },
    { dn = "SubNetwork={Area},ManagedElement={Mast},NRCellDU={Cell}", kind = "cell", numeric = ["Height"], text = ["Paint"] },
]
relation = [
    { source = "SubNetwork={Area},ManagedElement={Mast}", target = "SubNetwork={Area},ManagedElement={Mast},NRCellDU={Cell}", kind = "contains" },
]
[[counter]]
name = "Mine.Odd"
unit = "1"
low = -5
high = 5
[[target]]
counter = "RRU.PrbTotDl"
threshold = 60
horizon = "30min"
"""  # noqa: E501
HEADER = "When;Area;Mast;Cell;Busy;Supply;Odd;Height;Paint"
ROWS = [
    "01.07.2024 12:15;N;m1;b;0.5;48000;1;30;red",
    "01.07.2024 12:00;N;m1;b;0.25;-;1;30;red",
    "01.07.2024 12:00;N;m1;a,1;0.07;48000;;25;-",
    "01.07.2024 12:00;N;a0;a;0.1;48000;2;20;blue",
]


def folder(tmp_path: Path, *rows: str, profile: str = MINE) -> Path:
    (tmp_path / "mine.toml").write_text(profile)
    (tmp_path / "t.csv").write_text("\n".join([HEADER, *rows]) + "\n")
    return tmp_path


def mine(tmp_path: Path, *rows: str) -> Records:
    return records(load_profile(folder(tmp_path, *rows) / "mine.toml"), tmp_path, 2)


def reports(found: Records) -> list[Report]:
    return [msgspec.json.decode(r.value, type=Report) for r in found if r.type == "lockstep.report.v1"]


def check_log(log: list[LogRecord], partitions: int) -> list[Report]:
    """What holds for every log: positions, keys, times, order, names, counters."""
    catalogue, offsets, made, last = full_catalogue(), [0] * partitions, [], (0, "")
    for r in log:
        assert r.offset == offsets[r.partition]
        offsets[r.partition] += 1
        if r.type != "lockstep.report.v1":
            continue
        report = msgspec.json.decode(r.value, type=Report)
        assert r.key == dn.check(report.element)
        assert r.partition == partition_of(r.key, partitions)
        assert r.time == report.end.timestamp() * 1000
        assert last <= (r.time, r.key)
        assert len(report.values) == len(report.objects)
        catalogue.low(tuple(report.counters))
        made.append(report)
        last = (r.time, r.key)
    return made


@needs_data
def test_itu_has_the_counts_of_its_description() -> None:
    started = time.perf_counter()
    found = records(load_profile("itu-5g-energy"), ITU, 3)
    log = list(found)
    assert time.perf_counter() - started < 15  # about 2 s on an idle core
    assert found.rejected == []
    assert found.num_rows == 88_531 + 65_512
    made = check_log(log, 3)
    cells = [r for r in made if r.objects != [""]]
    assert sum(len(r.objects) for r in cells) == 88_531
    assert sum(len(r.objects) for r in made if r.objects == [""]) == 65_512
    assert len({(r.element, o) for r in cells for o in r.objects}) == 962
    assert len({r.element for r in cells}) == 816
    assert max(row[0] for r in cells for row in r.values) == pytest.approx(99.3957447)
    assert max(r.values[0][0] for r in made if r.counters == ["ITU.Energy"]) == 100
    assert made[0].begin == datetime(2023, 1, 1, tzinfo=UTC)

    inventories = [r for r in log if r.type == "lockstep.topology.v1"]
    assert sorted(r.partition for r in inventories) == [0, 1, 2]
    topology = msgspec.json.decode(inventories[0].value, type=TopologyChange)
    kinds = [e.kind for e in topology.entities]
    assert (kinds.count("cell"), kinds.count("element"), kinds.count("site")) == (962, 816, 816)
    assert {type(e.attributes["Bandwidth"]) for e in topology.entities if e.kind == "cell"} == {float}


@needs_data
def test_prb_has_the_counts_of_its_description() -> None:
    found = records(load_profile("prb-hourly"), PRB, 1)
    made = check_log(list(found), 1)
    assert (found.num_rows, len(found.rejected)) == (30_295, 0)
    by_cell = {name: [r for r in made if r.element.endswith(name)] for name in ("0001", "0012", "0015")}
    assert [len(by_cell[name]) for name in by_cell] == [10_102, 10_125, 10_068]
    used = {name: [r.values[0][0] for r in by_cell[name]] for name in by_cell}
    assert sum(v == 5.0 for vs in used.values() for v in vs) == 2_569  # clipped by the origin
    assert used["0001"].count(5.0) == 2_373
    assert sum(v == 95.0 for vs in used.values() for v in vs) == 3
    assert [sum(r.values[0][1] != 75 for r in by_cell[name]) for name in by_cell] == [28, 21, 68]


@needs_data
def test_single_file_of_a_profile_can_be_read_alone() -> None:
    found = records(load_profile("itu-5g-energy"), ITU / "ECdata.csv", 1)
    assert (found.num_rows, found.num_entities) == (65_512, 0)


def test_profile_of_a_users_own_needs_no_code(tmp_path: Path) -> None:
    found = mine(tmp_path, *ROWS)
    log = list(found)
    made = reports(found)
    assert found.rejected == []
    assert [(r.element, r.begin.hour, r.begin.minute, r.objects) for r in made] == [
        ("SubNetwork=N,ManagedElement=a0", 10, 0, ["NRCellDU=a"]),
        ("SubNetwork=N,ManagedElement=m1", 10, 0, ["NRCellDU=a\\2C1", "NRCellDU=b"]),
        ("SubNetwork=N,ManagedElement=m1", 10, 15, ["NRCellDU=b"]),
    ]
    assert made[1].values == [[7.0, 48.0, None], [25.0, None, 1.0]]
    assert made[1].source == "csv:mine"
    assert [r.partition for r in log[:2]] == [0, 1]
    topology = msgspec.json.decode(log[0].value, type=TopologyChange)
    assert {e.dn.rpartition("=")[2]: e.attributes for e in topology.entities if e.kind == "cell"} == {
        "b": {"Paint": "red", "Height": 30.0},
        "a\\2C1": {"Height": 25.0},
        "a": {"Paint": "blue", "Height": 20.0},
    }
    profile = load_profile(tmp_path / "mine.toml")
    assert [target.name for target in profile.targets] == ["RRU.PrbTotDl>60@30min"]
    assert profile.catalogue().get("Mine.Odd").low == -5


def test_order_of_rows_does_not_matter(tmp_path: Path) -> None:
    expected = [r for r in mine(tmp_path, *ROWS) if r.type == "lockstep.report.v1"]
    shuffled = list(ROWS)
    random.Random(3).shuffle(shuffled)
    found = mine(tmp_path, *shuffled)
    assert [r for r in found if r.type == "lockstep.report.v1"] == expected
    assert list(found) == list(found)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("01.07.2024 12:30;N;m1;b;x;1;1;30;red", "wrong-type"),
        ("01.07.2024 12:30;N;m1;b;inf;1;1;30;red", "wrong-type"),
        ("01.07.2024 12:30;N;m1;b;1.7e308;1;1;30;red", "wrong-type"),
        ("32.07.2024 12:30;N;m1;b;0.1;1;1;30;red", "wrong-type"),
        ("01.07.2024 12:30;N;m1;b;0.1;1;1;30", "wrong-type"),
        ("01.07.2024 12:30;N;;b;0.1;1;1;30;red", "bad-name"),
        ("01.07.2024 12:30;N;m1;b;0.1;1;1;31;red", "wrong-type"),
    ],
)
def test_bad_row_is_rejected_and_the_rest_goes_on(tmp_path: Path, row: str, reason: str) -> None:
    found = mine(tmp_path, *ROWS, row)
    assert {(r.reason, r.line) for r in found.rejected} == {(reason, 6)}
    assert len(reports(found)) >= 3


def test_repeated_row_is_kept_as_a_second_report(tmp_path: Path) -> None:
    made = reports(mine(tmp_path, *ROWS, ROWS[0]))
    assert [r.begin for r in made].count(made[-1].begin) == 2
    assert made[-1] == made[-2]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("granularity", "granularty", "granularty"),
        ('counter = "PEE.Voltage"', 'counter = "PEE.Volts"', "unknown-counter.*PEE.Volts"),
        ('unit = "mV"', 'unit = "kPa"', "unknown-unit.*kPa"),
        ("Europe/Rome", "Europe/Roma", "Europe/Roma"),
        ('"15min"', '"quarter"', "quarter"),
        ('stamp = "begin"', 'stamp = "middle"', "middle"),
        ("Mine.Odd", "RRU.Odd", "prefix"),
        ("threshold = 60", 'threshold = "60"', "threshold"),
        ("low = -5", "low = 5", "not below"),
        ('name = "mine"', "name = ", "not TOML"),
        ('separator = ";"', 'separator = ";;"', "separator"),
        ('separator = ";"', 'separator = "\\n"', "separator"),
        ('separator = ";"', 'separator = ";"\nencoding = "utf-9"', "encoding"),
        ('separator = ";"', 'separator = ";"\nencoding = "zip"', "encoding"),
        ('separator = ";"', 'separator = ";"\nencoding = "punycode"', "encoding"),
        ('separator = ";"', 'separator = ";"\nencoding = "a\\u0000"', "encoding"),
        ('files = "*.csv"', 'files = "/etc/*"', "below the directory"),
        ('files = "*.csv"', 'files = "../*.csv"', "below the directory"),
        ('files = "*.csv"', 'files = ""', "below the directory"),
        ('files = "*.csv"', 'files = "a\\u0000"', "below the directory"),
        ("%d.%m.%Y %H:%M", "%d.%d.%Y %H:%M", "names a part twice"),
        ("%d.%m.%Y %H:%M", "%d.%", "time format"),
        ('"15min"', '"9999999999999d"', "duration"),
        ('"15min"', '"99999999d"', "longer than a day"),
        ("threshold = 60", "threshold = nan", "threshold"),
        ("threshold = 60", "threshold = 1e-300", "threshold"),
        ("threshold = 60", f"threshold = {'6' * 5000}", "not TOML"),
        ('horizon = "30min"', 'horizon = "366d"', "horizon"),
        ("low = -5", "low = -inf", "not below"),
        ('name = "mine"', f"name = {'[' * 5000}", "not TOML"),
        ('name = "mine"', f"# {'x' * MAX_LENGTH}", "limit"),
    ],
)
def test_mistakes_in_a_profile_are_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in MINE
    with pytest.raises(ConfigurationError, match=message):
        load_profile(folder(tmp_path, profile=MINE.replace(old, new)) / "mine.toml")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("{Mast}", "{Mats}", "Mats"),
        ('files = "*.csv"', 'files = "a**"', "a\\*\\*"),
        ('separator = ";"', 'separator = ";"\nencoding = "utf-16"', "is not utf-16"),
        ("ManagedElement={Mast}", "{Mast}", "distinguished name"),
        ('column = "Busy"', 'column = "Bussy"', "no column 'Bussy'"),
        ('files = "*.csv"', 'files = "*.tsv"', "no file"),
    ],
)
def test_profile_that_does_not_fit_the_files_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    folder(tmp_path, *ROWS, profile=MINE.replace(old, new))
    with pytest.raises(ConfigurationError, match=message):
        records(load_profile(tmp_path / "mine.toml"), tmp_path, 1)


@pytest.mark.parametrize(("text", "stamp"), [("9999-12-31T23:30:00", "begin"), ("0001-01-01T00:30:00", "end")])
def test_a_period_must_lie_within_the_calendar(text: str, stamp: Literal["begin", "end"]) -> None:
    with pytest.raises(BadInput, match="leaves the calendar"):
        Stamps(TimeSpec(column="t", zone="UTC", stamp=stamp), "1h").read(text)


def test_nothing_to_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no row of measurements"):
        mine(tmp_path, "nonsense;N;m1;b;0.1;1;1;30;red")
    with pytest.raises(ConfigurationError, match="doesn't exist"):
        records(load_profile("prb-hourly"), tmp_path / "none", 1)
    with pytest.raises(ConfigurationError, match=r"one of: .*prb-hourly"):
        load_profile("prb-daily")
    with pytest.raises(ConfigurationError, match="no profile"):
        load_profile("a\0b")


def test_every_profile_of_the_package_loads() -> None:
    assert {"itu-5g-energy", "prb-hourly"} <= set(profile_names())
    assert full_catalogue().get("ITU.Energy").tracked


@pytest.mark.parametrize("value", ["a,b=c", "tab\there", "back\\slash", "ü ñ", "\x00", "\x7f", "\x85"])
def test_escaped_values_are_legal_and_distinct(value: str) -> None:
    assert dn.check(f"Site={escape(value)}")
    assert escape(value) != escape(value + ",")
    assert Template("Site={x}", ["x"]).make([value]) == f"Site={escape(value)}"


@pytest.mark.parametrize("value", ["", "x" * 129])
def test_values_that_fit_no_name_are_refused(value: str) -> None:
    with pytest.raises(BadInput, match="bad-name"):
        escape(value)


def test_large_inventory_is_cut_and_loses_nothing() -> None:
    entities = [Entity(dn=f"ManagedElement={i}", kind="element", attributes={"note": "x" * 90}) for i in range(20_000)]
    relations = [Relation(source=e.dn, target="Site=1", kind="located_at") for e in entities[:9_000]]
    made = changes(entities, relations, datetime(2026, 1, 1, tzinfo=UTC), "test")
    assert max(len(msgspec.json.encode(change)) for change in made) < 2**20 > MAX_BYTES
    assert [e for change in made for e in change.entities] == entities
    assert [r for change in made for r in change.relations] == relations
    assert len({change.id for change in made}) == len(made) > 2
