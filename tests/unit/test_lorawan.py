"""LoRaWAN frames: what is lost, repeated or silent is counted, never made up; bytes are read by a declared layout."""

from __future__ import annotations

import base64
import gzip
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import folding
import pytest

from stream.ingesting import Intake, as_records
from stream.source_messages import told
from stream.sources.files import recognise
from stream.sources.lorawan import Frames
from stream.sources.lorawan_bytes import take_apart
from stream.sources.lorawan_profile import load_lorawan
from twin.counters import CATALOGUE
from twin.errors import BadInput, ConfigurationError
from twin.events import Report

DATA = Path(__file__).parents[3] / "shared" / "data" / "campusiot_iot_frames"
EMS, FTD = DATA / "ems-tourperret-A81758FFFE04B1C1-2.ndjson.gz", DATA / "FTD_0018B20000020.ndjson.gz"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"the recorded frames are not at {DATA}")
AT_MS = 1_700_000_000_000
SENSOR = "ManagedElement=lorawan,Sensor=dev-1"
CAMPUSIOT = load_lorawan("campusiot", CATALOGUE)


def frame(count: int, minute: int = 0, device: str = "dev-1", **more: Any) -> bytes:
    fields: dict[str, Any] = {
        "dev_eui": device,
        "fcnt": count,
        "port": 5,
        "reported_at": AT_MS + 60_000 * minute,
        "decoded": {"payload": {"temperature": 20.5, "vdd": 3600}},
        "hotspots": [{"name": "gw-a", "rssi": -113, "snr": -14.5}],
    }
    return json.dumps(fields | more).encode()


def read(lines: Iterable[bytes], profile: Any = CAMPUSIOT) -> tuple[list[Report], Counter[str], Frames]:
    notes: Counter[str] = Counter()
    frames = Frames(profile, "lorawan", notes)
    return [report for line in lines for report in frames.read(line)], notes, frames


def own(made: list[Report], sensor: str = SENSOR) -> list[dict[str, float | None]]:
    return [dict(zip(r.counters, r.values[0], strict=True)) for r in made if r.element == sensor]


def test_a_frame_is_the_sensors_report_and_one_of_every_link() -> None:
    two = [{"name": "gw-a", "rssi": -113, "snr": -14.5}, {"name": "gw-b", "rssi": -101, "snr": -16}]
    made, _, _ = read([frame(7, hotspots=two)])
    assert [r.element for r in made] == [SENSOR, f"{SENSOR},Link=gw-a", f"{SENSOR},Link=gw-b"]
    (values,) = own(made)
    assert values == {
        "PEE.AvgTemperature": 20.5,
        "Sensor.Battery": 3.6,
        "Sensor.Frames": 7.0,
        "Sensor.Gateways": 2.0,
        "Sensor.RSSI": -101.0,
        "Sensor.SNR": -14.5,
    }
    assert made[2].values == [[-101.0, -16.0]]
    assert {r.end.timestamp() for r in made} == {AT_MS / 1000}
    assert made[0].cumulative == ["Sensor.Frames"]


def test_repeats_resets_gaps_and_silences_are_told() -> None:
    lines = [frame(5, 0), frame(5, 1), frame(6, 2), frame(9, 3), frame(0, 4), frame(1, 300), frame(8, 4, "dev-2")]
    made, notes, frames = read(lines)
    assert notes == {
        "frames": 7,
        "frames repeated": 1,
        "frames missing": 2,
        "jumps": 1,
        "counter resets": 1,
        "silences": 1,
    }
    assert len(own(made)) == 5
    assert frames.longest == {"dev-1": 296 * 60.0, "dev-2": 0.0}


def test_a_frame_that_is_told_again_measures_only_other_ways() -> None:
    made, _, _ = read([frame(5, 0), frame(5, 1, hotspots=[{"name": "gw-b", "rssi": -99, "snr": 1}])])
    assert [r.element for r in made] == [SENSOR, f"{SENSOR},Link=gw-a", f"{SENSOR},Link=gw-b"]
    assert own(made)[0]["Sensor.RSSI"] == -113.0


def test_the_twin_counts_frames_and_a_reset_is_missing() -> None:
    made, _, _ = read([frame(5, 0), frame(6, 15), frame(9, 30), frame(0, 45), frame(1, 60)])
    shard = folding.new_shard()
    shard.apply(list(as_records([told(r) for r in made if r.element == SENSOR], 1)))
    table = shard.tables[shard.config.instant_period_ms]
    assert shard.counts["counter_resets"] == 1
    assert table.columns["values"][table.counters.index("Sensor.Frames"), table.row(SENSOR)] == 1.0
    assert list(_history(made)) == [None, 1.0, 3.0, None, 1.0]


def _history(made: list[Report]) -> Iterator[float | None]:
    records = list(as_records([told(r) for r in made if r.element == SENSOR], 1))
    effects = folding.fold(folding.new_shard(), records)
    column = made[0].counters.index("Sensor.Frames")
    return (row[6][column] for row in folding.history(effects))


ELSYS = bytes.fromhex("01011d0240 03c5ecf3 070e1b 0b00000000 0d00 0f05 1200".replace(" ", ""))


def test_bytes_are_read_where_nobody_decoded_them() -> None:
    undecoded = {"decoded": {"status": "error"}, "payload": base64.b64encode(ELSYS).decode()}
    made, notes, _ = read([frame(1, **undecoded)])
    (values,) = own(made)
    assert values["PEE.AvgTemperature"] == 28.5
    assert (values["PEE.Humidity"], values["Sensor.Battery"], values["Sensor.Motion"]) == (64.0, 3.611, 5.0)
    assert notes["frames decoded from bytes"] == 1


def test_what_the_layout_does_not_know_ends_a_frames_bytes() -> None:
    layout = CAMPUSIOT.layouts[5]
    assert take_apart(bytes.fromhex("01ff38"), layout) == ({"temperature": -20.0}, True)
    assert take_apart(bytes.fromhex("01011d77070e1b"), layout) == ({"temperature": 28.5}, False)
    assert take_apart(bytes.fromhex("01011d07"), layout) == ({"temperature": 28.5}, False)


def test_a_frame_without_values_says_only_how_it_was_heard() -> None:
    made, notes, _ = read([frame(1, decoded={"payload": None}, port=9)])
    (values,) = own(made)
    assert set(values) == {"Sensor.Frames", "Sensor.Gateways", "Sensor.RSSI", "Sensor.SNR"}
    assert notes["frames without values"] == 1


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "malformed"),
        (b"[" * 5000, "malformed"),
        (b"[]", "wrong-type"),
        (frame(-1), "wrong-type"),
        (frame(1, fcnt=True), "wrong-type"),
        (frame(1, fcnt=1.5), "wrong-type"),
        (frame(1, dev_eui=None), "wrong-type"),
        (frame(1, dev_eui="x" * 300), "bad-name"),
        (frame(1, reported_at="now"), "wrong-type"),
        (frame(1, reported_at=1e300), "bad-period"),
        (frame(1, decoded={"payload": {"temperature": "warm"}}), "wrong-type"),
        (frame(1, decoded={"payload": {"vdd": 1, "batteryVoltage": 2}}), "wrong-type"),
        (frame(1, decoded=None, payload="%%%"), "wrong-type"),
        (frame(1, hotspots=[{"name": str(n)} for n in range(99)]), "too-many"),
    ],
)
def test_a_frame_that_can_not_be_used_is_refused(line: bytes, reason: str) -> None:
    with pytest.raises(BadInput) as caught:
        read([line])
    assert caught.value.reason == reason


def test_a_file_is_recognised_and_its_bad_lines_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "frames.ndjson.gz"
    path.write_bytes(gzip.compress(b"\n".join([frame(1), b"{", frame(2, 15), b"", b"{}"]) + b"\n"))
    assert recognise(frame(1)) == "lorawan"
    intake = Intake([path], CATALOGUE)
    made = list(intake.events())
    assert len(made) == 4
    (outcome,) = intake.outcomes
    assert outcome.rejected == ""
    assert outcome.notes["lines left out: malformed"] == 1
    assert outcome.notes["lines left out: wrong-type"] == 1


PROFILE = """
element = "ManagedElement=x,Sensor={device}"
names = { roof = "ManagedElement=tower,Sensor=roof" }
[frame]
device = "deviceInfo.devEui"
count = "fCnt"
time = "time"
time_kind = "iso"
payload = "data"
encoding = "hex"
port = "fPort"
[fields]
level = { counter = "PEE.Voltage", unit = "mV" }
[[bytes]]
port = 1
types = [{ id = 9, size = 3, values = [{ name = "level", type = "u16", at = 1, scale = 2 }] }]
"""


def test_another_network_server_is_a_table_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(PROFILE)
    profile = load_lorawan("mine.toml", CATALOGUE, tmp_path)
    fields = {
        "deviceInfo": {"devEui": "roof"},
        "fCnt": 3,
        "time": "2026-05-01T12:00:00Z",
        "fPort": 1,
        "data": "09000102",
    }
    made, _, _ = read([json.dumps(fields).encode()], profile)
    assert [r.element for r in made] == ["ManagedElement=tower,Sensor=roof"]
    assert own(made, made[0].element)[0]["PEE.Voltage"] == 0.516


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("PEE.Voltage", "PEE.Nothing"),
        ('"mV"', '"Cel"'),
        ("size = 3", "size = 2"),
        ("size = 3", "size = 300"),
        ("Sensor={device}", "Sensor={nobody}"),
        ('encoding = "hex"', 'encoding = "utf"'),
        ("[fields]", "[felder]"),
        ("port = 1", "port = ["),
    ],
)
def test_a_wrong_profile_is_refused_when_it_is_read(tmp_path: Path, old: str, new: str) -> None:
    (tmp_path / "mine.toml").write_text(PROFILE.replace(old, new, 1))
    with pytest.raises(ConfigurationError):
        load_lorawan("mine.toml", CATALOGUE, tmp_path)


def test_a_profile_is_no_path_out_of_the_program() -> None:
    for name in ("../profiles/x", "nobody", "/etc/passwd"):
        with pytest.raises(ConfigurationError):
            load_lorawan(name, CATALOGUE)


# The recordings ----------------------------------------------------------------------------------------------------


def raw(path: Path) -> list[bytes]:
    with gzip.open(path) as file:
        return file.read().splitlines()


@needs_data
def test_the_fixed_sensors_defects_are_those_of_the_data_sheet() -> None:
    made, notes, frames = read(raw(EMS))
    assert notes == {
        "frames": 20_351,
        "frames repeated": 242,
        "frames missing": 212,
        "jumps": 40,
        "silences": 11,
        "frames decoded from bytes": 13_716,
    }
    assert round(max(frames.longest.values()) / 3600) == 1_166
    sensor = "ManagedElement=lorawan,Sensor=A81758FFFE04B1C1"
    mine = own(made, sensor)
    assert len(mine) == 20_351 - 242
    assert all(values["PEE.AvgTemperature"] is not None for values in mine), "undecoded frames have values, too"


@needs_data
def test_the_bytes_hold_what_the_network_decoded() -> None:
    layout, compared = CAMPUSIOT.layouts[5], 0
    for line in raw(EMS):
        frame_ = json.loads(line)
        if frame_["decoded"]["status"] != "success":
            continue
        found, whole = take_apart(base64.b64decode(frame_["payload"]), layout)
        assert whole
        assert found == {name: frame_["decoded"]["payload"][name] for name in found}
        assert {"temperature", "humidity", "vdd"} <= set(found)
        compared += 1
    assert compared == 20_351 - 13_716


@needs_data
def test_three_field_testers_in_one_file_are_told_apart() -> None:
    by_device: dict[str, list[bytes]] = {}
    for line in raw(FTD):
        by_device.setdefault(json.loads(line)["dev_eui"], []).append(line)
    found = {}
    for device, lines in by_device.items():
        _, notes, frames = read(lines)
        found[device] = [
            *(notes["frames"], notes["counter resets"], notes["frames repeated"], notes["frames missing"]),
            round(frames.longest[device] / 3600),
        ]
    assert sorted(found.values(), reverse=True) == [
        [13_318, 58, 3_775, 8_465, 592],
        [3_123, 9, 2_513, 1_927, 10_637],
        [513, 11, 84, 1_653, 3_684],
    ]
    made, notes, _ = read(raw(FTD))
    assert notes["frames without values"] == 1
    together = Counter((r.element.partition(",Link=")[0], r.begin) for r in made if ",Link=" in r.element)
    assert max(together.values()) == max(len({h["name"] for h in json.loads(line)["hotspots"]}) for line in raw(FTD))
    assert notes["counter resets"] == sum(one[1] for one in found.values()) == 78


@needs_data
def test_spot_values_are_those_of_the_file() -> None:
    lines = raw(EMS)
    frame_ = json.loads(lines[0])
    first = read(lines[:1])[0][0]
    values = dict(zip(first.counters, first.values[0], strict=True))
    assert values["PEE.AvgTemperature"] == frame_["decoded"]["payload"]["temperature"]
    assert values["Sensor.RSSI"] == max(hotspot["rssi"] for hotspot in frame_["hotspots"])
    assert round(first.end.timestamp() * 1000) == frame_["reported_at"]
